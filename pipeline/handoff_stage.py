"""Writes the files that trainers read, of all that a clip delivers, each in the formats that were asked for.

All other files of the clip are taken away, so that what lies in the folder is what the present settings accept.
"""

from __future__ import annotations

from dataclasses import replace

from pipeline.deliverable import Deliverable, Deliverables
from pipeline.export import FORMATS
from pipeline.stage import Stage, StageContext, WrittenFiles
from pipeline.store import remove_file
from pipeline.variants import VariantPlan
from robots.g1 import load_g1


def handoff_stage(plan: VariantPlan) -> Stage:
    """Return the stage that writes every format of the plan."""
    return Stage(
        name="handoff",
        version=8,
        config=[[name, variant] for name, variant in sorted(plan.solved_for.items())],
        reads=("leads",),
        result=WrittenFiles,
        run=lambda context, delivered: _write(context, plan, delivered),
    )


def _write(context: StageContext, plan: VariantPlan, delivered: Deliverables) -> WrittenFiles:
    """Write what is delivered, take away what other settings left, and say what was not handed off."""
    folder = context.clip_dir / "handoff"
    files, notes = [], []
    seconds = dict.fromkeys(plan.solved_for, 0.0)
    for name in delivered.names:
        items = [item for item in delivered.items if item.name == name]
        notes += [f"{name} ({load_g1(item.variant).name}): {note}" for item in items for note in item.notes]
        for format_name, variant in plan.solved_for.items():
            item = delivered.find(name, variant)
            if item is None:
                if reason := delivered.reason_withheld(name, variant):
                    notes.append(f"{name}: not handed off as {format_name}: {reason}")
                continue
            form = FORMATS[format_name]
            path = folder / f"{name}.{format_name}{form.suffix}"
            files.append(form.write(item.motion, load_g1(variant), path))
            if item.kind != "refined":
                seconds[format_name] += item.core_s
            notes += _told_of_leads(path.name, item, form.fps)
    notes = [f"{file.path.name}: {note}" for file in files for note in file.notes] + notes
    written = {file.path for file in files}
    of_whole = {folder / f"{context.clip.id}.{name}{form.suffix}" for name, form in FORMATS.items()}
    withdrawn = of_whole | set(folder.glob(f"{context.clip.id}.*"))
    for path in withdrawn - written:
        remove_file(path)
    left = WrittenFiles.of(context.clip_dir, sorted(written), tuple(notes), sorted(withdrawn - written))
    return replace(left, seconds=seconds)


def _told_of_leads(name: str, item: Deliverable, fps: float) -> list[str]:
    """Say which frames of a file are not the clip's own."""
    first, last = item.leads_at(fps)
    return [f"{name}: the first {first} and the last {last} frames are leads"] if first or last else []
