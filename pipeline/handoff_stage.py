"""Writes the files that trainers read: of a clip that was accepted, or of the pieces that were mended.

Beside an accepted clip stands its refined version, the one that physics would have, under limits of its own verdict.

A file is written where both the clip (or piece) and the very motion in the file were accepted; all others are taken
away, so that what lies in the folder is what the present settings accept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from pipeline.export import FORMATS
from pipeline.limits import find_limits
from pipeline.record_codec import plain
from pipeline.repair import Repairs
from pipeline.score import score
from pipeline.settings import Settings
from pipeline.stage import Stage, StageContext, WrittenFiles
from pipeline.store import remove_file
from pipeline.tracking import Followed
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.variants import VariantPlan, stage_of
from pipeline.verdict import Limits, Verdict, judge
from retarget.lead import LeadConfig, LedMotion, with_leads
from retarget.retargeter import RetargetResult
from robots.g1 import Variant, load_g1
from robots.model import RobotModel
from robots.motion import RobotMotion

_REFINED = ".refined"
"""What the name of a refined version ends in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A motion of one variant, and what was decided about it."""

    motion: RobotMotion
    verdict: Verdict


def handoff_stage(settings: Settings, plan: VariantPlan) -> Stage:
    """Return the stage that writes every format of the plan."""
    judge_led = _LedJudge(leads=settings.leads, validation=settings.validation, limits=find_limits(settings.limits))

    def run(context: StageContext, repairs: Repairs, followed: Followed, *solved: Any) -> WrittenFiles:
        results: dict[Variant, RetargetResult] = dict(zip(plan.variants, solved[::2], strict=True))
        verdicts: dict[Variant, Verdict] = dict(zip(plan.variants, solved[1::2], strict=True))
        whole: dict[Variant, _Judged] = {
            v: _Judged(motion=results[v].motion, verdict=verdicts[v]) for v in plan.variants
        }
        name = context.clip.id
        wanted: dict[str, dict[Variant, _Judged]]
        wanted = {name: whole} if verdicts[plan.shown].accepted else _pieces(repairs, plan, name)
        if verdicts[plan.shown].accepted and followed.refined is not None:
            refined = judge_led.verdict(followed.refined, load_g1(plan.shown))
            wanted[name + _REFINED] = {plan.shown: _Judged(motion=followed.refined, verdict=refined)}
        return _write(context, plan, wanted, judge_led)

    return Stage(
        name="handoff",
        version=7,
        config=[
            [[name, variant] for name, variant in sorted(plan.solved_for.items())],
            plain(settings.leads),
            plain(settings.validation),
            plain(find_limits(settings.limits)),
        ],
        reads=(
            "repair",
            stage_of("tracking", plan.shown),
            *(stage_of(name, variant) for variant in plan.variants for name in ("retarget", "verdict")),
        ),
        result=WrittenFiles,
        run=run,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _LedJudge:
    """Puts leads before and after a motion, and takes them off again where they would be refused."""

    leads: LeadConfig
    validation: ValidationConfig
    limits: Limits

    def __call__(self, motion: RobotMotion, robot: RobotModel) -> LedMotion:
        led = with_leads(motion, robot, self.leads)
        if len(led.motion) == len(motion):
            return led
        verdict = self.verdict(led.motion, robot)
        if verdict.accepted:
            return led
        refused = f"no leads: with them the motion is refused. {' '.join(verdict.rejections)}"
        return LedMotion(motion=motion, n_lead_in=0, n_lead_out=0, notes=(refused,))

    def verdict(self, motion: RobotMotion, robot: RobotModel) -> Verdict:
        """Judge a motion of the robot alone; where the tier asks nothing of the robot, there is nothing to refuse."""
        measured = (measure_robot(motion, robot, self.validation),)
        if not any(limit.stage == "validation" for limit in self.limits.items):
            return Verdict(tier=self.limits.tier, checks=(), score=score(measured))
        return judge(measured, self.limits)


def _told_of_leads(name: str, led: LedMotion, fps: float) -> list[str]:
    """Say which frames of a file are not the clip's own."""
    first, last = led.frames_at(fps)
    return [f"{name}: the first {first} and the last {last} frames are leads"] if first or last else []


def _pieces(repairs: Repairs, plan: VariantPlan, name: str) -> dict[str, dict[Variant, _Judged]]:
    """Name the pieces of a mended clip by number."""
    return {
        f"{name}.part{number}": {
            plan.shown: _Judged(motion=piece.motion, verdict=piece.verdict),
            **{other.variant: _Judged(motion=other.motion, verdict=other.verdict) for other in piece.variants},
        }
        for number, piece in enumerate(repairs.pieces, start=1)
    }


def _write(
    context: StageContext,
    plan: VariantPlan,
    wanted: Mapping[str, Mapping[Variant, _Judged]],
    judge_led: _LedJudge,
) -> WrittenFiles:
    """Write what is wanted, take away what other settings left, and say what was not handed off."""
    folder = context.clip_dir / "handoff"
    files, notes = [], []
    seconds = dict.fromkeys(plan.solved_for, 0.0)
    for name, judged in wanted.items():
        led = {v: judge_led(j.motion, load_g1(v)) for v, j in judged.items() if j.verdict.accepted}
        notes += [f"{name} ({load_g1(v).name}): {note}" for v, found in led.items() for note in found.notes]
        for format_name, variant in plan.solved_for.items():
            if variant not in judged:
                if not name.endswith(_REFINED):  # which is one of the robot that is shown
                    notes.append(f"{name}: not handed off as {format_name}: {load_g1(variant).name} cannot follow it")
                continue
            if variant in led:
                path = folder / f"{name}.{format_name}{FORMATS[format_name].suffix}"
                files.append(FORMATS[format_name].write(led[variant].motion, load_g1(variant), path))
                if not name.endswith(_REFINED):
                    seconds[format_name] += len(judged[variant].motion) / judged[variant].motion.fps
                notes += _told_of_leads(path.name, led[variant], FORMATS[format_name].fps)
            else:
                reasons = " ".join(judged[variant].verdict.rejections)
                refused = f"the motion of {load_g1(variant).name} was refused. {reasons}"
                notes.append(f"{name}: not handed off as {format_name}: {refused}")
    notes = [f"{file.path.name}: {note}" for file in files for note in file.notes] + notes
    written = {file.path for file in files}
    of_whole = {folder / f"{context.clip.id}.{name}{form.suffix}" for name, form in FORMATS.items()}
    withdrawn = of_whole | set(folder.glob(f"{context.clip.id}.*"))
    for path in withdrawn - written:
        remove_file(path)
    left = WrittenFiles.of(context.clip_dir, sorted(written), tuple(notes), sorted(withdrawn - written))
    return replace(left, seconds=seconds)
