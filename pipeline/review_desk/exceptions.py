"""Errors of the reviewer's desk: what cannot be decided, and why."""

from __future__ import annotations

from pathlib import Path

from pipeline.exceptions import MachineFault, PipelineError


class UnknownClip(PipelineError):
    """The dataset has no clip of that id, or none that came to an end."""

    def __init__(self, clip_id: str) -> None:
        self.clip_id = clip_id
        super().__init__(
            f"there is no clip {clip_id!r:.42} here with an outcome. Reload the list; it may have been removed, or is "
            "being processed."
        )


class UnknownPart(PipelineError):
    """A clip has no such piece or motion."""

    def __init__(self, clip_id: str, *, part: str) -> None:
        self.clip_id = clip_id
        super().__init__(f"clip {clip_id} has no {part!r:.42}. Reload the clip; it may have been solved anew.")


class NothingToSee(PipelineError):
    """A clip has no motion that a decision, or a preview, could speak of."""

    def __init__(self, clip: str, *, reason: str | None) -> None:
        self.clip = clip
        super().__init__(f"{clip} has no robot motion: {reason or 'it was not processed to the end; run it again'}")


class StaleView(PipelineError):
    """A reviewer decides on a motion that is no longer the clip's."""

    def __init__(self, clip: str, *, fingerprint: str, now: str) -> None:
        self.clip = clip
        self.fingerprint = fingerprint
        self.now = now
        super().__init__(
            f"{clip}: the motion was solved anew since it was looked at ({fingerprint} then, {now} now). Look again "
            "before you decide."
        )


class NothingToUndo(PipelineError):
    """A reviewer takes a ruling back, and none of theirs stands."""

    def __init__(self, clip: str, *, by: str) -> None:
        self.clip = clip
        self.by = by
        super().__init__(f"{clip}: {by} decided nothing here that still stands. Name whoever did.")


class FramesNotThere(PipelineError):
    """A decision, or a preview, speaks of frames that a clip does not have."""

    def __init__(self, clip: str, *, last: int, n_frames: int) -> None:
        self.clip = clip
        self.n_frames = n_frames
        super().__init__(f"{clip}: frame {last - 1} is named, and there are 0 to {n_frames - 1}. Name some of these.")


class NotKept(MachineFault):
    """A decision could not be put on the disk; what stood there before stands."""

    def __init__(self, path: Path, *, problem: str) -> None:
        self.path = path
        self.problem = problem
        super().__init__(
            f"{path}: the decision was not kept ({problem}). Free space, get the right to write there, or put away "
            "what lies in its place, and decide again."
        )


class UnusableTable(PipelineError):
    """A file is no table of decisions."""

    def __init__(self, *, problem: str) -> None:
        self.problem = problem
        super().__init__(f"no table of decisions: {problem}. `wushu decisions export` shows what one looks like.")


class LineRefused(PipelineError):
    """A line of a table of decisions cannot be taken over."""

    def __init__(self, *, problem: str) -> None:
        super().__init__(problem)
