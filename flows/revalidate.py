"""The Prefect flow ``revalidate``: holds the measurements of a whole dataset against other limits."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger
from prefect.artifacts import create_table_artifact
from prefect.states import Completed, Failed, State

from flows.building import Part, Workers, failed_with, finish, keep_settings, run_jobs
from flows.exceptions import NotRevalidated
from flows.moves import Moves
from flows.new_limits import with_limits
from flows.run_page import put_on_page
from flows.runners import Job, Runner
from flows.solver import ready_solver
from flows.tally import Tally
from flows.tasks import revalidate_clip, stages_of
from flows.told import Moved
from pipeline.limits import find_limits
from pipeline.manifest import Rows, read_rows
from pipeline.store import Dataset
from robots.exceptions import WushuError


@flow(name="revalidate")
def revalidate(
    dataset: str = "wushu_dataset",
    limits: str = "trainable",
    runner: Runner = "processes",
    workers: int | None = None,
    dask_address: str | None = None,
) -> State[Any]:
    """Hold the measurements of a dataset against other limits; nothing is measured again, and no source is opened.

    Args:
        dataset: Folder of a dataset. Every clip keeps the settings that it was made by, but for the limits.
        limits: Which limits decide: "trainable", "clean", or the path of a TOML file of your own.
        runner: Where clips are worked on: threads of the flow's process, processes beside it, or a Dask cluster.
        workers: How many clips at a time; left out, as many as the machine has cores.
        dask_address: Scheduler of a Dask cluster; left out, Dask workers on this machine.
    """
    try:
        find_limits(limits)
        target = Dataset.open(Path(dataset).resolve())
        tally = Tally()
        with target.in_use():
            rows = read_rows(target)
            moves = Moves(limits, n_left=len(rows.damaged))
            ready_solver()
            at = Workers(runner=runner, workers=workers, dask_address=dask_address)
            jobs = _jobs(rows, target, limits, moves)
            run_jobs(jobs, len(rows), at, tally, hear=lambda told: moves.add(told.moved) if told.moved else None)
            finish(tally, target, str(moves))
    except WushuError as error:
        return failed_with(error)
    told = "clips whose outcome other limits changed"
    put_on_page(create_table_artifact, table=moves.table(), key="moved", description=told)
    return _final_state(moves, tally)


def _jobs(rows: Rows, dataset: Dataset, limits: str, moves: Moves) -> Iterator[Job]:
    """Make a job for each clip whose settings are known; the others are left."""
    keep, build = partial(keep_settings, dataset), partial(stages_of, dataset.root)
    settings = with_limits(dataset, limits, keep, build)
    for row in rows:
        try:
            digest = settings(row)
        except NotRevalidated as error:
            get_run_logger().warning(str(error))
            moves.add(Moved.of(row, row, left=str(error)))
            continue
        parameters = {
            "name": row.clip.name,
            "clip_id": row.clip.id,
            "stages": "verdict and on",
            "dataset": str(dataset.root),
            "settings": digest,
        }
        yield Job(name=row.clip.name, task=revalidate_clip, parameters=parameters, key=Part(clip_id=row.clip.id))


def _final_state(moves: Moves, tally: Tally) -> State[Any]:
    if tally.stopped is not None:
        stopped = f"{tally.stopped} Stopped after {moves.after.total()} clips"
        return Failed(message=f"{stopped}; when that is mended, run it again to go on.")
    if tally.n_unfinished:
        return Failed(message=f"{moves}; {tally.n_unfinished} unfinished, see the log")
    return Failed(message=str(moves)) if moves.n_left else Completed(message=str(moves))
