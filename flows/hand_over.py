"""The Prefect flow ``handoff``: the accepted motions of a dataset in one folder, as a trainer reads them."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from prefect import flow, get_run_logger
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.states import Completed, State

from flows.building import failed_with
from flows.run_page import put_on_page
from pipeline.handing import Bundle, HandoffOptions, hand_over
from pipeline.home import Home
from pipeline.store import Dataset
from robots.exceptions import WushuError

SHOWN_LEFT_OUT = 500
"""Lines of the table of what was not handed over; all are in the folder's metadata."""


@flow(name="handoff")
def handoff(
    dataset: str = "wushu_dataset",
    to: Literal["pbhc", "mjlab", "unitree-csv", "gmr"] = "mjlab",
    out: str = "wushu_handoff",
    val_share: float = 0.1,
    seed: int = 0,
    balance: bool = False,
    whole_only: bool = False,
    version: Literal["solved", "refined"] = "solved",
    min_score: float = 0.0,
    commercial: bool = False,
) -> State[Any]:
    """Gather what is accepted, by people first and by the checks second, for one trainer of the G1.

    Args:
        dataset: Folder of a dataset.
        to: Who reads it: PBHC, mjlab, Unitree's tools and BeyondMimic (unitree-csv), or GMR's.
        out: A new folder, or one that an earlier hand-over wrote, which is replaced.
        val_share: Share of the seconds that is kept to validate on; a source never stands on both sides.
        seed: Of the split: equal seeds give equal splits.
        balance: Let no source give more seconds than the median source.
        whole_only: Leave out the parts of clips that were mended.
        version: "refined" takes, where there is one, what the simulated robot did without help.
        min_score: Leave out motions that score less, 0 to 1.
        commercial: Leave out whatever is not known to be free for commercial use.
    """
    try:
        options = HandoffOptions(
            to=to,
            val_share=val_share,
            seed=seed,
            balance=balance,
            whole_only=whole_only,
            version=version,
            min_score=min_score,
            commercial=commercial,
        )
        bodies_dir = Home.of_user().bodies_dir
        bundle = hand_over(Dataset.open(Path(dataset).resolve()), Path(out).resolve(), options, bodies_dir=bodies_dir)
    except WushuError as error:
        return failed_with(error)
    for note in bundle.notes:
        get_run_logger().warning(note)
    _publish(bundle)
    return Completed(message=_told(bundle))


def _told(bundle: Bundle) -> str:
    sides = ", ".join(f"{bundle.count(side)} in {side} ({bundle.seconds(side):.1f} s)" for side in ("train", "val"))
    same = "" if bundle.changed else "; as it was before"
    return f"{sides}; {len(bundle.left_out)} left out; commercial use {bundle.use.value}; {bundle.path}{same}"


def _publish(bundle: Bundle) -> None:
    readme = (bundle.path / "README.md").read_text(encoding="utf-8")
    told = "what the trainer gets, and how to start"
    put_on_page(create_markdown_artifact, markdown=readme, key="handed-over", description=told)
    table = [
        {"clip": item.clip, "name": item.name, "why": item.why.value, "reason": item.sentence}
        for item in bundle.left_out[:SHOWN_LEFT_OUT]
    ]
    if (more := len(bundle.left_out) - len(table)) > 0:
        table.append({"clip": f"... and {more} more", "name": "", "why": "", "reason": "see metadata.json"})
    told = "what was not handed over, and why"
    put_on_page(create_table_artifact, table=table, key="left-out", description=told)
