"""The flow runs the same stages as ``wushu run``, does nothing twice, and ends as its clips deserve."""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import time

import pytest

from benchmarks.bad_inputs import write_good_motion
from pipeline.manifest import Outcome, read_rows
from pipeline.store import Dataset

pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore")]  # Prefect's own warnings are not ours


def run_flow(videos, dataset, **parameters):
    from flows.build_dataset import build_dataset

    options = {"runner": "threads", "workers": 2} | parameters
    return build_dataset(videos=[str(v) for v in videos], dataset=str(dataset), return_state=True, **options)


@pytest.fixture(autouse=True)
def _without_pictures(request, monkeypatch):
    """Most of these are about what runs, and when; drawing takes longer than all the rest."""
    if not request.node.get_closest_marker("render"):
        monkeypatch.setenv("MUJOCO_GL", "disable")


@pytest.fixture
def motions(tmp_path):
    """Two motion files of different content."""
    folder = tmp_path / "motions"
    folder.mkdir()
    for number in range(2):
        write_good_motion(folder / f"nod {number}.bvh", 31 + number)
    return folder


def of_server(read):
    """What a coroutine reads of the server."""
    from prefect import get_client

    async def ask():
        async with get_client() as client:
            return await read(client)

    return asyncio.run(ask())


def task_runs(state) -> list:
    from prefect.client.schemas.filters import FlowRunFilter, FlowRunFilterId

    of_run = FlowRunFilter(id=FlowRunFilterId(any_=[state.state_details.flow_run_id]))
    until = time.monotonic() + 20.0
    while True:  # the server writes what tasks tell once a second
        found = of_server(lambda client: client.read_task_runs(flow_run_filter=of_run))
        if all(run.state is not None and run.state.is_final() for run in found) or time.monotonic() > until:
            return found
        time.sleep(0.2)


def artifacts(state) -> dict[str, object]:
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId

    of_run = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]))
    found = of_server(lambda client: client.read_artifacts(artifact_filter=of_run))
    return {item.key: json.loads(item.data) if item.type == "table" else item.data for item in found}


def content(dataset) -> dict:
    """All that is of the dataset; logs hold clocks."""
    files = (path for path in dataset.rglob("*") if path.is_file())
    kept = (
        p for p in files if p.name != "log.jsonl" and not any(x.startswith(".") for x in p.relative_to(dataset).parts)
    )
    return {path.relative_to(dataset): path.read_bytes() for path in kept}


def logged(dataset) -> list[tuple[str, str]]:
    """Stage and fingerprint of all that ran, from the clips' own logs."""
    lines = [line for path in dataset.glob("clips/*/log.jsonl") for line in path.read_text().splitlines()]
    return [(line["stage"], line["fingerprint"]) for line in map(json.loads, lines)]


def test_a_bad_video_ends_alone_and_the_run_says_so(prefect_server, keypoint_models, motions, tmp_path):
    """The run fails by its share of broken clips; nothing is raised, nothing is retried, and the rest is finished."""
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"this is no film")
    state = run_flow([bad, tmp_path / "missing.mp4", motions / "nod 0.bvh"], tmp_path / "set")
    assert state.is_failed()
    assert "1 accepted, 0 mended, 0 rejected, 2 broken of 3 clips" in state.message
    assert {run.run_count for run in task_runs(state)} == {1}
    table = artifacts(state)["verdicts"]
    assert [line["outcome"] for line in table] == ["broken", "broken", "accepted"]
    assert any("missing.mp4: there is no such file" in line["reasons"] for line in table)
    assert run_flow([bad], tmp_path / "set", max_broken_share=1.0).is_completed()


@pytest.mark.slow
@pytest.mark.parametrize("limits", ["trainable", "clean"])
def test_two_flows_on_one_dataset_do_nothing_twice(prefect_server, motions, tmp_path, monkeypatch, limits):
    """Whoever comes second to a clip waits, and finds it done; other settings beside them harm nothing."""
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())
    other = tmp_path / "other.toml"
    other.write_text(f'limits = "{limits}"\n')
    spawn = multiprocessing.get_context("spawn")
    flows = [spawn.Process(target=_run, args=(motions, tmp_path / "set", preset)) for preset in (None, other)]
    for process in flows:
        process.start()
    for process in flows:
        process.join(200)
    assert [process.exitcode for process in flows] == [0, 0]
    # Files for people and trainers lie under one name for all settings: who comes last puts its own there.
    ran = [of for of in logged(tmp_path / "set") if limits == "trainable" or of[0] not in ("handoff", "report")]
    assert len(ran) == len(set(ran))
    rows = read_rows(Dataset.open(tmp_path / "set"))
    assert (len(rows), rows.damaged) == (2, ())


