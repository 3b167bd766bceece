"""Following in all ways: what is told, what is kept, and that nothing a motion does stops its clip."""

from dataclasses import replace

import numpy as np
import pytest

from pipeline.tracking.certificate import T1Config
from pipeline.tracking.certificate_rule import CertificateRule
from pipeline.tracking.follow import FollowConfig, follow
from pipeline.tracking.reference import ReferenceConfig
from pipeline.tracking.sampling import SamplingConfig
from pipeline.tracking.sampling_search import SearchConfig
from robots.exceptions import InvalidArray
from robots.g1 import load_g1
from robots.motion import RobotMotion

ROBOT = load_g1("23dof")


def standing(seconds=0.6, fps=30.0):
    frames = round(seconds * fps) + 1
    return RobotMotion.from_qpos(
        np.tile(ROBOT.default_qpos, (frames, 1)),
        fps=fps,
        joint_names=ROBOT.joint_names,
        foot_contact=np.ones((frames, 2)),
    )


def test_sampling_control_tells_what_came_of_it():
    """A rule that nobody meets sends a standing robot on to sampling control, which follows it."""
    nobody = T1Config(rule=CertificateRule(root_error_m=0.0))
    quick = SamplingConfig(search=SearchConfig(samples=24, iterations=2))
    followed = follow(standing(), ROBOT, FollowConfig(physics=True, t1=nobody, t2=quick))
    first, second = followed.notes
    assert "left the plan" in first
    assert second.startswith("sampling control: passed with seed 0; its root is 0.0")
    measured = followed.measurements
    assert measured is not None and measured["t2_passed"].value == 1.0
    assert followed.refined is None and "refined_residual" not in {item.name for item in measured.items}


def test_a_motion_of_other_joints_is_told_and_stops_no_clip():
    """Tracking refuses nothing: what it cannot follow goes on without its measurements."""
    other = replace(standing(), joint_names=tuple(f"other_{name}" for name in ROBOT.joint_names))
    followed = follow(other, ROBOT, FollowConfig())
    assert followed.measurements is None and followed.refined is None
    assert followed.notes[0].startswith("not followed in simulation: ")


def test_a_computation_that_breaks_down_is_told():
    """Soles that are a line have no convex hull to balance over."""
    line = ROBOT.sole_points_b * [1.0, 0.0, 1.0]
    followed = follow(standing(), replace(ROBOT, sole_points_b=line), FollowConfig())
    (note,) = followed.notes
    assert note.startswith("not followed in simulation: a computation broke down (QhullError: ")
    assert note.endswith(").")
    assert followed.measurements is None and followed.refined is None


def test_what_was_found_before_an_error_is_kept():
    """Help at the root is measured though the motion is longer than a plan may be."""
    brief = T1Config(reference=ReferenceConfig(longest_s=0.5))
    followed = follow(standing(), ROBOT, FollowConfig(t1=brief))
    (note,) = followed.notes
    assert note.startswith("not followed in simulation: ") and "cannot be tracked" in note
    assert followed.measurements is not None
    names = {item.name for item in followed.measurements.items}
    assert "assist_cap" in names and "t1_certified" not in names


def test_a_mistake_in_the_program_is_not_hidden():
    """Only what a motion can provoke becomes a note."""
    with pytest.raises(AttributeError):
        follow(standing(), ROBOT, FollowConfig(t1="no settings"))  # pyright: ignore[reportArgumentType]


def test_no_seed_is_no_attempt():
    with pytest.raises(InvalidArray, match="seeds: is empty"):
        FollowConfig(seeds=())
