"""A table's own fit: mirror images stay mirror images, root and feet stay, and the text keeps what it says."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pinocchio as pin
import pytest

from retarget.correspondence import CORRESPONDENCE_DIR, load_correspondence, parse_correspondence
from retarget.exceptions import InvalidCorrespondence, NothingToFit
from retarget.rest_pose import robot_rest
from retarget.table_fit import FrameFollower, clip_target, fit_table, mirror_twins, symmetrised
from retarget.table_text import with_offsets_written

TEXT = (CORRESPONDENCE_DIR / "smpl_to_g1.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def table():
    return load_correspondence("smpl_to_g1")


@pytest.fixture(scope="module")
def fitted(robot, table, walker):
    """A fit on two walks of one person."""
    walks = [walker.walk(seconds=1.5, speed=speed)[0].body_trajectory() for speed in (0.5, 0.8)]
    return fit_table(table, robot, walks)


def test_a_fit_helps_on_the_walk_that_was_left_out(fitted):
    tracked = np.array([body.position_weight > 0 for body in fitted.correspondence.bodies])
    before, after = (
        fitted.held_out.mean(m)[tracked].mean() for m in (fitted.held_out.before_m, fitted.held_out.after_m)
    )
    assert after < 0.9 * before


def test_root_and_feet_keep_their_place(fitted):
    """Soles must stand where the human's stand, and a shift of everything says nothing of any body."""
    for human in ("pelvis", "left_ankle", "right_ankle"):
        body = fitted.correspondence.bodies[fitted.correspondence.index(human)]
        assert body.offset_m == (0.0, 0.0, 0.0)


def test_a_body_that_is_held_is_held_though_its_twin_is_not(robot, table, walker):
    walk = walker.walk(seconds=0.7)[0].body_trajectory()
    result = fit_table(table, robot, [walk], hold=["left_knee"])
    left, right = (table.index(f"{side}_knee") for side in ("left", "right"))
    np.testing.assert_array_equal(result.fit.offset_m[left], 0.0)
    assert result.correspondence.bodies[left] == table.bodies[left]
    assert np.linalg.norm(result.fit.offset_m[right]) > 0.0


def test_a_robots_left_and_right_stay_mirror_images(fitted):
    """One person's limp must not become the table's."""
    offsets = {body.human: np.array(body.offset_m) for body in fitted.correspondence.bodies}
    for part in ("knee", "elbow", "wrist"):
        np.testing.assert_array_equal(offsets[f"left_{part}"] * [1, -1, 1], offsets[f"right_{part}"])
        assert np.linalg.norm(offsets[f"left_{part}"]) > 0


def test_twins_are_the_other_sides_bodies(robot, table):
    rest = robot_rest(robot.pin_model(), table)
    twin = mirror_twins(rest)
    for i, body in enumerate(table.bodies):
        swap = {"left": "right", "right": "left"}
        side, _, part = body.human.partition("_")
        assert table.bodies[twin[i]].human == (f"{swap[side]}_{part}" if part else body.human)
    offset = np.random.default_rng(0).normal(size=(len(table.bodies), 3))
    once = symmetrised(offset, twin)
    np.testing.assert_allclose(symmetrised(once, twin), once, atol=1e-15)


def test_a_shipped_table_is_better_than_its_placements_alone(robot, table, walker):
    """The offsets that ship are worth something to a person that they were not fitted on."""
    walk = walker.walk(seconds=1.5)[0].body_trajectory()
    bare = replace(table, bodies=tuple(replace(body, offset_m=(0.0, 0.0, 0.0)) for body in table.bodies))
    distance = []
    for each in (bare, table):
        rest = robot_rest(robot.pin_model(), each)
        follower, clip = FrameFollower(robot, rest), clip_target(walk, each, rest, robot)
        pos, _ = follower.task_poses(follower.solve(clip))
        tracked = [i for i, body in enumerate(each.bodies) if body.position_weight > 0]
        distance.append(np.linalg.norm(pos - clip.pos_w, axis=-1)[:, tracked].mean())
    assert distance[1] < distance[0]


def test_task_poses_are_pinocchios(robot, table):
    """The compiled tree's points are those of the reference."""
    rest = robot_rest(robot.pin_model(), table)
    follower = FrameFollower(robot, rest)
    q = np.concatenate([[0.1, 0.2, 0.8, 0.0, 0.0, 0.0, 1.0], 0.9 * np.asarray(robot.joint_upper)])
    pos, rot = follower.task_poses(q[None])
    model = robot.pin_model()
    data = model.createData()
    pin.framesForwardKinematics(model, data, q)
    for i, (link, point) in enumerate(zip(rest.links, rest.point_b, strict=True)):
        place = data.oMf[model.getFrameId(link, pin.FrameType.BODY)]
        np.testing.assert_allclose(pos[0, i], place.act(point), atol=1e-9)
        np.testing.assert_allclose(rot[0, i], place.rotation, atol=1e-9)


def test_no_motions_are_nothing_to_fit(robot, table):
    with pytest.raises(NothingToFit, match="there are no motions; give at least one"):
        fit_table(table, robot, [])


def moved(table, **offsets):
    """The table with some offsets."""
    bodies = [replace(body, offset_m=offsets.get(body.human, (0.0, 0.0, 0.0))) for body in table.bodies]
    return replace(table, bodies=tuple(bodies))


def test_a_new_table_keeps_every_comment_and_every_other_number(table):
    new = moved(table, left_knee=(0.001, -0.002, 0.0), spine3=(0.0, 0.0, 0.5))
    text = with_offsets_written(TEXT, new, name="mine")
    assert parse_correspondence(text, source="mine") == replace(new, name="mine")
    changed = ("offset_m = ", "name = ")
    kept = [line for line in TEXT.splitlines() if not line.startswith(changed)]
    welded = [line for line in TEXT.splitlines() if line.startswith("offset_m = [0.184")]
    assert [line for line in text.splitlines() if not line.startswith(changed)] == kept
    assert [line for line in text.splitlines() if line.startswith("offset_m = [0.184")] == welded
    assert with_offsets_written(text, new, name="mine") == text


def test_a_table_that_cannot_be_edited_line_by_line_is_refused(table):
    inline = TEXT.replace('[[bodies]]\nhuman = "pelvis"', "bodies = []\n[[more]]", 1)
    with pytest.raises(InvalidCorrespondence, match="one below the other"):
        with_offsets_written(inline, table, name="mine")
