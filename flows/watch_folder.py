"""The Prefect flow ``watch-folder``: works on what is new in a folder, by content; made to be run every few minutes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.states import Completed, State

from flows.building import BuildPlan, Workers, build, failed_with, require_share
from flows.exceptions import OptionOutOfRange
from flows.inbox import scan
from flows.runners import Runner
from pipeline.clip import UNKNOWN_LICENCE, People, SourceFacts
from pipeline.home import Home
from pipeline.settings import Settings, load_settings
from pipeline.stages import build_stages
from pipeline.store import Dataset, is_dataset
from robots.exceptions import WushuError


@flow(name="watch-folder")
def watch_folder(
    folder: str = "inbox",
    dataset: str = "wushu_dataset",
    preset: str | None = None,
    licence: str = UNKNOWN_LICENCE,
    people: People | None = None,
    max_broken_share: float = 0.0,
    settle_s: float = 60.0,
    runner: Runner = "processes",
    workers: int | None = None,
    dask_address: str | None = None,
) -> State[Any]:
    """Turn what is new in a folder into judged robot motions; new is content that the dataset has not finished.

    Args:
        folder: Watched, with all below it; its sources.toml says more of the files.
        dataset: Folder of the results; made when there is something to put in it.
        preset: TOML file with settings; left out, the defaults. Another preset makes nothing old new.
        licence: What the videos may be used for, recorded with every clip.
        people: Of whom to make clips: the main person of each shot, or everyone; left out, as the preset says.
        max_broken_share: The run fails if more than this share of the new clips could not be used, 0 to 1.
        settle_s: A file that changed within so many seconds may still be being copied, and waits for the next run.
        runner: Where clips are worked on: threads of the flow's process, processes beside it, or a Dask cluster.
        workers: How many clips at a time; left out, as many as the machine has cores.
        dask_address: Scheduler of a Dask cluster; left out, Dask workers on this machine.
    """
    try:
        at = Workers(runner=runner, workers=workers, dask_address=dask_address)
        require_share(max_broken_share)
        if not settle_s >= 0:
            raise OptionOutOfRange("settle_s", settle_s, allowed="seconds, 0 or more")
        settings = Settings() if preset is None else load_settings(Path(preset))
        root = Path(dataset).resolve()
        known = Dataset.open(root) if is_dataset(root) else None
        facts = SourceFacts(licence=licence, people=people)
        found = scan(Path(folder).absolute(), known, facts, now_ns=time.time_ns(), settle_s=settle_s)
        get_run_logger().info("%s: %s", folder, found)
        for path in found.settling:
            get_run_logger().info("still being copied: %s", path)
        for sentence in found.unreadable:  # every ten minutes: told, and no reason to fail; the nightly run counts them
            get_run_logger().warning(sentence)
        if not found.new:
            return Completed(name="Nothing new", message=f"nothing new: {found}")
        plan = BuildPlan(
            sources=found.new,
            unreadable=(),
            dataset=root,
            stages=build_stages(settings, Home.of_user()),
            workers=at,
            max_broken_share=max_broken_share,
        )
        return build(plan)
    except WushuError as error:
        return failed_with(error)
