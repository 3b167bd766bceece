"""``wushu play CLIP``: the robot in MuJoCo's own viewer, on a desktop."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro

from flows.exceptions import NoMotion
from pipeline.home import Home
from pipeline.manifest import find_row
from pipeline.review import play_on_desktop
from pipeline.store import Dataset
from pipeline.variants import shown_variant, stage_of
from retarget.result import RetargetResult
from robots.exceptions import MeshesMissing
from robots.g1 import load_g1
from robots.meshes import find_g1_meshes


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play a clip's robot motion in MuJoCo's viewer (space pauses, the arrow keys step)."""

    clip: tyro.conf.Positional[str]
    """Id of the clip, the beginning of it, or the video's name."""
    dataset: Path = Path("wushu_dataset")
    """A folder made by `wushu run`, or wushu_demo/dataset."""
    speed: float = 1.0
    """Playback speed, 1 = real time."""

    def __call__(self) -> int:
        """Open the viewer until its window is closed."""
        dataset = Dataset.open(self.dataset)
        row = find_row(dataset, self.clip)
        variant = shown_variant(row.fingerprints)
        stage = stage_of("retarget", variant)
        if stage not in row.fingerprints:
            raise NoMotion(row.clip.name, reason=row.error)
        result = dataset.load(row.clip.id, stage, row.fingerprints[stage], RetargetResult)
        play_on_desktop(result.motion, load_g1(variant, _mesh_dir(Home.of_user())), speed=self.speed)
        return 0


def _mesh_dir(home: Home) -> Path | None:
    """Where the G1's meshes are, if they were fetched."""
    try:
        return find_g1_meshes(home.meshes_dir)
    except MeshesMissing:
        return None
