"""A task is one clip's run of stages of one resource: who follows whom, who holds the GPU, and what faults become."""

from __future__ import annotations

import logging
import queue
from dataclasses import replace
from logging.handlers import QueueHandler
from pathlib import Path

import numpy as np
import pytest

from pipeline.clip import Clip, Source
from pipeline.exceptions import OutputNotWritable, PipelineError
from pipeline.manifest import Outcome, read_rows
from pipeline.measurement import Measurement, Measurements
from pipeline.stage import Stage
from pipeline.stages import Stages
from pipeline.store import Dataset
from pipeline.verdict import Verdict
from pipeline.video import ClipConfig, PersonTrack, Recording, Shot

pytestmark = [pytest.mark.prefect, pytest.mark.filterwarnings("ignore")]


def shots(n: int) -> Recording:
    """A recording of as many shots, somebody in each: as many clips."""
    times = np.arange(40 * n) / 10.0

    def somebody(first: int) -> PersonTrack:
        return PersonTrack(
            pictures=first + np.arange(40),
            boxes=np.zeros((40, 4)),
            kp2d=np.zeros((40, 17, 3)),
            foot_kp2d=np.zeros((40, 4, 3)),
            landmarks_w=np.zeros((40, 33, 3)),
            kp_trust=np.ones((40, 21)),
            flags=np.zeros(40),
        )

    return Recording(
        image_size=(64, 48),
        K=np.eye(3),
        K_source="default",
        native_fps=10.0,
        times=times,
        repeated_times=[],
        R_w2c=np.broadcast_to(np.eye(3), (len(times), 3, 3)),
        zoom=np.ones(len(times)),
        camera_flags=np.zeros(len(times)),
        shots=tuple(Shot(first=40 * i, end=40 * i + 40, people=(somebody(40 * i),)) for i in range(n)),
    )


def stages(n_shots: int, *, gpu: bool = False, measure=None) -> Stages:
    """Four tiny stages; the second uses the GPU if asked."""

    def measured(context, recording):
        if measure is not None:
            measure(context.clip)
        item = Measurement(name="size", value=1.0, unit="m", meaning="A size")
        return Measurements(stage="plausibility", fps=30.0, n_frames=30, items=(item,))

    common = {"version": 1, "config": None}
    chain = (
        Stage(
            name="recording", reads=(), result=Recording, run=lambda context: shots(n_shots), of_whole=True, **common
        ),
        Stage(name="motion", reads=("recording",), result=Measurements, run=measured, **common),
        Stage(
            name="retarget",
            reads=("motion",),
            result=Measurements,
            run=lambda context, motion: replace(motion, stage="validation"),
            **common,
        ),
        Stage(
            name="verdict",
            reads=("retarget",),
            result=Verdict,
            run=lambda context, measured: Verdict(tier="any", checks=(), score=1.0),
            **common,
        ),
    )
    if gpu:
        chain = (chain[0], replace(chain[1], resource="gpu"), *chain[2:])
    return Stages(video=chain, motion_file=chain, cutting=ClipConfig(), settings={})


@pytest.fixture
def whole(tmp_path):
    video = tmp_path / "kata.mp4"
    video.write_bytes(b"film")
    return Clip.of(Source.from_file(video))


@pytest.fixture
def dataset(tmp_path):
    return Dataset.open_or_create(tmp_path / "set")


def in_flow(work):
    """Run something inside a flow run, as tasks are."""
    from prefect import flow

    @flow
    def inside():
        return work()

    return inside()


def work_with(dataset, stages, until=None):
    from flows.tasks import _Work

    return _Work(dataset=dataset, stages=stages, settings=dataset.add_settings({}), until=until)


def test_an_only_clip_is_one_task_and_several_are_one_more_each(prefect_server, dataset, whole, tmp_path):
    told = in_flow(lambda: work_with(dataset, stages(1)).watch(whole))
    assert [clip.outcome for clip in told.clips] == [Outcome.ACCEPTED] and not told.next
    assert told.ran == 4
    other = Dataset.open_or_create(tmp_path / "other")
    told = in_flow(lambda: work_with(other, stages(3)).watch(whole))
    assert [(item.first, item.stages) for item in told.next] == [("motion", "motion to verdict")] * 3
    assert not told.clips and told.ran == 1
    assert all(item.clip["source"]["sha256"] == whole.source.sha256 for item in told.next)


def test_the_gpu_is_a_task_of_its_own_and_needs_the_limit_of_make_deploy(prefect_server, dataset, whole):
    """Without the limit any number of clips would use it at once: that is refused, not passed over."""
    from prefect import get_client

    from flows.exceptions import NoGpuLimit
    from flows.tasks import GPU_LIMIT

    given = stages(2, gpu=True)
    told = in_flow(lambda: work_with(dataset, given).watch(whole))
    assert [item.stages for item in told.next] == ["motion", "motion"]
    assert {item.resource for item in told.next} == {"gpu"}
    clips = given.cut(whole, shots(2))
    with pytest.raises(NoGpuLimit, match=r"no concurrency limit 'gpu'.* Run `make deploy`"):
        in_flow(lambda: work_with(dataset, given).go_on(clips[0], "motion"))
    with get_client(sync_client=True) as client:
        from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name=GPU_LIMIT, limit=1))
        try:
            second = in_flow(lambda: work_with(dataset, given).go_on(clips[0], "motion"))
        finally:
            client.delete_global_concurrency_limit_by_name(GPU_LIMIT)
    assert [(item.first, item.stages) for item in second.next] == [("retarget", "retarget to verdict")]
    assert not read_rows(dataset).rows
    third = in_flow(lambda: work_with(dataset, given).go_on(clips[0], "retarget"))
    assert (third.clips[0].outcome, third.ran, third.reused) == (Outcome.ACCEPTED, 2, 0)
    assert len(read_rows(dataset)) == 1


