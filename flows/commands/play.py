"""``wushu play [CLIP]``: the robot in MuJoCo's own viewer, on a desktop, with the review page's keys."""

from __future__ import annotations

import getpass
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

import tyro

from flows.exceptions import NoMotion, OptionOutOfRange
from pipeline.decisions import Ruling, read_decisions, standing
from pipeline.exceptions import CorruptArtefact, DecidedMeanwhile
from pipeline.handing import seen_by_reviewers
from pipeline.home import Home
from pipeline.manifest import ManifestRow, find_row, read_rows
from pipeline.measurement import Span
from pipeline.review import ShownClip, play_on_desktop
from pipeline.review_desk.ghost import human_in_robot_world
from pipeline.review_desk.journal import DecisionRequest, decide
from pipeline.store import Dataset
from pipeline.variants import shown_variant, stage_of
from retarget.result import RetargetResult
from robots.exceptions import MeshesMissing, WushuError
from robots.g1 import load_g1
from robots.meshes import find_g1_meshes


@dataclass(frozen=True, slots=True, kw_only=True)
class Play:
    """Play a dataset's robot motions in MuJoCo's viewer, and decide on them (h shows the keys).

    Space pauses, the arrow keys step, j and k go to the next and the previous clip, a accepts, r rejects, u undoes.
    """

    clip: tyro.conf.Positional[str | None] = None
    """Id or name of the clip to begin with, or the beginning of either; left out, the first one."""
    dataset: Path = Path("wushu_dataset")
    """A folder made by `wushu run`, or wushu_demo/dataset."""
    speed: float = 1.0
    """Playback speed, 1 = real time."""
    by: str | None = None
    """Who decides; your login if it is left out."""

    def __call__(self) -> int:
        """Open the viewer until its window is closed."""
        if not 0.01 <= self.speed <= 100.0:
            raise OptionOutOfRange("speed", self.speed, allowed="0.01 to 100")
        dataset = Dataset.open(self.dataset)
        rows = sorted((row for row in read_rows(dataset) if _plays(row)), key=lambda row: row.clip.name)
        chosen = find_row(dataset, self.clip) if self.clip is not None else next(iter(rows), None)
        if chosen is None or not _plays(chosen):
            raise NoMotion(chosen.clip.name if chosen else str(dataset.root), reason=chosen.error if chosen else None)
        variant = shown_variant(chosen.fingerprints)
        rows = [row for row in rows if shown_variant(row.fingerprints) == variant]
        desk = PlayDesk(dataset, rows, by=_login() if self.by is None else self.by, now=lambda: datetime.now(UTC))
        first = [row.clip.id for row in rows].index(chosen.clip.id)
        play_on_desktop(desk, load_g1(variant, _mesh_dir(Home.of_user())), first=first, speed=self.speed)
        return 0


@dataclass(slots=True)
class PlayDesk:
    """Reads the clips that the window shows, and keeps what is decided of them."""

    dataset: Dataset
    rows: Sequence[ManifestRow]
    by: str
    now: Callable[[], datetime]
    _seen: dict[int, int] = field(default_factory=dict)
    """Clip -> how many decisions on it were shown."""
    _refused: DecisionRequest | None = None
    """What was not kept, as somebody else says otherwise; the same once more overrules them."""

    @property
    def n_clips(self) -> int:
        """How many clips there are."""
        return len(self.rows)

    def clip(self, number: int) -> ShownClip:
        """Read a clip.

        Raises:
            CorruptArtefact: Its motion cannot be read.
        """
        row = self.rows[number]
        stage = stage_of("retarget", shown_variant(row.fingerprints))
        result = self.dataset.load(row.clip.id, stage, row.fingerprints[stage], RetargetResult)
        try:
            human = human_in_robot_world(self.dataset, row.clip.id)
        except WushuError:  # the robot can be watched without
            human = None
        return ShownClip(name=row.clip.name, motion=result.motion, human_w=human)

    def told(self, number: int) -> str:
        """Say how a clip ended, and what is decided of it."""
        row = self.rows[number]
        decisions = read_decisions(self.dataset, row.clip.id)
        self._seen[number] = decisions.count
        held = standing(decisions, seen_by_reviewers(row))
        if held.decision is None:
            return f"checks: {row.outcome.value}; nobody decided"
        stale = "; the motion was solved anew since" if held.stale else ""
        return f"checks: {row.outcome.value}; {held.decision.told}{stale}"

    def accept(self, clip: int, frames: Span | None) -> str:
        """Accept a clip, or some frames of it."""
        said = "accepted" if frames is None else f"accepted frames {frames[0]}-{frames[1] - 1}"
        return self._keep(clip, replace(self._request(clip, Ruling.ACCEPT), frames=frames), said)

    def reject(self, clip: int, reason: str) -> str:
        """Reject a clip."""
        return self._keep(clip, replace(self._request(clip, Ruling.REJECT), reason=reason), f"rejected: {reason}")

    def undo(self, clip: int) -> str:
        """Take the last ruling back."""
        return self._keep(clip, self._request(clip, Ruling.UNDO), "your last decision was taken back")

    def _request(self, clip: int, ruling: Ruling) -> DecisionRequest:
        row = self.rows[clip]
        fingerprint = seen_by_reviewers(row) or ""
        return DecisionRequest(clip_id=row.clip.id, ruling=ruling, by=self.by, fingerprint=fingerprint)

    def _keep(self, clip: int, request: DecisionRequest, said: str) -> str:
        overrule, self._refused = request == self._refused, None
        sent = replace(request, seen=self._seen.get(clip), overrule=overrule)
        try:
            decide(self.dataset, sent, self.now().isoformat(timespec="seconds"))
        except DecidedMeanwhile as error:
            self._refused = request
            return f"{error.told}. The same key again overrules that."
        except (WushuError, CorruptArtefact) as error:
            return str(error)
        return said


def _plays(row: ManifestRow) -> bool:
    return seen_by_reviewers(row) is not None


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError) as error:  # a container's user without a name
        raise OptionOutOfRange("by", "left out, and your login has no name here", allowed="who decides") from error


def _mesh_dir(home: Home) -> Path | None:
    """Where the G1's meshes are, if they were fetched."""
    try:
        return find_g1_meshes(home.meshes_dir)
    except MeshesMissing:
        return None
