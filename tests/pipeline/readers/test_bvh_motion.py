"""Laws of reading BVH: the same motion comes back whatever the orders, units and axes it was written in."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from pipeline.readers import UnreadableMotion, read_motion
from pipeline.readers.bvh_file import BvhFile, BvhJoint
from pipeline.readers.rigs import find_rig, rigs
from retarget.smpl_skeleton import SMPL_JOINT_NAMES
from robots.exceptions import InvalidArray

ORDERS = ["".join(axes) for axes in itertools.permutations("XYZ")]


def distance_m(a, b):
    """Largest distance of a joint between two motions, but for where on the ground they are."""
    pos_a, pos_b = a.joints()[0], b.joints()[0]
    shift = (pos_a - pos_b).mean(axis=(0, 1)) * [1, 1, 0]
    return float(np.linalg.norm(pos_a - pos_b - shift, axis=-1).max())


def test_a_motion_written_as_bvh_comes_back(tmp_path, body, squats, write_bvh):
    """The file's skeleton is the body's, so nothing may be lost but the floor's millimetres."""
    motion = squats()
    read = read_motion(write_bvh(tmp_path / "a.bvh", motion), body)
    assert read.source_format == "bvh" and read.licence == "unknown"
    assert read.native_fps == pytest.approx(30.0)
    assert len(read.motion) == len(motion)
    assert distance_m(read.motion, motion) < 0.01
    ours, truth = read.motion.joints(), motion.joints()
    along = [
        ours[0][:, c] - ours[0][:, p] - truth[0][:, c] + truth[0][:, p] for p, c in ((1, 4), (4, 7), (16, 18), (18, 20))
    ]
    assert np.abs(along).max() < 1e-6  # bones do not turn at all
    turn = np.swapaxes(ours[1], -1, -2) @ truth[1]
    angle = np.degrees(np.arccos(np.clip((np.trace(turn, axis1=-2, axis2=-1) - 1) / 2, -1, 1)))
    assert angle.max() < 4.0


@pytest.mark.parametrize("order", [*ORDERS, lambda joint: ORDERS[joint % 6]], ids=[*ORDERS, "mixed"])
def test_rotation_order_does_not_matter(tmp_path, body, squats, write_bvh, order):
    """Each joint says its own order; the motion is the same."""
    plain = read_motion(write_bvh(tmp_path / "a.bvh", squats(31)), body).motion
    other = read_motion(write_bvh(tmp_path / "b.bvh", squats(31), order=order), body).motion
    assert distance_m(plain, other) < 1e-5


@pytest.mark.parametrize("unit_m", [1.0, 0.001, 0.0254, 0.0254 / 0.45, 0.04])
def test_the_unit_of_length_does_not_matter(tmp_path, body, squats, write_bvh, unit_m):
    plain = read_motion(write_bvh(tmp_path / "a.bvh", squats(31)), body).motion
    read = read_motion(write_bvh(tmp_path / "b.bvh", squats(31), unit_m=unit_m), body)
    assert distance_m(plain, read.motion) < 1e-5
    assert any("unit" in remark for remark in read.remarks)


def test_the_up_axis_does_not_matter(tmp_path, body, squats, write_bvh):
    """Seen by how the person stands, and said; or given."""
    y_up = read_motion(write_bvh(tmp_path / "a.bvh", squats(31)), body).motion
    path = write_bvh(tmp_path / "b.bvh", squats(31), up="z")
    z_up = read_motion(path, body)
    assert distance_m(y_up, z_up.motion) < 1e-5
    assert any("Up was taken to be z" in remark for remark in z_up.remarks)
    assert distance_m(y_up, read_motion(path, body, up="z").motion) < 1e-5


def test_six_channels_a_joint_are_read(tmp_path, body, squats, write_bvh):
    plain = read_motion(write_bvh(tmp_path / "a.bvh", squats(31)), body).motion
    six = read_motion(write_bvh(tmp_path / "b.bvh", squats(31), six_channels=True), body).motion
    assert distance_m(plain, six) < 1e-5


def test_the_path_shrinks_with_the_legs(tmp_path, body, squats, write_bvh):
    """A tall person's step is a short person's step: directions of bones stay, the path is scaled."""
    tall = squats(betas=body.betas_for_height(body.height(np.zeros(10)) * 1.15))
    read = read_motion(write_bvh(tmp_path / "a.bvh", tall), body).motion
    assert np.array_equal(read.betas, np.zeros(10))
    depth = [np.ptp(m.joints()[0][:, 0, 2]) for m in (read, tall)]
    legs = [
        np.linalg.norm(m.rest_joint_pos[4] - m.rest_joint_pos[1])
        + np.linalg.norm(m.rest_joint_pos[7] - m.rest_joint_pos[4])
        for m in (read, tall)
    ]
    assert depth[0] / depth[1] == pytest.approx(legs[0] / legs[1], rel=0.02)


