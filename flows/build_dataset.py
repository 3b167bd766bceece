"""The Prefect flow ``build-dataset``: videos and motion files in, judged robot motions in a dataset directory out.

Prefect schedules and shows; the dataset directory is the truth. A stage that is already done there is reused
whatever Prefect remembers, and a bad clip is an outcome (a row with a sentence), never a failed task.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import State

from flows.building import BuildPlan, Workers, build, failed_with
from flows.exceptions import NothingToBuild, OptionOutOfRange
from flows.inbox import CACHE_FILE, HashMemory, read_files
from flows.runners import Runner
from pipeline.clip import UNKNOWN_LICENCE, People, SourceFacts
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.sources import KnownSources, by_content, find_files
from pipeline.stages import build_stages
from pipeline.store import is_dataset
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
    settle_s: float = 0.0,
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
        settle_s: Leave files alone that changed within so many seconds, as they may still be being copied.
    """
    try:
        settings = Settings() if preset is None else load_settings(Path(preset))
        stages = build_stages(settings, Home.of_user())
        if not settle_s >= 0:
            raise OptionOutOfRange("settle_s", settle_s, allowed="seconds, 0 or more")
        root = Path(dataset).resolve()
        facts = SourceFacts(licence=licence, people=people)
        known = find_sources(videos, facts, root, changed_before_ns=time.time_ns() - int(settle_s * 1e9))
        plan = BuildPlan(
            sources=known.sources,
            unreadable=known.unreadable,
            dataset=root,
            stages=stages,
            until=until,
            workers=Workers(runner=runner, workers=workers, dask_address=dask_address),
            max_broken_share=max_broken_share,
        )
        return build(plan)
    except WushuError as error:
        return failed_with(error)


def find_sources(videos: list[str], facts: SourceFacts, dataset: Path, *, changed_before_ns: int) -> KnownSources:
    """Find the files that were named and read those that are not as they were; say which of them are equal.

    Paths become absolute, as tasks may run in processes that have another working folder.

    Raises:
        NothingToBuild: There is none.
        InvalidSources: A ``sources.toml`` cannot be used.
        OutputNotWritable: The dataset's memory of hashes cannot be written.
    """
    files = find_files([Path(video).absolute() for video in videos], facts)
    empty = [str(file.path) for file in files if file.path.is_dir()]  # a folder in which nothing was found
    if len(empty) == len(files):
        raise NothingToBuild(empty)
    memory = HashMemory.load(dataset / CACHE_FILE)
    readable, settling, unreadable = read_files(files, memory, changed_before_ns, tell_missing=True)
    if is_dataset(dataset):
        memory.save(dataset / CACHE_FILE)
    known = by_content(readable, unreadable)
    waiting = (f"{path}: may still be being copied, and is left for the next run." for path in settling)
    for sentence in (*known.duplicates, *waiting):
        get_run_logger().warning(sentence)
    return known
