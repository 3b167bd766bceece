"""Writes ``clips/<id>/log.jsonl``: one line for each stage that ran on a clip, so that its story can be read alone.

The log is for people. It is no part of the dataset's content: it holds clocks, which differ between equal datasets.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from datetime import UTC, datetime

from pipeline.exceptions import OutputNotWritable
from pipeline.process_clip import ReportListener, StageReport
from pipeline.store import Dataset

LOG_FILE = "log.jsonl"

Clock = Callable[[], datetime]


def now_utc() -> datetime:
    """Read the clock."""
    return datetime.now(UTC)


def log_listener(dataset: Dataset, clip_id: str, clock: Clock = now_utc) -> ReportListener:
    """Return what writes a line for every stage that ran or broke; what was found finished is no news.

    Its calls raise OutputNotWritable where the disk is full.
    """

    def on_report(report: StageReport) -> None:
        if not report.reused:
            append(dataset, clip_id, report, clock())

    return on_report


def append(dataset: Dataset, clip_id: str, report: StageReport, at: datetime) -> None:
    """Add one line, whole or not at all, to the log of a clip whose lock the caller holds.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    line = {
        "time": at.astimezone(UTC).isoformat(timespec="milliseconds"),
        "stage": report.stage,
        "fingerprint": report.fingerprint,
        "seconds": round(report.seconds, 4),
        "error": report.error,
    }
    path = dataset.clip_dir(clip_id) / LOG_FILE
    try:
        torn = path.exists() and not path.read_bytes().endswith(b"\n")  # by a writer that was killed
        content = b"\n" * torn + json.dumps(line).encode() + b"\n"
        handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, content)
        finally:
            os.close(handle)
    except OSError as error:
        raise OutputNotWritable(path, problem=error.strerror or str(error)) from error