def test_a_known_stature_shapes_the_body(tmp_path, body, squats, write_bvh):
    read = read_motion(write_bvh(tmp_path / "a.bvh", squats(31)), body, height_m=1.9).motion
    assert body.height(read.betas) == pytest.approx(1.9)


def test_resampling_keeps_the_instants(tmp_path, body, squats, write_bvh):
    """Every fourth frame of 120 a second is a frame of 30 a second; nothing plays slower or faster."""
    fast = read_motion(write_bvh(tmp_path / "a.bvh", squats(361, 120.0)), body)
    kept = read_motion(tmp_path / "a.bvh", body, fps=120.0).motion
    assert fast.native_fps == pytest.approx(120.0)
    assert len(fast.motion) == 91
    pos_30, pos_120 = fast.motion.joints()[0], kept.joints()[0]
    lift = (pos_30 - pos_120[::4]).mean()
    assert np.abs(pos_30 - pos_120[::4] - [0, 0, 3 * lift]).max() < 1e-5


def test_resampling_between_instants_follows_the_motion(tmp_path, body, squats, write_bvh):
    """25 frames/s hold no frame at most of the times asked for."""
    read = read_motion(write_bvh(tmp_path / "a.bvh", squats(76, 25.0)), body).motion
    assert distance_m(read, squats(len(read))) < 0.012


def test_the_rate_may_be_corrected(tmp_path, body, squats, write_bvh):
    """A file that says 120 and was captured at 60 lasts twice as long."""
    path = write_bvh(tmp_path / "a.bvh", squats(121, 120.0))
    assert len(read_motion(path, body).motion) == 31
    assert len(read_motion(path, body, native_fps=60.0).motion) == 61


def test_a_reference_pose_in_front_is_left_out(tmp_path, body, squats, write_bvh):
    """Many exports begin with the T-pose at the origin."""
    motion = squats()
    plain = read_motion(write_bvh(tmp_path / "a.bvh", motion), body).motion
    posed = read_motion(write_bvh(tmp_path / "b.bvh", motion, head_rows=((0.0,),)), body)
    assert any("first 1 frame(s) were left out" in remark for remark in posed.remarks)
    assert distance_m(plain, posed.motion) < 1e-5


def test_soles_stand_on_the_floor(tmp_path, body, squats, write_bvh):
    motion = read_motion(write_bvh(tmp_path / "a.bvh", squats()), body).motion
    lowest = np.array([verts[..., 2].min() for verts in body.iter_verts(motion, 1)])
    assert np.abs(lowest).max() < 0.01


def test_one_bad_frame_does_not_move_the_floor(tmp_path, body, squats, write_bvh):
    path = write_bvh(tmp_path / "a.bvh", squats())
    lines = path.read_text().splitlines()
    values = lines[-40].split()
    values[1] = str(float(values[1]) - 150.0)  # 1.5 m into the ground
    path.write_text("\n".join([*lines[:-40], " ".join(values), *lines[-39:]]))
    motion = read_motion(path, body).motion
    assert np.abs(np.median(body.motion_keypoints(motion)[:, 17:21, 2].min(axis=1))) < 0.03


def test_bones_point_the_same_way_when_the_rig_rests_otherwise(tmp_path, body, squats, write_bvh):
    """A rig whose zero pose is no standing person is learnt from the motion: every joint frame is turned at random."""
    motion = squats()
    plain = read_motion(write_bvh(tmp_path / "a.bvh", motion), body).motion
    turned = _with_turned_frames(write_bvh(tmp_path / "b.bvh", motion), tmp_path / "c.bvh")
    read = read_motion(turned, body)
    assert any("learnt from this motion" in remark for remark in read.remarks)
    for a, b in ((1, 4), (4, 7), (2, 5), (5, 8), (16, 18), (18, 20), (17, 19), (19, 21)):
        bones = [m.joints()[0][:, b] - m.joints()[0][:, a] for m in (plain, read.motion)]
        assert np.abs(bones[0] - bones[1]).max() < 1e-4


