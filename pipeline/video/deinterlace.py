"""Finds video whose odd and even lines were taken at two moments, and turns it into pictures of one moment each.

Broadcast, DV and DVD material shows a fast arm as a comb of two arms half a picture apart. FFmpeg's own filters do
the work: ``idet`` measures the combing, ``bwdif`` (Weston's three-field filter) rebuilds the second field's lines.
Every picture stays one picture at its own time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice

import av
from av.filter import Graph
from av.video.frame import VideoFrame

PICTURES_JUDGED = 48
"""How many pictures from the start tell whether a video is interlaced."""

_VERDICT = "lavfi.idet.multiple.current_frame"
_COMBED = ("tff", "bff")
_MIN_COMBED = 4  # a lone combed picture is noise, or a cut
_COMBED_SHARE = 0.25  # film put on television by 3:2 pulldown is combed in two pictures of five
_ONE_PARITY = 0.8  # which field comes first does not change within a recording; noise combs either way
_MIN_PROGRESSIVE = 12  # pictures that moved and did not comb, before the stream's own flag is disbelieved


def is_interlaced(frames: Iterable[VideoFrame]) -> bool:
    """Tell from the first pictures whether their two fields are of two moments.

    A picture that moves tells by its combing. Where nothing moves enough to tell, the flag that the stream gives its
    pictures is believed; it alone is not enough, since films and slides are broadcast with that flag too.

    Args:
        frames: Decoded pictures as they come; no more than :data:`PICTURES_JUDGED` of them are taken.
    """
    seen, flagged, verdicts = 0, 0, Counter[str]()
    graph: _Filter | None = None
    try:
        for frame in islice(frames, PICTURES_JUDGED):
            seen += 1
            flagged += frame.interlaced_frame
            if graph is None or not graph.fits(frame):
                graph = _Filter(frame, "idet")
            verdicts.update(judged.metadata.get(_VERDICT, "") for judged in graph.push(frame))
    except av.error.FFmpegError:
        pass  # a damaged picture ends what there is to judge; who decodes it for its content will report it
    return _judge(flagged > seen / 2, verdicts)


def deinterlaced(frames: Iterable[VideoFrame]) -> Iterator[VideoFrame]:
    """Yield each picture with the lines of its second field rebuilt for the moment of its first.

    Raises:
        av.error.FFmpegError: What decoding ``frames`` raised, after the pictures before it were given.
    """
    graph: _Filter | None = None
    damage: av.error.FFmpegError | None = None
    source = iter(frames)
    while damage is None:
        try:
            frame = next(source)
        except StopIteration:
            break
        except av.error.FFmpegError as error:
            damage = error
            break
        if graph is None or not graph.fits(frame):
            if graph is not None:
                yield from graph.push(None)
            graph = _Filter(frame, "bwdif", "mode=send_frame:deint=all")
        yield from graph.push(frame)
    if graph is not None:
        yield from graph.push(None)
    if damage is not None:
        raise damage


def _judge(is_flagged: bool, verdicts: Counter[str]) -> bool:
    combed = sum(verdicts[parity] for parity in _COMBED)
    progressive = verdicts["progressive"]
    is_one_parity = max(verdicts[parity] for parity in _COMBED) >= _ONE_PARITY * combed
    if combed >= _MIN_COMBED and is_one_parity and combed >= _COMBED_SHARE * (combed + progressive):
        return True
    return is_flagged and progressive < _MIN_PROGRESSIVE


class _Filter:
    """One FFmpeg filter for pictures of one size and format."""

    def __init__(self, frame: VideoFrame, name: str, args: str = "") -> None:
        self._kind = _kind(frame)
        self._graph = Graph()
        source = self._graph.add_buffer(
            width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base
        )
        stage, sink = self._graph.add(name, args), self._graph.add("buffersink")
        source.link_to(stage)
        stage.link_to(sink)
        self._graph.configure()

    def fits(self, frame: VideoFrame) -> bool:
        """Whether a picture is of the kind this filter was made for; some streams change size on the way."""
        return self._kind == _kind(frame)

    def push(self, frame: VideoFrame | None) -> Iterator[VideoFrame]:
        """Give a picture, or None for the end, and yield what comes out for it."""
        self._graph.push(frame)
        while True:
            try:
                result = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            if isinstance(result, VideoFrame):
                yield result


def _kind(frame: VideoFrame) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