def _run(motions, dataset, preset):
    state = run_flow([motions], dataset, preset=None if preset is None else str(preset))
    raise SystemExit(0 if state.is_completed() else 1)


def test_a_run_of_nothing_fails_and_says_what_to_do(prefect_server, tmp_path):
    """An empty inbox is a mistake to hear of, not a success; no dataset is made for it."""
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    state = run_flow([inbox], tmp_path / "set")
    assert state.is_failed()
    assert state.message == (
        f"{inbox}: holds no video and no motion file. Put some there; `wushu demo --videos-only {inbox}` makes two to "
        "begin with."
    )
    assert "nothing was named" in run_flow([], tmp_path / "set").message
    assert not (tmp_path / "set").exists()


def test_a_misspelt_setting_and_an_unknown_stage_are_said_before_anything_runs(prefect_server, motions, tmp_path):
    preset = tmp_path / "mine.toml"
    preset.write_text("[retarget]\nsmothness = 1.0\n")
    state = run_flow([motions], tmp_path / "set", preset=str(preset))
    assert state.is_failed()
    assert state.message.startswith(f"{preset}: retarget.smothness: there is no such setting")
    state = run_flow([motions], tmp_path / "set", until="verdikt")
    assert state.is_failed()
    assert "until: there is no stage 'verdikt'. Name one of recording, evidence, motion" in state.message
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("max_broken_share", 20.0, "a share from 0 to 1"),
        ("workers", 0, "one or more"),
        ("settle_s", -5.0, "seconds, 0 or more"),
    ],
)
def test_a_number_that_makes_no_sense_is_said_before_anything_is_made(prefect_server, tmp_path, option, value, says):
    """A share of 20, meant as per cent, would call a run of broken clips completed."""
    from flows.build_dataset import build_dataset
    from flows.watch_folder import watch_folder

    (tmp_path / "nod.bvh").write_text("HIERARCHY nonsense")
    flows = [watch_folder] if option == "settle_s" else [watch_folder, build_dataset]
    for flow, first in zip(flows, (str(tmp_path), [str(tmp_path)]), strict=False):
        state = flow(first, dataset=str(tmp_path / "set"), return_state=True, **{option: value})
        assert state.is_failed() and state.message == f"--{option} is {value}. Name {says}.", state.message
    assert not (tmp_path / "set").exists()


def test_what_the_machine_lacks_is_said_before_anything_runs(prefect_server, motions, tmp_path, monkeypatch):
    """Two hundred videos without the networks to see anything in them are one sentence, and no broken clips."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    video = tmp_path / "kata.mp4"
    video.write_bytes(b"whatever")
    state = run_flow([video, motions], tmp_path / "set")
    assert state.is_failed()
    assert "is not on this machine" in state.message and "wushu models" in state.message
    assert not (tmp_path / "set").exists()


@pytest.mark.parametrize(
    "runner", ["threads", *(pytest.param(r, marks=pytest.mark.slow) for r in ("processes", "dask"))]
)
def test_a_second_run_reuses_every_stage(prefect_server, motions, tmp_path, runner):
    """The dataset decides what is done, not Prefect's memory; and every runner gives the same dataset."""
    copy = tmp_path / "a copy.bvh"
    copy.write_bytes((motions / "nod 1.bvh").read_bytes())
    first = run_flow([motions, copy], tmp_path / "set", runner=runner)
    assert first.is_completed(), first.message
    rows = read_rows(Dataset.open(tmp_path / "set"))
    assert [row.outcome for row in rows] == [Outcome.ACCEPTED] * 2
    before, ran = content(tmp_path / "set"), logged(tmp_path / "set")
    second = run_flow([motions], tmp_path / "set", runner=runner)
    runs = task_runs(second)
    assert {run.state_name for run in runs} == {"Reused"}
    assert {run.name for run in runs} == {f"{row.clip.name} ({row.clip.id}): reading to report" for row in rows}
    assert content(tmp_path / "set") == before
    assert logged(tmp_path / "set") == ran
    assert len(ran) == len(set(ran))
    told = artifacts(second)
    assert "of 2 clips" in told["summary"] and str(tmp_path / "set") in told["summary"]
    assert (page := (tmp_path / "set" / "report.html").resolve()).is_file()
    assert page.as_uri() in told["summary"] and page.as_uri() in told["report"] and "wushu review" in told["summary"]
    assert float(told["sources"]) == 100.0


