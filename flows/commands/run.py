"""``wushu run VIDEO...``: the whole chain without Prefect."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from flows.console import clip_listener, progress_bars, show_error, show_rows, show_warning
from pipeline.clip import UNKNOWN_LICENCE, Clip
from pipeline.home import Home
from pipeline.manifest import ManifestRow
from pipeline.process_clip import process_clip
from pipeline.render import why_no_pictures
from pipeline.settings import Settings
from pipeline.stages import build_stages
from pipeline.store import Dataset
from pipeline.video import find_videos
from robots.exceptions import WushuError


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """Turn videos into judged robot motions. Run it again: what is finished is not done twice."""

    videos: tyro.conf.Positional[tuple[Path, ...]]
    """Video files; a folder stands for every video below it."""
    dataset: Path = Path("wushu_dataset")
    """Folder of the results; made if it is not there."""
    licence: str = UNKNOWN_LICENCE
    """What these videos may be used for, recorded with every clip."""
    preset: Path | None = None
    """TOML file with settings; the options below override it."""
    settings: Annotated[Settings, tyro.conf.arg(name="")] = field(default_factory=Settings)
    """Settings of the stages."""

    def __call__(self) -> int:
        """Process every video; 1 if any could not be used."""
        if not self.videos:
            show_error("name at least one video, e.g. `wushu run kata.mp4`")
            return 1
        dataset = Dataset.open_or_create(self.dataset)
        stages = build_stages(self.settings, Home.of_user())
        if (missing := why_no_pictures()) is not None:
            show_warning(f"no pictures: {missing}")
        rows: dict[str, ManifestRow] = {}
        unreadable = 0
        crashes: list[Exception] = []
        with progress_bars() as bars:
            for video in find_videos(self.videos):
                try:
                    clip = Clip.from_video(video, licence=self.licence)
                except WushuError as error:
                    show_error(error)
                    unreadable += 1
                    continue
                listener = clip_listener(bars, clip.name, len(stages))
                try:
                    rows[clip.id], _ = process_clip(clip, stages, dataset, listener)
                except Exception as error:  # a bug, not a bad clip: the other videos go on, then it is shown whole
                    error.add_note(f"while processing {video}")
                    crashes.append(error)
        show_rows(list(rows.values()), dataset)
        if crashes:
            raise ExceptionGroup("bugs, please report them; the other videos were processed", crashes)
        return int(unreadable > 0 or any(row.error is not None for row in rows.values()))
