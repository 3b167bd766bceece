"""Writes the files that trainers read: of a clip that was accepted, or of the pieces that were mended.

A file is written where both the clip (or piece) and the very motion in the file were accepted; all others are taken
away, so that what lies in the folder is what the present settings accept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.export import FORMATS
from pipeline.repair import Repairs
from pipeline.stage import Stage, StageContext, WrittenFiles
from pipeline.store import remove_file
from pipeline.variants import VariantPlan, stage_of
from pipeline.verdict import Verdict
from retarget.retargeter import RetargetResult
from robots.g1 import Variant, load_g1
from robots.motion import RobotMotion


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judged:
    """A motion of one variant, and what was decided about it."""

    motion: RobotMotion
    verdict: Verdict


def handoff_stage(plan: VariantPlan) -> Stage:
    """Return the stage that writes every format of the plan."""

    def run(context: StageContext, repairs: Repairs, *solved: Any) -> WrittenFiles:
        results: dict[Variant, RetargetResult] = dict(zip(plan.variants, solved[::2], strict=True))
        verdicts: dict[Variant, Verdict] = dict(zip(plan.variants, solved[1::2], strict=True))
        whole: dict[Variant, _Judged] = {
            v: _Judged(motion=results[v].motion, verdict=verdicts[v]) for v in plan.variants
        }
        name = context.clip.id
        wanted: dict[str, dict[Variant, _Judged]]
        wanted = {name: whole} if verdicts[plan.shown].accepted else _pieces(repairs, plan, name)
        return _write(context, plan, wanted)

    return Stage(
        name="handoff",
        version=4,
        config=[[name, variant] for name, variant in sorted(plan.solved_for.items())],
        reads=("repair", *(stage_of(name, v) for v in plan.variants for name in ("retarget", "verdict"))),
        result=WrittenFiles,
        run=run,
    )


def _pieces(repairs: Repairs, plan: VariantPlan, name: str) -> dict[str, dict[Variant, _Judged]]:
    """Name the pieces of a mended clip by number."""
    return {
        f"{name}.part{number}": {
            plan.shown: _Judged(motion=piece.motion, verdict=piece.verdict),
            **{other.variant: _Judged(motion=other.motion, verdict=other.verdict) for other in piece.variants},
        }
        for number, piece in enumerate(repairs.pieces, start=1)
    }


def _write(context: StageContext, plan: VariantPlan, wanted: Mapping[str, Mapping[Variant, _Judged]]) -> WrittenFiles:
    """Write what is wanted, take away what other settings left, and say what was not handed off."""
    folder = context.clip_dir / "handoff"
    files, notes = [], []
    for name, judged in wanted.items():
        for format_name, variant in plan.solved_for.items():
            if judged[variant].verdict.accepted:
                path = folder / f"{name}.{format_name}{FORMATS[format_name].suffix}"
                files.append(FORMATS[format_name].write(judged[variant].motion, load_g1(variant), path))
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
    return WrittenFiles.of(context.clip_dir, sorted(written), tuple(notes), sorted(withdrawn - written))