def test_a_survey_stops_where_it_is_told_and_a_later_run_goes_on(prefect_server, motions, tmp_path):
    """It judges, and leaves no outcome in the dataset, as nobody knows yet what can be mended."""
    state = run_flow([motions], tmp_path / "set", until="verdict")
    assert state.is_completed()
    assert "2 accepted" in state.message
    assert not read_rows(Dataset.open(tmp_path / "set")).rows
    surveyed = logged(tmp_path / "set")
    assert {stage for stage, _ in surveyed} == {
        "reading", "motion", "plausibility", "retarget", "validation", "verdict",
    }  # fmt: skip
    assert run_flow([motions], tmp_path / "set").is_completed()
    ran = logged(tmp_path / "set")
    assert len(ran) == len(set(ran)) > len(surveyed)
    assert run_flow([motions], tmp_path / "other", until="reading").message.startswith("0 accepted")


def test_a_server_that_is_away_neither_holds_a_run_up_nor_ends_it(prefect_server, motions, tmp_path, monkeypatch):
    """The bar is moved beside the run; what cannot be put on its page is left out, whatever the server answers."""
    import httpx
    from prefect.exceptions import ObjectNotFound

    def away(**_):
        time.sleep(60)

    def refuse(**_):
        raise httpx.ConnectError("connection refused")

    def not_found(**_):
        raise ObjectNotFound(http_exc=Exception("404"))

    monkeypatch.setattr("flows.run_page.update_progress_artifact", away)
    monkeypatch.setattr("flows.run_page._PROGRESS_EVERY_S", 0.01)
    monkeypatch.setattr("flows.run_page._LAST_MOVE_S", 0.1)
    monkeypatch.setattr("flows.building.create_markdown_artifact", refuse)
    monkeypatch.setattr("flows.building.create_table_artifact", not_found)
    begun = time.monotonic()
    state = run_flow([motions], tmp_path / "set", until="reading")
    assert state.is_completed(), state.message
    assert time.monotonic() - begun < 50


@pytest.mark.slow
def test_a_full_disk_stops_the_run_and_is_no_fault_of_the_clips(prefect_server, motions, tmp_path, monkeypatch):
    """What will stop every clip is said once; outcomes stay as they were, and the next run goes on."""
    from prefect.settings import PREFECT_API_URL

    monkeypatch.setenv("PREFECT_API_URL", PREFECT_API_URL.value())
    write_good_motion(motions / "long.bvh", 300)
    limited = multiprocessing.get_context("spawn").Process(
        target=_run_with_little_disk, args=(motions, tmp_path / "set", tmp_path / "said.txt")
    )
    limited.start()
    limited.join(120)
    said = (tmp_path / "said.txt").read_text()
    assert said.startswith("FAILED ")
    assert "cannot be written (File too large)" in said and "run it again to go on" in said
    assert "long" not in {row.clip.name for row in read_rows(Dataset.open(tmp_path / "set"))}
    assert not list((tmp_path / "set").rglob(".part-*"))
    state = run_flow([motions], tmp_path / "set")
    assert "3 accepted" in state.message


def _run_with_little_disk(motions, dataset, said):
    """A process whose files cannot grow beyond the smaller results, as on a full disk."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))
    state = run_flow([motions], dataset)
    said.write_text(f"{state.type.value} {state.message}")


@pytest.mark.render
def test_a_video_goes_through_the_flow(prefect_server, short_clip, keypoint_models, tmp_path):
    """From pixels to files for a robot, in a pool of processes."""
    state = run_flow([short_clip.video], tmp_path / "set", runner="processes", workers=1)
    assert state.is_completed(), state.message
    (row,) = read_rows(Dataset.open(tmp_path / "set"))
    assert row.outcome is not Outcome.BROKEN
    assert row.settings is not None
