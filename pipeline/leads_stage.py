"""Decides which motions of a clip go to trainers, and puts leads before and after each: its deliverables.

Of a clip that was accepted it is the whole; of one that was refused, the pieces that were mended. Beside an accepted
clip stands its refined version, the one that physics would have, under limits of its own verdict.

A motion is delivered where both the clip (or piece) and the very motion of that variant were accepted; why another one
is withheld is said.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.deliverable import REFINED, Deliverable, Deliverables, Kind, Withheld
from pipeline.hand_edits import NO_EDITS, HandEdits
from pipeline.limits import find_limits
from pipeline.measurement import Measurements, Span
from pipeline.record_codec import from_plain, plain
from pipeline.repair import Repairs
from pipeline.score import score
from pipeline.settings import Settings
from pipeline.stage import Stage, StageContext
from pipeline.tracking import Followed
from pipeline.validation import ValidationConfig, measure_robot
from pipeline.variants import VariantPlan, stage_of
from pipeline.verdict import CheckResult, Limits, Verdict, judge
from retarget.lead import LeadConfig, LedMotion, with_leads
from retarget.retargeter import RetargetResult
from robots.exceptions import InvalidArray
from robots.g1 import Variant, load_g1
from robots.model import RobotModel
from robots.motion import RobotMotion

FEWEST_FRAMES = 3
"""Of fewer no acceleration can be told, so nothing that moves can be judged; a person who cuts keeps as many."""

_ROUNDING = 1e-9

_Judged = tuple[RobotMotion, Verdict]
"""A motion of one variant, without leads, and what was decided about it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Candidate:
    """A motion that may be delivered, in the variants in which it is there."""

    name: str
    kind: Kind
    frames: Span
    edits: tuple[str, ...]
    judged: dict[Variant, _Judged]


def leads_stage(settings: Settings, plan: VariantPlan) -> Stage:
    """Return the stage that keeps what is delivered, at its native rate, for every variant of the plan."""
    judge_led = LedJudge.of(settings)

    def run(context: StageContext, repairs: Repairs, followed: Followed, *solved: Any) -> Deliverables:
        results: dict[Variant, RetargetResult] = dict(zip(plan.variants, solved[::2], strict=True))
        verdicts: dict[Variant, Verdict] = dict(zip(plan.variants, solved[1::2], strict=True))
        whole: dict[Variant, _Judged] = {v: (results[v].motion, verdicts[v]) for v in plan.variants}
        candidates = _candidates(context.clip.id, plan, whole, repairs, followed, judge_led)
        return _deliver(candidates, plan, judge_led)

    return Stage(
        name="leads",
        version=1,
        config=[list(plan.variants), *judge_led.config],
        reads=(
            "repair",
            stage_of("tracking", plan.shown),
            *(stage_of(name, variant) for variant in plan.variants for name in ("retarget", "verdict")),
        ),
        result=Deliverables,
        run=run,
    )


def deliver_trimmed(
    motion: RobotMotion,
    variant: Variant,
    frames: Span,
    judge_led: LedJudge,
    *,
    name: str,
    verdict: Verdict | None = None,
    human: Measurements | None = None,
    changes: HandEdits = NO_EDITS,
    by: str = "hand",
) -> Deliverable:
    """Make a deliverable of what a person accepted, whatever the limits say of it.

    The motion is changed as the person wants it, then cut; then it gets leads, unless with them more would be refused
    than without.

    Args:
        motion: All of the clip's motion.
        variant: The G1 that it is of.
        frames: What the person keeps.
        judge_led: Leads, validation and limits.
        name: What its files are called.
        verdict: On the motion as it is changed and cut; without one it is judged anew.
        human: What was measured of the human in these frames, to be judged with the robot; None = of the robot alone.
        changes: What the person changed of all of the motion.
        by: Who did, for the sentences.

    Raises:
        InvalidArray: There are no such frames, or too few of them.
    """
    start, stop = frames
    if not 0 <= start < stop <= len(motion):
        problem = f"frames {start} to {stop} are kept, and there are {len(motion)}: give a first and an end within them"
        raise InvalidArray("frames", problem=problem)
    whole = (start, stop) == (0, len(motion))
    if not whole and (problem := told_too_few(frames)):
        raise InvalidArray("frames", problem=problem)
    changed = changes.applied(motion)
    kept = changed if whole else changed.frames(start, stop)
    judged = judge_led.verdict(kept, load_g1(variant), human) if verdict is None else verdict
    done = changes.within(frames) + (() if whole else (f"frames {start} to {stop - 1} were kept",))
    edits = tuple(f"{sentence}, by {by}" for sentence in done)
    candidate = _Candidate(
        name=name, kind="whole" if whole else "part", frames=frames, edits=edits, judged={variant: (kept, judged)}
    )
    return _delivered(candidate, variant, judge_led)


def told_too_few(frames: Span) -> str:
    """Say why a person cannot keep these frames alone; empty if there are enough of them."""
    n = frames[1] - frames[0]
    if n >= FEWEST_FRAMES:
        return ""
    return f"{n} frame{'s' * (n != 1)} would be kept, and of fewer than {FEWEST_FRAMES} no motion can be judged"