def test_who_waits_for_the_gpu_in_vain_says_how_to_free_it(prefect_server):
    """A slot that nobody gives back would hold every later run up for ever."""
    from prefect import get_client
    from prefect.client.schemas.actions import GlobalConcurrencyLimitCreate

    from flows.exceptions import GpuNeverFree
    from flows.tasks import gpu_slot

    def wait():
        with gpu_slot("gpu-in-use", wait_s=0.5):
            raise AssertionError("got it")

    with get_client(sync_client=True) as client:
        client.create_global_concurrency_limit(GlobalConcurrencyLimitCreate(name="gpu-in-use", limit=1, active_slots=1))
        try:
            with pytest.raises(GpuNeverFree, match="prefect gcl update gpu-in-use --active-slots 0"):
                in_flow(wait)
        finally:
            client.delete_global_concurrency_limit_by_name("gpu-in-use")


def test_a_clip_that_breaks_early_is_concluded_where_it_breaks(prefect_server, dataset, whole):
    def refuse(clip):
        raise PipelineError("nobody is in it")

    told = in_flow(lambda: work_with(dataset, stages(1, gpu=False, measure=refuse)).watch(whole))
    (clip,) = told.clips
    assert (clip.outcome, clip.broken, clip.reason, clip.kinds) == (
        "broken", True, "nobody is in it", ("broken at motion",),
    )  # fmt: skip


@pytest.mark.parametrize("fault", ["machine", "bug", "connection"])
def test_what_a_fault_becomes_can_travel_between_processes(prefect_server, fault, tmp_path):
    """What the machine lacks stops the run, a bug is told as one, and what may pass stays what it is, for the retry."""
    import pickle

    from flows.exceptions import RunStopped, TaskBug
    from flows.tasks import _faults_told

    raised, wanted, says = {
        "machine": (OutputNotWritable(tmp_path, problem="no space left"), RunStopped, "cannot be written (no space"),
        "bug": (ZeroDivisionError("of what?"), TaskBug, "kata: ZeroDivisionError: of what\\?. This is a bug"),
        "connection": (ConnectionResetError("gone"), ConnectionResetError, "gone"),
    }[fault]

    def fail():
        with _faults_told("kata"):
            raise raised

    with pytest.raises(wanted, match=says.replace("(", r"\(")) as caught:
        in_flow(fail)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_source_that_is_gone_is_left_unfinished_and_counted_so(prefect_server, dataset, whole):
    """It may come back: no outcome is written, and the run says of which clip it is open."""
    from flows.tally import Tally

    work = work_with(dataset, stages(1))
    path = Path(whole.source.path)
    path.unlink()
    told = in_flow(lambda: work.or_left(whole, lambda: work.watch(whole)))
    assert [(clip.outcome, clip.broken) for clip in told.clips] == [("unfinished", False)]
    tally = Tally()
    tally.add(told)
    assert "0 broken, 1 unfinished of 1 clips" in tally.counts()
    assert f"{path}: no such file" in tally.table()[0]["reasons"]
    assert not read_rows(dataset)


def test_a_survey_leaves_no_outcome_of_a_clip_that_breaks_either(prefect_server, dataset, whole):
    def refuse(clip):
        raise PipelineError("nobody is in it")

    told = in_flow(lambda: work_with(dataset, stages(1, measure=refuse), until="verdict").watch(whole))
    assert [clip.outcome for clip in told.clips] == ["broken"]
    assert not read_rows(dataset)


def test_a_file_that_settings_name_is_read_anew_when_it_changed(dataset, tmp_path):
    """A worker of a cluster lives for weeks, and the digest of settings says nothing of what their files hold."""
    from flows.tasks import stages_of
    from pipeline import limits as presets
    from pipeline.record_codec import plain
    from pipeline.settings import Settings

    limits = tmp_path / "mine.toml"
    limits.write_text((Path(presets.__file__).parent / "trainable.toml").read_text())
    settings = dataset.add_settings(plain(Settings(limits=str(limits), estimator="landmark")))
    first = stages_of(dataset.root, settings)
    assert stages_of(dataset.root, settings) is first
    limits.write_text((Path(presets.__file__).parent / "clean.toml").read_text())
    assert stages_of(dataset.root, settings) is not first


def test_quick_stages_share_a_line_of_the_log_in_order_and_a_slow_one_is_told_at_once(prefect_server, dataset, whole):
    """A line costs as much as many a stage; who waits for a long one sees what was done until then."""
    from pipeline.process_clip import StageReport

    dataset.add_clip(whole)
    work = work_with(dataset, stages(1))

    records = queue.SimpleQueue()

    def lines():
        drained = [records.get() for _ in range(records.qsize())]
        return [record.getMessage() for record in drained if record.filename == "tasks.py"]

    def four_stages():
        heard = work._listener(whole.id)
        heard(StageReport(stage="motion", fingerprint="f", seconds=0.2))
        heard(StageReport(stage="retarget", fingerprint="f", seconds=2.5))
        until_then = lines()
        heard(StageReport(stage="verdict", fingerprint="f", seconds=0.1))
        heard(StageReport(stage="handoff", fingerprint="f", error="no room"))
        return until_then

    logger, listener = logging.getLogger("prefect.flow_runs"), QueueHandler(records)
    logger.addHandler(listener)
    try:
        assert in_flow(four_stages) == ["motion: 0.20 s, retarget: 2.50 s"]
    finally:
        logger.removeHandler(listener)
    assert lines() == ["verdict: 0.10 s", "handoff: no room"]
