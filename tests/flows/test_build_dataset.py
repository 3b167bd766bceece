"""The flow runs the same stages as ``wushu run``, does nothing twice, and ends as its clips deserve."""

from __future__ import annotations

import asyncio

import pytest

pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore")]  # Prefect's own warnings are not ours


def run_flow(videos, dataset, **parameters):
    from flows.build_dataset import build_dataset

    return build_dataset(videos=[str(v) for v in videos], dataset=str(dataset), return_state=True, **parameters)


def task_state_names(flow_run_id) -> list[str]:
    """Names of the final states of the tasks of a run, from the server."""
    from prefect import get_client
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    async def read():
        async with get_client() as client:
            runs = await client.read_task_runs(flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])))
            return [run.state_name for run in runs]

    return asyncio.run(read())


def test_a_bad_video_ends_alone_and_the_run_says_so(prefect_server, tmp_path):
    """The run fails by its share of broken clips; nothing is raised and nothing is retried."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no film")
    state = run_flow([bad, tmp_path / "missing.mp4"], tmp_path / "set")
    assert state.is_failed()
    assert "0 accepted, 0 mended, 0 rejected, 2 broken of 2 clips" in state.message
    assert run_flow([bad], tmp_path / "set", max_broken_share=1.0).is_completed()


def test_a_run_without_videos_fails(prefect_server, tmp_path):
    """An empty inbox is a mistake to hear of, not a success."""
    (tmp_path / "inbox").mkdir()
    state = run_flow([tmp_path / "inbox"], tmp_path / "set")
    assert state.is_failed()
    assert "1 broken of 1" in state.message
    assert "nothing was named" in run_flow([], tmp_path / "set").message


@pytest.mark.render
def test_a_second_run_reuses_every_stage(prefect_server, short_clip, keypoint_models, tmp_path):
    """The dataset decides what is done, not Prefect's memory; equal content under two names is one clip."""
    from pipeline.manifest import Outcome, read_rows
    from pipeline.store import Dataset

    copy = tmp_path / "a copy of it.mp4"
    copy.write_bytes(short_clip.video.read_bytes())
    first = run_flow([short_clip.video, copy], tmp_path / "set")
    assert first.is_completed(), first.message
    (row,) = read_rows(Dataset.open(tmp_path / "set"))
    assert row.outcome in (Outcome.ACCEPTED, Outcome.REJECTED)
    before = {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()}
    second = run_flow([short_clip.video], tmp_path / "set")
    assert set(task_state_names(second.state_details.flow_run_id)) == {"Reused"}
    assert {path: path.read_bytes() for path in (tmp_path / "set").rglob("*") if path.is_file()} == before
