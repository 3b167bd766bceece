from dataclasses import replace

import numpy as np
import pytest

from retarget.contacts import region_contacts
from retarget.flight import FlightConfig, flight_spans, mass_centre


def jump(walker, fps=30.0, height=0.4, gravity=9.81, rises=None):
    """Stand a second, fly, stand a second; and when the feet truly are in the air."""
    half = np.sqrt(2 * height / gravity)
    time = np.arange(round((2 + 2 * half) * fps)) / fps
    away = time - 1.0 - half
    path = np.maximum(height - 0.5 * gravity * away**2, 0.0) if rises is None else rises(time)
    rest = walker.smpl_motion({}).body_trajectory()
    pos = rest.pos_w.repeat(len(time), axis=0) + path[:, None, None] * [0.0, 0.0, 1.0]
    quat = rest.quat_wxyz_w.repeat(len(time), axis=0)
    return replace(rest, fps=fps, pos_w=pos, quat_wxyz_w=quat, trust=None, contact_prob=None), path > 0


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0, 120.0])
def test_a_jump_flies_at_any_frame_rate(walker, fps):
    trajectory, airborne = jump(walker, fps)
    ((start, stop),) = flight_spans(trajectory, region_contacts(trajectory))
    assert airborne[start:stop].all()
    first, last = np.flatnonzero(airborne)[[0, -1]]
    assert start - first < 0.05 * fps + 1
    assert last + 1 - stop < 0.05 * fps + 1


def test_who_walks_or_stands_does_not_fly(walker):
    trajectory = walker.walk()[0].body_trajectory()
    assert flight_spans(trajectory, region_contacts(trajectory)) == ()


@pytest.mark.parametrize("rises", [lambda t: 0.4 * np.sin(np.pi * t / t[-1]), lambda t: np.clip(t - 1, 0, 0.5)])
def test_who_is_lifted_does_not_fly(walker, rises):
    """Climbing and hanging are high above the floor without falling."""
    trajectory, airborne = jump(walker, height=1.0, rises=rises)
    assert airborne.mean() > 0.3
    assert flight_spans(trajectory, region_contacts(trajectory)) == ()


def test_slow_motion_does_not_fly_unless_gravity_is_said_to_be_so(walker):
    """A jump filmed four times too slow falls sixteen times too slowly."""
    trajectory, _ = jump(walker, gravity=9.81 / 16)
    contacts = region_contacts(trajectory)
    assert flight_spans(trajectory, contacts) == ()
    assert len(flight_spans(trajectory, contacts, FlightConfig(gravity=9.81 / 16))) == 1


def test_the_estimators_word_keeps_a_foot_on_the_floor(walker):
    trajectory, _ = jump(walker)
    word = np.ones((len(trajectory), 1))
    told = replace(trajectory, contact_regions=("left_foot",), contact_prob=word)
    assert flight_spans(told, region_contacts(told)) == ()


def test_the_centre_of_mass_moves_with_the_body_and_lies_in_the_trunk(walker):
    trajectory = walker.walk()[0].body_trajectory()
    shift = np.array([0.3, -0.2, 0.5])
    moved = replace(trajectory, pos_w=trajectory.pos_w + shift)
    np.testing.assert_allclose(mass_centre(moved), mass_centre(trajectory) + shift, atol=1e-12)
    rest = walker.smpl_motion({}).body_trajectory()
    height = dict(zip(rest.names, rest.pos_w[0, :, 2], strict=True))
    assert height["left_hip"] < mass_centre(rest)[0, 2] < height["spine3"]
