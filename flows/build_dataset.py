"""The Prefect flow ``build-dataset``: videos and motion files in, judged robot motions in a dataset directory out.

Prefect schedules and shows; the dataset directory is the truth. A stage that is already done there is reused
whatever Prefect remembers, and a bad clip is an outcome (a row with a sentence), never a failed task.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import State

from flows.building import BuildPlan, Workers, build, failed_with
from flows.exceptions import NothingToBuild
from flows.runners import Runner
from pipeline.clip import UNKNOWN_LICENCE, People, SourceFacts
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.sources import KnownSources, find_files, identify
from pipeline.stages import build_stages
from robots.exceptions import WushuError


@flow(name="build-dataset")
def build_dataset(
    videos: list[str],
    dataset: str = "wushu_dataset",
    preset: str | None = None,
    licence: str = UNKNOWN_LICENCE,
    people: People | None = None,
    max_broken_share: float = 0.0,
    until: str | None = None,
    runner: Runner = "processes",
    workers: int | None = None,
    dask_address: str | None = None,
) -> State[Any]:
    """Turn videos and motion files into judged robot motions in a dataset directory.

    Args:
        videos: Files; a folder stands for all videos and motion files in it, and its sources.toml says more of them.
        dataset: Folder of the results; made if it is not there. What is finished in it is not done twice.
        preset: TOML file with settings; left out, the defaults.
        licence: What the videos may be used for, recorded with every clip.
        people: Of whom to make clips: the main person of each shot, or everyone; left out, as the preset says.
        max_broken_share: The run fails if more than this share of the clips could not be used, 0 to 1.
        until: A survey: stop each clip after this stage, e.g. "verdict"; a later run goes on from there.
        runner: Where clips are worked on: threads of the flow's process, processes beside it, or a Dask cluster.
        workers: How many clips at a time; left out, as many as the machine has cores.
        dask_address: Scheduler of a Dask cluster, e.g. "tcp://10.0.0.1:8786"; left out, Dask workers on this machine.
    """
    try:
        settings = Settings() if preset is None else load_settings(Path(preset))
        stages = build_stages(settings, Home.of_user())
        known = find_sources(videos, SourceFacts(licence=licence, people=people))
        plan = BuildPlan(
            sources=known.sources,
            unreadable=known.unreadable,
            dataset=Path(dataset),
            stages=stages,
            until=until,
            workers=Workers(runner=runner, workers=workers, dask_address=dask_address),
            max_broken_share=max_broken_share,
        )
        return build(plan)
    except WushuError as error:
        return failed_with(error)


def find_sources(videos: list[str], facts: SourceFacts) -> KnownSources:
    """Find and read the files that were named; say which of them are equal.

    Raises:
        NothingToBuild: There is none.
        InvalidSources: A ``sources.toml`` cannot be used.
    """
    files = find_files([Path(video) for video in videos], facts)
    empty = [str(file.path) for file in files if file.path.is_dir()]  # a folder in which nothing was found
    if len(empty) == len(files):
        raise NothingToBuild(empty)
    known = identify(files)
    for sentence in known.duplicates:
        get_run_logger().warning(sentence)
    return known
