"""Laws of the search for a repair, on motions whose faults are known: what is kept, cut, tried and told."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest

from pipeline.measurement import Measurement, Measurements
from pipeline.repair import Diagnosis, Edit, RepairConfig, mend
from pipeline.repair.search import bad_frames, good_spans, snapped
from pipeline.verdict import Limit, Limits, judge
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("29dof")
FPS = 30.0
LIMITS = Limits(
    tier="test",
    items=(
        Limit(stage="validation", measurement="height", maximum=0.1),
        Limit(stage="validation", measurement="speed", maximum=1.0),
    ),
)


def motion_of(height: np.ndarray) -> RobotMotion:
    """A robot that stands on the given heights of the floor."""
    frames = len(height)
    qpos = np.tile(ROBOT.default_qpos, (frames, 1))
    qpos[:, 2] += height
    return RobotMotion.from_qpos(qpos, fps=FPS, joint_names=ROBOT.joint_names, foot_contact=np.ones((frames, 2)))


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightMender:
    """Refuses what is 10 cm off the floor, or sideways of the first metre; can lower everything by a metre."""

    stands: tuple[int, ...] = ()
    """Frames of the motion at which a clip may begin or end; none = all."""

    def diagnose(self, motion: RobotMotion) -> Diagnosis[RobotMotion]:
        height = np.abs(motion.root_pos_w[:, 2] - ROBOT.default_root_height)
        aside = np.abs(motion.root_pos_w[:, 0])
        items = tuple(
            Measurement(name=name, value=series.max(), unit="m", meaning=name, series=series)
            for name, series in (("height", height), ("speed", aside))
        )
        group = Measurements(stage="validation", fps=FPS, n_frames=len(motion), items=items)
        verdict = judge((group,), LIMITS)
        return Diagnosis(motion=motion, robot_motion=motion, measurements=(group,), verdict=verdict)

    def edits(self, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
        down = np.array([0.0, 0.0, 1.0])
        return [
            Edit(kind="raise", sentence="Raise.", apply=lambda m: replace(m, root_pos_w=m.root_pos_w + down)),
            Edit(kind="lower", sentence="Lower.", apply=lambda m: replace(m, root_pos_w=m.root_pos_w - down)),
        ]

    def part(self, motion: RobotMotion, start: int, stop: int) -> RobotMotion:
        return motion.frames(start, stop)

    def can_end(self, diagnosis: Diagnosis[RobotMotion]) -> np.ndarray:
        marks = np.zeros(len(diagnosis.motion), dtype=bool)
        marks[list(self.stands)] = True
        return marks if self.stands else ~marks


def test_an_accepted_motion_is_left_alone() -> None:
    """Nothing is tried, and the piece is the clip itself."""
    mender = HeightMender()
    first = mender.diagnose(motion_of(np.zeros(60)))
    repairs = mend(first, mender, RepairConfig())
    assert repairs.attempts == ()
    (piece,) = repairs.pieces
    assert (piece.edits, piece.frames, piece.motion) == ((), (0, 60), first.robot_motion)
    assert repairs.usable_s == pytest.approx(2.0)


def test_an_edit_that_helps_is_kept_and_one_that_does_not_is_told() -> None:
    """Both were carried out and judged; all frames are kept."""
    mender = HeightMender()
    repairs = mend(mender.diagnose(motion_of(np.full(60, 1.0))), mender, RepairConfig())
    assert [(a.edits, a.accepted) for a in repairs.attempts] == [(("Raise.",), False), (("Lower.",), True)]
    assert [(p.edits, p.frames) for p in repairs.pieces] == [(("Lower.",), (0, 60))]


def test_bad_spans_are_cut_out_with_a_margin_and_the_parts_are_judged() -> None:
    """A clip is split at what is wrong with it rather than thrown away."""
    height = np.zeros(240)
    height[100:110] = 0.5
    mender = HeightMender()
    repairs = mend(mender.diagnose(motion_of(height)), mender, RepairConfig(margin_s=0.1))
    assert [piece.frames for piece in repairs.pieces] == [(0, 97), (113, 240)]
    assert all(piece.verdict.accepted for piece in repairs.pieces)
    assert repairs.usable_s == pytest.approx((97 + 127) / FPS)


def test_parts_begin_and_end_where_the_robot_stands() -> None:
    """A cut in mid-step would give the trainer a start from which nobody can begin."""
    height = np.zeros(240)
    height[:10] = 0.5
    mender = HeightMender(stands=(40, 41, 200, 201))
    (piece,) = mend(mender.diagnose(motion_of(height)), mender, RepairConfig()).pieces
    assert piece.frames == (40, 202)


def test_what_is_bad_throughout_gives_nothing_and_says_so() -> None:
    """No piece; the attempts tell why."""
    mender = HeightMender()
    aside = replace(motion_of(np.zeros(90)), root_pos_w=np.tile([5.0, 0, 0.79], (90, 1)))
    repairs = mend(mender.diagnose(aside), mender, RepairConfig())
    assert repairs.pieces == ()
    assert repairs.usable_s == 0.0
    assert all(attempt.rejections for attempt in repairs.attempts)


def test_no_more_is_tried_than_was_allowed() -> None:
    """Every other second is bad: without an end there would be a trial for each."""
    height = np.where(np.arange(1200) // 60 % 2, 0.5, 0.0)
    mender = HeightMender()
    repairs = mend(mender.diagnose(motion_of(height)), mender, RepairConfig(max_trials=5))
    assert len(repairs.attempts) == 5


def test_short_good_spans_between_bad_ones_are_bad() -> None:
    """A flag that flickers marks one fault, not many."""
    bad = np.zeros(100, dtype=bool)
    bad[[40, 42, 44]] = True
    assert good_spans(bad, FPS, RepairConfig(margin_s=0.0, max_gap_s=0.1)) == ((0, 40), (45, 100))


def test_a_check_that_points_nowhere_marks_no_frame() -> None:
    """Such a check can only be repaired as a whole."""
    group = Measurements(
        stage="validation",
        fps=FPS,
        n_frames=50,
        items=tuple(Measurement(name=n, value=9.0, unit="m", meaning=n) for n in ("height", "speed")),
    )
    assert not bad_frames(judge((group,), LIMITS), 50).any()


def test_cuts_prefer_both_feet_nearby_and_leave_the_ends_of_the_clip() -> None:
    """One foot is stable enough to begin on; both are better, where they cost little."""
    grade = np.ones(100, dtype=int)
    grade[[33, 60, 95]] = 2
    assert snapped((30, 90), grade, reach=5) == (33, 90)
    assert snapped((0, 100), grade, reach=40) == (0, 100)
    assert snapped((30, 90), np.zeros(100, dtype=int), reach=5) == (30, 90)


@dataclass(frozen=True, slots=True, kw_only=True)
class SmoothingMender(HeightMender):
    """Can also press every frame to the floor, each by its own height."""

    def edits(self, diagnosis: Diagnosis[RobotMotion]) -> list[Edit[RobotMotion]]:
        def press(motion: RobotMotion) -> RobotMotion:
            floor = motion.root_pos_w * [1.0, 1.0, 0.0] + [0.0, 0.0, ROBOT.default_root_height]
            return replace(motion, root_pos_w=floor)

        return [Edit(kind="press", sentence="Press.", apply=press, constant=False)]


@pytest.mark.parametrize(("bad", "edits"), [((0, 6), ("Keep frames 9-239.",)), ((0, 90), ("Press.",))])
def test_a_cut_that_keeps_nearly_all_beats_an_edit_of_every_frame(bad: tuple[int, int], edits: tuple[str, ...]) -> None:
    """The least change of the data comes first, as long as it costs little of the clip."""
    height = np.zeros(240)
    height[slice(*bad)] = 0.5
    mender = SmoothingMender()
    (piece,) = mend(mender.diagnose(motion_of(height)), mender, RepairConfig()).pieces
    assert piece.edits == edits


def test_a_proposal_that_cannot_be_measured_is_told_and_the_search_goes_on() -> None:
    """One part that no robot can follow must not cost the others."""

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Fragile(HeightMender):
        def diagnose(self, motion: RobotMotion) -> Diagnosis[RobotMotion]:
            if len(motion) == 97:
                raise InvalidArray("motion", problem="cannot be followed")
            return HeightMender.diagnose(self, motion)

    height = np.zeros(240)
    height[100:110] = 0.5
    repairs = mend(HeightMender().diagnose(motion_of(height)), Fragile(), RepairConfig(margin_s=0.1))
    assert [piece.frames for piece in repairs.pieces] == [(113, 240)]
    assert any("cannot be followed" in sentence for attempt in repairs.attempts for sentence in attempt.rejections)
