"""Tells whoever takes a hand-over what is in it, how training starts, and what it may be used for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from pipeline.export import HandoffFormat
from pipeline.handing.candidate import LeftOut, counts
from pipeline.handing.metadata import FileEntry, Side
from pipeline.handing.options import HandoffOptions
from pipeline.licences import Use, use_of
from robots.g1 import load_g1

_MJLAB = """\
## Train: mjlab 1.6

In an environment of its own (`pip install "mjlab>=1.6,<1.7"`), where its `logs/` may lie; `BUNDLE` is this folder:

    python -m mjlab.scripts.train Mjlab-Tracking-Flat-Unitree-G1 \\
        --env.commands.motion.motion-file $BUNDLE/{first} --env.scene.num-envs 4096 --agent.logger tensorboard

One run takes one file, and mjlab 1.6 takes no folder and no list. So either one run a motion:

    for motion in "$BUNDLE"/train/*.npz; do
        python -m mjlab.scripts.train Mjlab-Tracking-Flat-Unitree-G1 \\
            --env.commands.motion.motion-file "$motion" --env.scene.num-envs 4096 --agent.logger tensorboard
    done

or one policy for all of them: join the files with wushu's `docs/examples/join_for_mjlab.py`, which lets each begin
where the one before it ended, and refuses those without both leads (`metadata.csv` has their frames). Do not put the
arrays end to end yourself: mjlab ends no episode where they jump.

Frame k is shown at step k of 20 ms, and `fps` is never read: never resample a file to another rate.
"""

_PBHC = """\
## Train: PBHC (KungfuBot, ASAP)

In PBHC's own environment (Python 3.8, IsaacGym), from its checkout:

    python humanoidverse/train_agent.py +simulator=isaacgym +exp=motion_tracking \\
        +terrain=terrain_locomotion_plane project_name=MotionTracking num_envs=4096 \\
        +obs=motion_tracking/main +robot=g1/g1_23dof_lock_wrist +domain_rand=main \\
        +rewards=motion_tracking/main experiment_name={name} \\
        robot.motion.motion_file="$BUNDLE/{first}" seed=1 +device=cuda:0

`BUNDLE` is this folder. Each file holds one motion, which is all that one run takes. PBHC itself is CC BY-NC 4.0: what
you train with it is bound by its licence, whatever the motions allow.
"""

_CSV = """\
## Train: BeyondMimic (whole_body_tracking)

In its environment (Isaac Lab 2.1), from its checkout, for each file:

    python scripts/csv_to_npz.py --input_file $BUNDLE/{first} --input_fps 30 --output_name {name} --headless
    python scripts/rsl_rl/train.py --task=Tracking-Flat-G1-v0 \\
        --registry_name ORGANISATION-org/wandb-registry-motions/{name} \\
        --headless --logger wandb --log_project_name PROJECT --run_name {name}

`BUNDLE` is this folder; the rate is not in the file, so `--input_fps 30` must be said.

BeyondMimic is served by this CSV and not by its `.npz`: that has the keys and shapes of mjlab's, but joints and bodies
in Isaac's breadth-first order, and speeds as PhysX reports them, which only Isaac Sim can tell. A mistake in it would
be silent. Its own script maps the CSV's columns by name and lets Isaac compute the rest. Never give it mjlab's `.npz`.

Unitree's own tools read the same CSV: no header, 36 columns (position, quaternion **xyzw**, joints), 30 rows a second.
"""

_GMR = """\
## Look and go on: GMR

GMR makes motions and does not train. Its viewer, from its checkout:

    python scripts/vis_robot_motion.py --robot unitree_g1 --robot_motion_path $BUNDLE/{first}

`BUNDLE` is this folder. Trainers that take GMR's files (TWIST, MimicKit) take these: `fps`, `root_pos`, `root_rot`
(xyzw), `dof_pos`. Its limits of joints are narrower than the robot's in places; `notes` in `metadata.json` say where.
"""

COMMANDS: Mapping[str, str] = MappingProxyType({"mjlab": _MJLAB, "pbhc": _PBHC, "unitree-csv": _CSV, "gmr": _GMR})
"""Format -> what its consumer does with it."""

_USE = {
    Use.ALLOWED: "All of it may be used commercially, as far as its licences say.",
    Use.UNKNOWN: "**Not known to be free for commercial use**: the use of some of it is unknown.",
    Use.FORBIDDEN: "**Not for commercial use**: some of it was made with what excludes that.",
}


def readme_text(
    entries: Sequence[FileEntry],
    left_out: Sequence[LeftOut],
    notes: Sequence[str],
    options: HandoffOptions,
    form: HandoffFormat,
) -> str:
    """Return the page that lies beside the motions, in Markdown."""
    robot = load_g1(form.variant)
    first = next((entry for entry in entries if entry.split == "train"), entries[0])
    name = first.file.rpartition("/")[2].removesuffix(form.suffix)
    parts = [
        f"# Motions of the Unitree G1, for {options.to}\n\n"
        f"{_told_of(entries, 'train')} to train on, {_told_of(entries, 'val')} to validate on. {form.fps} frames a "
        f"second, {len(robot.joint_names)} joints ({robot.name}). Written by `wushu handoff`; "
        "`sha256sum -c SHA256SUMS` finds what was changed since.",
        COMMANDS[options.to].format(first=first.file, name=name).rstrip(),
        _split(entries, options),
        _METADATA.rstrip(),
        _licences(entries, options),
        f"## Joints, in the order of the columns\n\n{', '.join(f'`{joint}`' for joint in robot.joint_names)}",
    ]
    if left_out:
        told = "\n".join(f"- {number} {why}" for why, number in counts(left_out).items())
        parts.append(f"## Left out\n\n{told}\n\nEach one with its reason: `left_out` in `metadata.json`.")
    if notes:
        parts.append("## Notes\n\n" + "\n".join(f"- {_line(note)}" for note in notes))
    return "\n\n".join(parts) + "\n"


_METADATA = """\
## What is known of each motion

`metadata.json` (all) and `metadata.csv` (the figures): the source and its frames, lead-in and lead-out, score,
difficulty, who accepted it, licences, hashes, and by which settings and versions of the stages it was made.

- **Leads**: the first `lead_in_frames` and the last `lead_out_frames` bring the robot from its standing pose and back.
  They were not performed.
- **Score**, 0 to 1: how little speaks against the motion; 0.5 stands for the worst that PBHC ever trained.
- **Difficulty**, 0 to 1: the least help at the pelvis, as a share of the weight, with which a simulated robot under
  position control gets through the clip. Sort by it for a curriculum. `follows_without_help` tells whether a whole-body
  controller managed a plan near the clip with none.
"""


def _told_of(entries: Sequence[FileEntry], side: Side) -> str:
    of_side = [entry for entry in entries if entry.split == side]
    seconds = sum(entry.duration_s for entry in of_side)
    return f"{len(of_side)} file{'s' * (len(of_side) != 1)} ({seconds:.1f} s)"


def _split(entries: Sequence[FileEntry], options: HandoffOptions) -> str:
    lines = [
        "## Validation",
        "",
        "`train/` and `val/` share no source: all clips of one video, or motion file, stand on one side. Train on "
        "`train/` alone; then let the policy follow `val/`, which it has not seen, to tell what it learned from what "
        "it knows by heart. For a policy of a single performance the split means nothing: take the file where it lies.",
    ]
    if not any(entry.split == "val" for entry in entries):
        lines += ["", "Here nothing is kept for validation."]
    if options.balance:
        lines += ["", "Balanced: sources that give more seconds than the median source gave only their best motions."]
    return "\n".join(lines)


def _licences(entries: Sequence[FileEntry], options: HandoffOptions) -> str:
    found = sorted({licence for entry in entries for licence in entry.licences})
    use = use_of(found)
    lines = ["## Licences", "", _USE[use]]
    if use is not Use.ALLOWED:
        lines[-1] += " `--commercial` leaves it out; `commercial_use` in `metadata.json` says which files."
    lines += ["", *(f"- {_line(licence)}" for licence in found)]
    return "\n".join(lines)


def _line(text: str) -> str:
    """Keep what users wrote on one line, and from being read as markup."""
    return " ".join(text.split()).replace("<", "&lt;").replace("`", "'")
