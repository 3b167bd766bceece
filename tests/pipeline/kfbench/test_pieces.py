"""Both choreographies are what they are offered as: motions that a careful person could really do."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull
from scipy.spatial.transform import Rotation

from pipeline.body import load_body
from pipeline.kfbench import PIECES, perform
from pipeline.kfbench.balance import centre_of_mass, zero_moment_point
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

JOINT = {name: number for number, name in enumerate(SMPL_JOINT_NAMES)}
BODY = load_body("open")
_OWNER = BODY.skin_weights.argmax(axis=1)
FOOT_VERTS = {
    side: np.flatnonzero(np.isin(_OWNER, [JOINT[f"{side}_ankle"], JOINT[f"{side}_foot"]])) for side in ("left", "right")
}


@pytest.fixture(scope="module", params=PIECES)
def performed(request):
    piece = PIECES[request.param]
    motion = perform(piece, BODY)
    joints, _ = motion.joints()
    return piece, motion, joints, BODY.verts(motion)


def soles(motion, verts):
    """Yield for each foot its contact and the vertices of its sole: those within 12 mm of the floor in stance."""
    for column, side in enumerate(("left", "right")):
        contact = motion.foot_contact[:, column] == 1.0
        foot = verts[:, FOOT_VERTS[side]]
        yield contact, foot[:, foot[np.flatnonzero(contact)[0], :, 2] < 0.012]


def test_feet_in_stance_do_not_move(performed):
    """A skating truth could not tell a skating estimate."""
    _, motion, _, verts = performed
    for contact, sole in soles(motion, verts):
        moved = np.linalg.norm(np.diff(sole, axis=0), axis=2).max(axis=1)
        assert moved[contact[1:] & contact[:-1]].max() < 1e-3


def test_feet_in_stance_stand_on_the_floor_and_nothing_goes_through_it(performed):
    """No floating, no penetration."""
    _, motion, _, verts = performed
    for contact, sole in soles(motion, verts):
        assert np.abs(sole[contact, :, 2].min(axis=1)).max() < 2e-3
    assert verts[..., 2].min() > -2e-3


def test_someone_always_stands(performed):
    """Neither piece leaves the floor, and both lift a foot."""
    _, motion, _, _ = performed
    assert motion.foot_contact.sum(axis=1).min() == 1.0
    assert motion.foot_contact.sum(axis=1).max() == 2.0


def margins(points, motion, verts):
    """Distance of floor points from the edge of the support, frame by frame, positive inside [m]."""
    feet = list(soles(motion, verts))
    result = []
    for frame, point in enumerate(points):
        support = np.concatenate([sole[frame, :, :2] for contact, sole in feet if contact[frame]])
        edges = ConvexHull(support).equations
        result.append(-(edges[:, :2] @ point[:2] + edges[:, 2]).max())
    return np.array(result)


def test_holds_are_held_in_static_balance(performed):
    """Whoever freezes there does not fall: centre of mass well inside the feet, hardly any motion."""
    piece, motion, joints, verts = performed
    margin = margins(centre_of_mass(joints), motion, verts)
    speed = np.linalg.norm(np.gradient(joints, 1 / motion.fps, axis=0), axis=2).max(axis=1)
    for start, end in piece.holds:
        frames = slice(int(np.ceil(start * motion.fps)), int(end * motion.fps) + 1)
        assert margin[frames].min() > 0.05
        assert speed[frames].max() < 0.6


def test_zero_moment_point_stays_under_the_feet(performed):
    """The whole piece could be done by a real robot, not only its holds (cart-table model, 1 cm to spare)."""
    _, motion, joints, verts = performed
    com = centre_of_mass(joints)
    zmp = zero_moment_point(com, height=com[:, 2].mean(), dt=1 / motion.fps)
    assert margins(zmp, motion, verts).min() > 0.01


def test_speeds_and_accelerations_are_human(performed):
    """Hands below 6 m/s; no jump that a 30 Hz video would hide."""
    _, motion, joints, _ = performed
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2) * motion.fps
    assert speed[:, [JOINT["left_hand"], JOINT["right_hand"]]].max() < 6.0
    assert speed.max() < 8.0
    assert np.linalg.norm(np.diff(joints, n=2, axis=0), axis=2).max() * motion.fps**2 < 90.0


def test_joint_rotations_have_no_jump(performed):
    """A flipped axis-angle is invisible in positions of leaves, not in rotations: below 20 rad/s, 400 rad/s^2."""
    _, motion, _, _ = performed
    for vectors in (motion.global_orient[:, None], motion.body_pose):
        turns = Rotation.from_rotvec(np.array(vectors).reshape(-1, 3)).as_matrix().reshape(*vectors.shape[:2], 3, 3)
        steps = Rotation.from_matrix((np.swapaxes(turns[:-1], 2, 3) @ turns[1:]).reshape(-1, 3, 3)).as_rotvec()
        rate = steps.reshape(len(turns) - 1, -1, 3) * motion.fps
        assert np.linalg.norm(rate, axis=2).max() < 20.0
        assert np.linalg.norm(np.diff(rate, axis=0), axis=2).max() * motion.fps < 400.0


RANGES_DEG = {  # of the rotation from the parent, smallest and largest, Kapandji's textbook ranges rounded up
    "hip": (0, 125), "knee": (3, 140), "ankle": (0, 62), "shoulder": (0, 150), "elbow": (3, 150), "wrist": (0, 75),
    "collar": (0, 30),
}  # fmt: skip


@pytest.mark.parametrize("joint", RANGES_DEG)
def test_joints_stay_in_human_range(performed, joint):
    """Nothing is bent farther than people bend it; knees and elbows are never locked."""
    _, motion, _, _ = performed
    low, high = RANGES_DEG[joint]
    for side in ("left", "right"):
        angle = np.degrees(np.linalg.norm(motion.body_pose[:, JOINT[f"{side}_{joint}"] - 1], axis=1))
        assert low <= angle.min() and angle.max() <= high


def test_begins_and_ends_standing_calmly(performed):
    """A clip that starts in mid-swing cannot be learnt from or chained."""
    _, motion, joints, _ = performed
    speed = np.linalg.norm(np.diff(joints, axis=0), axis=2).max(axis=1) * motion.fps
    assert speed[:3].max() < 0.1 and speed[-3:].max() < 0.1
    for frame in (0, -1):
        assert motion.foot_contact[frame].sum() == 2.0
        heights = joints[frame, [JOINT[f"{side}_wrist"] for side in ("left", "right")], 2]
        assert heights.max() < joints[frame, 0, 2]


def test_it_is_about_six_seconds(performed):
    """Long enough for a story, short enough for a demo."""
    piece, motion, _, _ = performed
    assert 5.5 < (len(motion) - 1) / motion.fps < 7.0
    assert len(motion) == round(piece.duration * 30) + 1


def test_dance_turns_around_and_kungfu_kicks():
    """What the titles promise is in the motion."""
    dance, form = (perform(PIECES[name], BODY) for name in ("dance", "kungfu_form"))
    ahead = Rotation.from_rotvec(np.array(dance.global_orient)).apply([0, 0, 1.0])
    assert np.unwrap(np.arctan2(ahead[:, 1], ahead[:, 0]))[-1] == pytest.approx(2 * np.pi, abs=0.02)
    joints, _ = form.joints()
    assert joints[:, JOINT["right_ankle"], 2].max() > 0.6
    assert joints[:, 0, 2].min() < 0.8 * joints[0, 0, 2]


@pytest.mark.parametrize("height", [1.55, 1.90])
def test_people_of_other_heights_can_do_it_too(height):
    """Footsteps are authored in leg lengths, so they fit short and tall performers alike."""
    betas = BODY.betas_for_height(height)
    for piece in PIECES.values():
        motion = perform(piece, BODY, betas=betas)
        for contact, sole in soles(motion, BODY.verts(motion)):
            assert np.abs(sole[contact, :, 2].min(axis=1)).max() < 3e-3


def test_performing_twice_gives_the_same_motion():
    """The choreography is the source of truth: no clock, no dice."""
    first, second = (perform(PIECES["dance"], BODY) for _ in range(2))
    np.testing.assert_array_equal(first.body_pose, second.body_pose)