def _with_turned_frames(source, target):
    """Turn every joint's frame by its own constant, the joints stay where they are."""
    from scipy.spatial.transform import Rotation

    from pipeline.readers.bvh_file import read_bvh

    bvh = read_bvh(source)
    turns = Rotation.random(len(bvh.joints), random_state=5).as_matrix()
    lines, columns, depth = ["HIERARCHY"], [], []
    for number, joint in enumerate(bvh.joints):
        while depth and depth[-1] != joint.parent:
            depth.pop()
            lines.append("}")
        above = turns[joint.parent] if joint.parent >= 0 else np.eye(3)
        kind = "ROOT" if joint.parent < 0 else "JOINT" if joint.channels else "End Site"
        offset = " ".join(f"{x:.8f}" for x in above.T @ joint.offset)
        lines += [f"{kind} {joint.name if joint.channels else ''} {{", f"OFFSET {offset}"]
        depth.append(number)
        if not joint.channels:
            continue
        lines.append(f"CHANNELS {len(joint.channels)} {' '.join(joint.channels)}")
        angles = bvh.values[:, joint.first_channel : joint.first_channel + len(joint.channels)]
        order = "".join(name[0] for name in joint.channels if name.endswith("rotation"))
        local = above.T @ Rotation.from_euler(order, angles[:, -3:], degrees=True).as_matrix() @ turns[number]
        columns += [angles[:, :-3], Rotation.from_matrix(local).as_euler(order, degrees=True)]
    lines += ["}"] * len(depth) + ["MOTION", f"Frames: {len(bvh)}", f"Frame Time: {bvh.frame_time_s}"]
    lines += [" ".join(f"{value:.8f}" for value in row) for row in np.concatenate(columns, axis=1)]
    target.write_text("\n".join(lines))
    return target


@pytest.mark.parametrize("rig", rigs(), ids=lambda rig: rig.name)
def test_every_rig_of_the_table_is_told_from_the_others(tmp_path, rig):
    """No row is hidden by a more general one above it."""
    names = [found[0] for found in rig.names.values()] + list(rig.requires)
    plain = list(dict.fromkeys(name for name in names if not name.endswith("/")))
    joints = tuple(
        BvhJoint(name=f"ns:{name}", parent=k - 1, offset=(0, 1, 0), channels=("Xrotation",), first_channel=k)
        for k, name in enumerate(plain)
    )
    found = find_rig(tmp_path, BvhFile(joints=joints, frame_time_s=1.0, values=np.zeros((1, len(joints)))))
    assert found.rig == rig.name
    assert set(found.joints) == set(rig.names) <= set(SMPL_JOINT_NAMES)


def test_an_unknown_rig_is_refused_with_what_is_missing(tmp_path, body, squats, write_bvh):
    path = write_bvh(tmp_path / "a.bvh", squats(3), rename=lambda name: name.replace("Left", "Linke"))
    with pytest.raises(UnreadableMotion, match=r"of no known rig: the closest .* also LeftUpLeg, .*LeftHand"):
        read_motion(path, body)


def test_namespaces_are_left_out_of_names(tmp_path, body, squats, write_bvh):
    path = write_bvh(tmp_path / "a.bvh", squats(31), rename=lambda name: f"mixamorig:{name}")
    assert len(read_motion(path, body).motion) == 31


def test_one_frame_is_no_motion(tmp_path, body, squats, write_bvh):
    with pytest.raises(UnreadableMotion, match="one frame"):
        read_motion(write_bvh(tmp_path / "a.bvh", squats(1)), body)


def test_a_unit_that_makes_giants_is_refused(tmp_path, body, squats, write_bvh):
    with pytest.raises(UnreadableMotion, match=r"a unit of 1 m the legs would measure 82"):
        read_motion(write_bvh(tmp_path / "a.bvh", squats(3)), body, unit_m=1.0)


def test_a_limb_without_length_is_refused(tmp_path, body, squats, write_bvh):
    """Skeletons exported without offsets collapse."""
    path = write_bvh(tmp_path / "a.bvh", squats(3))
    text = re.sub(r"(JOINT LeftForeArm\s*\{\s*OFFSET).*", r"\1 0 0 0", path.read_text())
    path.write_text(text)
    with pytest.raises(UnreadableMotion, match="left_shoulder and left_elbow lie in one place"):
        read_motion(path, body)


def test_a_missing_frame_time_asks_for_the_rate(tmp_path, body, squats, write_bvh):
    path = write_bvh(tmp_path / "a.bvh", squats(31))
    path.write_text("\n".join(line for line in path.read_text().splitlines() if not line.startswith("Frame Time")))
    with pytest.raises(UnreadableMotion, match=r"does not say its frame time\. Give the rate as native_fps"):
        read_motion(path, body)
    assert len(read_motion(path, body, native_fps=30.0).motion) == 31


@pytest.mark.parametrize("rate", [1e-6, 1e7])
def test_a_rate_no_capture_has_is_refused(tmp_path, body, squats, write_bvh, rate):
    with pytest.raises(UnreadableMotion, match="a rate of"):
        read_motion(write_bvh(tmp_path / "a.bvh", squats(3)), body, native_fps=rate)


@pytest.mark.parametrize("options", [{"fps": 0.0}, {"unit_m": -1.0}, {"up": "x"}, {"height_m": float("nan")}])
def test_options_without_sense_are_refused(tmp_path, body, squats, write_bvh, options):
    with pytest.raises(InvalidArray, match="must be"):
        read_motion(write_bvh(tmp_path / "a.bvh", squats(3)), body, **options)
