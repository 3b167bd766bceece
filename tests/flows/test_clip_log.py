"""A clip's own log: one line a stage that ran, in its folder, readable without anything else."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from flows.clip_log import LOG_FILE, log_listener
from pipeline.exceptions import OutputNotWritable
from pipeline.process_clip import StageReport
from pipeline.store import Dataset

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.fixture
def dataset(tmp_path):
    found = Dataset.open_or_create(tmp_path / "set")
    found.clip_dir("a" * 16).mkdir(parents=True)
    return found


def lines(dataset):
    return (dataset.clip_dir("a" * 16) / LOG_FILE).read_text().splitlines()


def test_a_stage_that_ran_or_broke_is_a_line_and_one_that_was_done_is_none(dataset):
    log = log_listener(dataset, "a" * 16, lambda: NOON)
    log(StageReport(stage="motion", fingerprint="f1", seconds=1.23456))
    log(StageReport(stage="plausibility", fingerprint="f2", reused=True))
    log(StageReport(stage="retarget", fingerprint="f3", error="no: ä"))
    time = "2026-11-22T12:00:00.000+00:00"
    assert [json.loads(line) for line in lines(dataset)] == [
        {"time": time, "stage": "motion", "fingerprint": "f1", "seconds": 1.2346, "error": None},
        {"time": time, "stage": "retarget", "fingerprint": "f3", "seconds": 0.0, "error": "no: ä"},
    ]


def test_a_line_that_was_torn_by_a_kill_spoils_no_other(dataset):
    log = log_listener(dataset, "a" * 16, lambda: NOON)
    (dataset.clip_dir("a" * 16) / LOG_FILE).write_text('{"time": "2026')
    log(StageReport(stage="motion", fingerprint="f1", seconds=1.0))
    assert lines(dataset)[0] == '{"time": "2026'
    assert json.loads(lines(dataset)[1])["stage"] == "motion"


def test_a_log_that_cannot_be_written_is_a_fault_of_the_machine(dataset):
    (dataset.clip_dir("a" * 16) / LOG_FILE).mkdir()
    with pytest.raises(OutputNotWritable, match=r"log\.jsonl: cannot be written"):
        log_listener(dataset, "a" * 16)(StageReport(stage="motion", fingerprint="f1"))