@dataclass(frozen=True, slots=True, kw_only=True)
class LedJudge:
    """Puts leads before and after a motion, and takes them off again where they would be refused."""

    leads: LeadConfig
    validation: ValidationConfig
    limits: Limits

    @classmethod
    def of(cls, settings: Settings) -> LedJudge:
        """Take what it needs of the settings.

        Raises:
            InvalidLimits: The limits file cannot be used.
        """
        return cls(leads=settings.leads, validation=settings.validation, limits=find_limits(settings.limits))

    @classmethod
    def of_recipe(cls, config: Any) -> LedJudge:
        """Take all of it from what the recipe of the stage holds: a limits file may be gone, or another by now.

        Raises:
            ValueError: It holds something else; also TypeError, or an exception group of cattrs.
        """
        _, leads, validation, limits = config
        return cls(
            leads=from_plain(LeadConfig, leads),
            validation=from_plain(ValidationConfig, validation),
            limits=from_plain(Limits, limits),
        )

    @property
    def config(self) -> list[Any]:
        """What decides about leads, as JSON types."""
        return [plain(self.leads), plain(self.validation), plain(self.limits)]

    def __call__(self, motion: RobotMotion, robot: RobotModel, alone: Verdict) -> LedMotion:
        """Lead a motion; what it is refused for alone, the leads are not blamed for.

        Args:
            motion: Of this robot.
            robot: The robot.
            alone: The verdict on the motion without leads.
        """
        led = with_leads(motion, robot, self.leads)
        if len(led.motion) == len(motion):
            return led
        if not (blamed := _made_worse(alone, self.verdict(led.motion, robot))):
            return led
        reasons = " ".join(check.reason for check in blamed)
        refused = f"no leads: with them the motion is refused. {reasons}"
        return LedMotion(motion=motion, n_lead_in=0, n_lead_out=0, notes=(refused,))

    def verdict(self, motion: RobotMotion, robot: RobotModel, human: Measurements | None = None) -> Verdict:
        """Judge a motion of the robot, and its human if he was measured; what the tier does not ask refuses nothing."""
        measured = (*(() if human is None else (human,)), measure_robot(motion, robot, self.validation))
        if not any(limit.stage == group.stage for limit in self.limits.items for group in measured):
            return Verdict(tier=self.limits.tier, checks=(), score=score(measured))
        return judge(measured, self.limits)


def _made_worse(alone: Verdict, led: Verdict) -> list[CheckResult]:
    """Return the checks that refuse a led motion, and refused it less, or not at all, without its leads."""
    before = {(c.stage, c.measurement): abs(c.value - c.limit) for c in _refusing(alone)}
    return [
        check
        for check in _refusing(led)
        if abs(check.value - check.limit) > before.get((check.stage, check.measurement), -1.0) + _ROUNDING
    ]


def _refusing(verdict: Verdict) -> Iterator[CheckResult]:
    return (check for check in verdict.checks if not check.passed and check.severity == "reject")


def _candidates(
    name: str,
    plan: VariantPlan,
    whole: dict[Variant, _Judged],
    repairs: Repairs,
    followed: Followed,
    judge_led: LedJudge,
) -> list[_Candidate]:
    """List what a clip has to give: itself and its refined version, or its pieces, by number."""
    motion, verdict = whole[plan.shown]
    if not verdict.accepted:
        return _pieces(name, plan, repairs)
    frames = (0, len(motion))
    candidates = [_Candidate(name=name, kind="whole", frames=frames, edits=(), judged=whole)]
    if followed.refined is not None:
        refined = (followed.refined, judge_led.verdict(followed.refined, load_g1(plan.shown)))
        edits = ("it is what the simulated robot did, without help",)
        judged: dict[Variant, _Judged] = {plan.shown: refined}
        candidates.append(_Candidate(name=name + REFINED, kind="refined", frames=frames, edits=edits, judged=judged))
    return candidates


def _pieces(name: str, plan: VariantPlan, repairs: Repairs) -> list[_Candidate]:
    found = []
    for number, piece in enumerate(repairs.pieces, start=1):
        judged: dict[Variant, _Judged] = {plan.shown: (piece.motion, piece.verdict)}
        judged |= {other.variant: (other.motion, other.verdict) for other in piece.variants}
        found.append(
            _Candidate(name=f"{name}.part{number}", kind="part", frames=piece.frames, edits=piece.edits, judged=judged)
        )
    return found


def _deliver(candidates: list[_Candidate], plan: VariantPlan, judge_led: LedJudge) -> Deliverables:
    """Lead what was accepted, and say why the rest is withheld."""
    items: list[Deliverable] = []
    withheld: list[Withheld] = []
    for candidate in candidates:
        for variant in plan.variants:
            if variant not in candidate.judged:
                if candidate.kind != "refined":  # which is one of the robot that is shown
                    reason = f"{load_g1(variant).name} cannot follow it"
                    withheld.append(Withheld(name=candidate.name, variant=variant, reason=reason))
                continue
            _, verdict = candidate.judged[variant]
            if verdict.accepted:
                items.append(_delivered(candidate, variant, judge_led))
            else:
                reason = f"the motion of {load_g1(variant).name} was refused. {' '.join(verdict.rejections)}"
                withheld.append(Withheld(name=candidate.name, variant=variant, reason=reason))
    return Deliverables(items=tuple(items), withheld=tuple(withheld))


def _delivered(candidate: _Candidate, variant: Variant, judge_led: LedJudge) -> Deliverable:
    motion, verdict = candidate.judged[variant]
    led = judge_led(motion, load_g1(variant), verdict)
    return Deliverable(
        name=candidate.name,
        kind=candidate.kind,
        variant=variant,
        motion=led.motion,
        n_lead_in=led.n_lead_in,
        n_lead_out=led.n_lead_out,
        frames=candidate.frames,
        edits=candidate.edits,
        verdict=verdict,
        notes=led.notes,
    )
