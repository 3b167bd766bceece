"""Laws of the estimator: what perfect evidence must give back, and what bad evidence must not do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from pipeline.estimators import ESTIMATORS, LandmarkConfig, LandmarkEstimator, TooLittleEvidence
from pipeline.estimators.landmark.joint_table import JOINT_LOWER, JOINT_UPPER, MOVING_JOINTS
from pipeline.estimators.landmark.observation import observe
from pipeline.evidence import COCO17_NAMES, FrameFlag
from retarget.smpl_skeleton import SMPL_JOINT_NAMES, SMPL_PARENTS
from robots.exceptions import InvalidArray

N_JOINTS = 22  # the two hand leaves follow the wrists
LEFT_ARM = [SMPL_JOINT_NAMES.index(f"left_{part}") for part in ("collar", "shoulder", "elbow", "wrist", "hand")]
REST_OF_BODY = [joint for joint in range(N_JOINTS) if joint not in LEFT_ARM]


def aligned(points, target):
    """Rotate and shift points onto a target; no scaling, the body's size is known."""
    source, goal = points.reshape(-1, 3), target.reshape(-1, 3)
    rotation, _ = Rotation.align_vectors(goal - goal.mean(axis=0), source - source.mean(axis=0))
    moved = rotation.apply(source - source.mean(axis=0)) + goal.mean(axis=0)
    return moved.reshape(points.shape), rotation


def pose_error(motion, truth):
    """Mean distance of the joints, each frame aligned by itself [m]."""
    frames = zip(motion.joints()[0][:, :N_JOINTS], truth.joints()[0][:, :N_JOINTS], strict=True)
    return np.array([np.linalg.norm(aligned(a, b)[0] - b, axis=-1).mean() for a, b in frames])


def world_error(motion, truth):
    """Mean distance of the joints with one alignment for the clip [m], and the tilt between the worlds [rad]."""
    a, b = motion.joints()[0][:, :N_JOINTS], truth.joints()[0][:, :N_JOINTS]
    moved, rotation = aligned(a, b)
    return np.linalg.norm(moved - b, axis=-1).mean(), np.arccos(rotation.as_matrix()[2, 2])


def root_relative(motion):
    pos = motion.joints()[0]
    return pos - pos[:, :1]


def part_of(evidence, frames):
    """The same evidence, some frames only; the camera's rotation starts anew."""
    return replace(
        evidence,
        **{
            name: getattr(evidence, name)[frames]
            for name in ("timestamps", "boxes", "kp2d", "foot_kp2d", "landmarks_w", "flags", "zoom")
        },
        kp_trust=evidence.kp_trust[frames],
        R_w2c=evidence.R_w2c[frames] @ evidence.R_w2c[frames][0].T,
    )


@pytest.fixture(scope="module")
def estimate(body):
    return lambda evidence, **config: LandmarkEstimator(LandmarkConfig(**config)).estimate(evidence, body)


@pytest.fixture(scope="module")
def motion(estimate, evidence):
    return estimate(evidence)


@pytest.mark.parametrize(
    "camera",
    [
        {},
        {"pitch_deg": 15.0, "height": 2.0},
        {"pitch_deg": 0.0, "height": 0.9},
        {"pan_deg": 15.0},
        {"pan_deg": 15.0, "sideways": 0.6},
    ],
    ids=["level", "from above", "from below", "panning", "panning and moving"],
)
def test_perfect_evidence_gives_the_motion_back(estimate, body, film, truth, camera):
    """Whatever the camera does, a person seen without error is found where they were, on a level floor."""
    motion = estimate(film(truth, **camera))
    assert pose_error(motion, truth).mean() < 0.005
    error, tilt = world_error(motion, truth)
    assert error < 0.015
    assert tilt < np.deg2rad(2.0)
    lowest = np.array([verts[:, 2].min() for verts in body.verts(motion)[::5]])
    assert np.abs(lowest).max() < 0.01


def test_feet_that_stand_are_reported_in_contact(motion, truth):
    """Contact is what retargeting plants feet by; only the moment of lift-off is open to debate."""
    assert motion.foot_contact.shape == (len(truth), 2)
    agree = (motion.foot_contact > 0.5) == (truth.foot_contact > 0.5)
    assert agree[:, 1].all()
    assert agree[:, 0].mean() > 0.9


def test_planted_foot_does_not_slide(motion):
    """The right foot never moves in the exercise; neither may it in the estimate."""
    ankle = motion.joints()[0][:, SMPL_JOINT_NAMES.index("right_ankle")]
    speed = np.linalg.norm(np.diff(ankle, axis=0), axis=-1) * motion.fps
    assert np.percentile(speed, 95) < 0.05


def test_bones_never_change_their_length(motion, body):
    """One body for the clip: landmarks breathe by a tenth, bones do not."""
    pos = motion.joints()[0]
    bones = np.linalg.norm(pos[:, 1:] - pos[:, SMPL_PARENTS[1:]], axis=-1)
    rest = body.rest_joints(motion.betas)
    expected = np.linalg.norm(rest[1:] - rest[list(SMPL_PARENTS[1:])], axis=-1)
    np.testing.assert_allclose(bones, np.broadcast_to(expected, bones.shape), atol=1e-9)


def test_joints_keep_their_limits_whatever_is_seen(estimate, evidence):
    """Evidence of no human at all may give any motion, but a human's one, and numbers that are finite."""
    rng = np.random.default_rng(3)
    scrambled = rng.normal(0.0, 0.4, evidence.landmarks_w.shape)
    jumping = evidence.kp2d.copy()
    jumping[..., :2] += rng.normal(0.0, 60.0, jumping[..., :2].shape)
    motion = estimate(part_of(replace(evidence, landmarks_w=scrambled, kp2d=jumping), slice(0, 40)))
    pose = motion.body_pose[:, np.array(MOVING_JOINTS[1:]) - 1]
    assert np.all(pose >= JOINT_LOWER - 1e-9)
    assert np.all(pose <= JOINT_UPPER + 1e-9)
    toes = [SMPL_JOINT_NAMES.index(f"{side}_foot") - 1 for side in ("left", "right")]
    assert np.all(motion.body_pose[:, toes] == 0.0)


def test_a_confident_outlier_moves_nothing_but_a_little_of_its_own_arm(estimate, evidence, motion, truth):
    """BlazePose puts a blurred hand 100 px off at a confidence of 0.95; robust losses must see through it."""
    burst = slice(50, 57)
    kp2d, landmarks = evidence.kp2d.copy(), evidence.landmarks_w.copy()
    kp2d[burst, COCO17_NAMES.index("left_wrist"), :2] += [160.0, -120.0]
    landmarks[burst, [15, 17, 19, 21]] += np.array([0.35, -0.25, 0.2])
    disturbed = estimate(replace(evidence, kp2d=kp2d, landmarks_w=landmarks))
    moved = np.linalg.norm(root_relative(disturbed) - root_relative(motion), axis=-1)
    assert moved[:, REST_OF_BODY].max() < 0.02
    wrist = moved[burst, SMPL_JOINT_NAMES.index("left_wrist")]
    assert wrist.max() < 0.12  # the outlier itself is half a metre away


def test_a_mirrored_video_gives_the_mirrored_motion(estimate, film, truth):
    """Nothing in the estimator may prefer a side."""
    evidence = film(truth, pan_deg=10.0)
    flip = np.diag([-1.0, 1.0, 1.0])
    swap = [SMPL_JOINT_NAMES.index(n.replace("left", "~").replace("right", "left").replace("~", "right"))
            for n in SMPL_JOINT_NAMES]  # fmt: skip
    coco = [COCO17_NAMES.index(n.replace("left", "~").replace("right", "left").replace("~", "right"))
            for n in COCO17_NAMES]  # fmt: skip
    blazepose = [0, 4, 5, 6, 1, 2, 3, 8, 7, 10, 9, *(i + 1 if i % 2 else i - 1 for i in range(11, 33))]
    width = np.array([evidence.image_size[0], 0.0, 0.0])
    mirrored = replace(
        evidence,
        kp2d=(evidence.kp2d * [-1, 1, 1] + width)[:, coco],
        foot_kp2d=(evidence.foot_kp2d * [-1, 1, 1] + width)[:, [2, 3, 0, 1]],
        landmarks_w=(evidence.landmarks_w * [-1, 1, 1])[:, blazepose],
        R_w2c=flip @ evidence.R_w2c @ flip,
    )
    there = estimate(evidence).joints()[0]
    back = estimate(mirrored).joints()[0][:, swap] * [-1, 1, 1]
    np.testing.assert_allclose(there - there[:1, :1], back - back[:1, :1], atol=2e-3)


def test_what_went_before_does_not_change_what_is_seen_later(estimate, evidence, motion):
    """A clip trimmed at the front is the same motion, but for the frames next to the cut."""
    later = estimate(part_of(evidence, slice(30, None)))
    difference = np.linalg.norm(root_relative(later) - root_relative(motion)[30:], axis=-1)
    assert difference[10:].mean() < 0.003
    assert difference[10:].max() < 0.03  # a foot may leave the floor a frame earlier


def test_the_frame_rate_does_not_change_the_motion(estimate, film, perform, motion):
    """All weights speak of seconds: twice the frames show the same movement."""
    twice = estimate(film(perform(fps=60.0)))
    difference = np.linalg.norm(root_relative(twice)[::2] - root_relative(motion), axis=-1)
    assert difference.mean() < 0.005
    assert difference.max() < 0.05  # a foot may leave the floor a frame earlier


def test_a_gap_is_bridged_smoothly(estimate, evidence, truth):
    """Where the person was not seen, the motion goes on without a jump, and what was filled in is not believed."""
    gap = slice(60, 70)
    rng = np.random.default_rng(0)
    flags, landmarks, kp2d = evidence.flags.copy(), evidence.landmarks_w.copy(), evidence.kp2d.copy()
    flags[gap] = FrameFlag.NO_PERSON
    landmarks[gap] = rng.normal(size=landmarks[gap].shape)
    kp2d[gap, :, :2] = rng.uniform(0, 700, kp2d[gap, :, :2].shape)
    motion = estimate(replace(evidence, flags=flags, landmarks_w=landmarks, kp2d=kp2d))
    acceleration, true_acceleration = (
        np.linalg.norm(np.diff(m.joints()[0][:, :N_JOINTS], 2, axis=0), axis=-1) * m.fps**2 for m in (motion, truth)
    )
    assert acceleration[57:72].max() < 1.5 * true_acceleration.max()
    assert pose_error(motion, truth)[gap].max() < 0.05


def test_a_keypoint_known_to_be_wrong_bends_nothing(estimate, evidence, motion):
    """A consistent error, such as the other wrist, is no outlier to a robust loss; only trust can tell."""
    burst, wrist = slice(50, 58), COCO17_NAMES.index("left_wrist")
    kp2d, landmarks, trust = (a.copy() for a in (evidence.kp2d, evidence.landmarks_w, evidence.kp_trust))
    kp2d[burst, wrist, :2] += [20.0, -15.0]
    landmarks[burst, 15] += [0.05, -0.04, 0.0]
    trust[burst, wrist] = 0.02
    bad = replace(evidence, kp2d=kp2d, landmarks_w=landmarks)
    believed, doubted = (
        np.linalg.norm(root_relative(estimate(e)) - root_relative(motion), axis=-1)[burst]
        for e in (bad, replace(bad, kp_trust=trust))
    )
    hand = SMPL_JOINT_NAMES.index("left_wrist")
    assert doubted[:, hand].max() < 0.5 * believed[:, hand].max()


def test_a_moving_camera_s_jolt_is_not_the_person_s(estimate, film, truth):
    """Flagged frames may move the camera as they like, and weigh less; the person must not stumble with it."""
    evidence = film(truth, pan_deg=10.0, sideways=0.4)
    rotation, flags = evidence.R_w2c.copy(), evidence.flags.copy()
    jolt = slice(60, 64)
    rotation[jolt] = Rotation.from_euler("x", 1.5, degrees=True).as_matrix() @ rotation[jolt]
    flags[jolt] = FrameFlag.CAMERA_SHAKEN
    unflagged, flagged = (
        world_error(estimate(replace(evidence, R_w2c=rotation, flags=f)), truth)[0] for f in (evidence.flags, flags)
    )
    assert flagged < unflagged


def test_the_motion_says_how_well_each_joint_was_seen(estimate, evidence):
    """Later stages weigh by it: gaps fall to nothing, a moment's doubt hardly counts, other limbs are not touched."""
    trust, flags = evidence.kp_trust.copy(), evidence.flags.copy()
    trust[20, COCO17_NAMES.index("left_wrist")] = 0.0
    trust[50:65, COCO17_NAMES.index("right_knee")] = 0.0
    flags[90:105] = FrameFlag.NO_PERSON
    told = estimate(replace(evidence, kp_trust=trust, flags=flags)).joint_trust
    joint = SMPL_JOINT_NAMES.index
    assert 0.6 < told[20, joint("left_wrist")] < 1.0
    assert told[54:61, joint("right_knee")].max() < 0.05
    assert told[94:101].max() < 0.05
    for frames in (slice(0, 16), slice(24, 86), slice(109, 120)):
        np.testing.assert_allclose(np.delete(told[frames], joint("right_knee"), axis=1), 1.0, atol=2e-3)
    assert np.abs(np.diff(told, axis=0)).max() < 0.5  # no weight jumps


def test_full_trust_is_as_good_as_none_given(evidence):
    """What is not given is 1, to the last bit."""
    given, silent = (observe(e) for e in (evidence, replace(evidence, kp_trust=None)))
    assert np.array_equal(given.ray_weight, silent.ray_weight)
    assert np.array_equal(given.direction_weight, silent.direction_weight)


def flagged(evidence, flag, kp_trust=None):
    return observe(replace(evidence, flags=np.full(len(evidence), flag, dtype=np.uint16), kp_trust=kp_trust))


def test_what_two_sources_say_of_one_doubt_counts_once(evidence):
    """The front end lowers single keypoints for what it also flags; squaring the doubt would blind the fit."""
    half = np.full((len(evidence), 21), 0.5)
    by_flag, by_trust = flagged(evidence, FrameFlag.SIDES_UNSURE), flagged(evidence, 0, half)
    by_both = flagged(evidence, FrameFlag.SIDES_UNSURE, half)
    assert np.array_equal(by_both.ray_weight, by_trust.ray_weight)
    assert np.array_equal(by_both.ray_weight, by_flag.ray_weight)
    for flag in (FrameFlag.BLURRED, FrameFlag.CROPPED, FrameFlag.ODD_LIMBS):
        assert np.array_equal(flagged(evidence, flag, half).ray_weight, by_trust.ray_weight)


def test_a_repeated_picture_weighs_like_one_between_two(evidence):
    """Both show another moment than they say; a frame that is both is no worse."""
    stale = [
        flagged(evidence, flag).ray_weight
        for flag in (FrameFlag.INTERPOLATED, FrameFlag.REPEATED, FrameFlag.INTERPOLATED | FrameFlag.REPEATED)
    ]
    assert np.array_equal(stale[0], stale[1]) and np.array_equal(stale[0], stale[2])
    assert (stale[0] < flagged(evidence, 0).ray_weight).all()


def test_a_frame_of_written_off_keypoints_is_a_gap(evidence):
    """Confidence alone would keep it: a smeared picture can be confidently wrong."""
    trust = np.ones((len(evidence), 21))
    trust[30:40] = 0.05
    assert np.array_equal(np.flatnonzero(~observe(replace(evidence, kp_trust=trust)).usable), np.arange(30, 40))


def test_gravity_that_is_known_outweighs_a_crooked_camera(estimate, film, truth):
    """A phone's sensor tells up better than the guess that cameras are held level."""
    evidence = film(truth)
    crooked = Rotation.from_euler("z", 20.0, degrees=True).as_matrix()
    kp2d, feet = evidence.kp2d.copy(), evidence.foot_kp2d.copy()
    for points in (kp2d, feet):
        rays = points[..., :2] - evidence.K[:2, 2]
        points[..., :2] = rays @ crooked[:2, :2].T + evidence.K[:2, 2]
    down_in_level_camera = np.array([0.0, np.cos(np.deg2rad(5.0)), np.sin(np.deg2rad(5.0))])
    turned = replace(
        evidence,
        kp2d=kp2d,
        foot_kp2d=feet,
        landmarks_w=evidence.landmarks_w @ crooked.T,
        gravity_c0=crooked @ down_in_level_camera,
    )
    _, tilt = world_error(estimate(turned), truth)
    assert tilt < np.deg2rad(1.0)


def test_the_stature_scales_the_body_and_its_path(estimate, evidence, body):
    """Pictures know no metres: a taller person is the same motion, larger and farther away."""
    tall = estimate(evidence, height_m=1.9)
    assert body.height(tall.betas) == pytest.approx(1.9, abs=1e-6)
    assert np.allclose(tall.rest_joint_pos, body.rest_joints(tall.betas))


def test_the_same_evidence_gives_the_same_bits(estimate, evidence):
    """Results are found by fingerprint; a second run must not differ."""
    part = part_of(evidence, slice(0, 30))
    first, second = estimate(part), estimate(part)
    assert np.array_equal(first.transl, second.transl)
    assert np.array_equal(first.body_pose, second.body_pose)


@pytest.mark.parametrize("window_frames", [1, 7, 1000])
def test_how_many_frames_are_differentiated_at_a_time_changes_nothing(film, truth, body, window_frames):
    """It bounds the memory; a seam between windows would show in the motion."""
    evidence = part_of(film(truth, pan_deg=15.0, sideways=0.6), slice(0, 45))
    usual = LandmarkEstimator().estimate(evidence, body)
    other = LandmarkEstimator(window_frames=window_frames).estimate(evidence, body)
    for name in ("global_orient", "body_pose", "transl", "foot_contact"):
        np.testing.assert_allclose(getattr(other, name), getattr(usual, name), atol=1e-9)


def test_progress_counts_up_to_its_total(evidence, body):
    """A caller draws a bar from it."""
    seen = []
    LandmarkEstimator().estimate(part_of(evidence, slice(0, 20)), body, lambda done, total: seen.append((done, total)))
    assert [done for done, _ in seen] == list(range(len(seen)))
    assert seen[-1][0] == seen[-1][1]


@pytest.mark.parametrize("frames", [1, 2, 3, 5])
def test_a_handful_of_frames_is_refused(estimate, evidence, frames):
    """Acceleration and contact need some frames; one sentence says so instead of a shape error."""
    with pytest.raises(TooLittleEvidence, match=rf"in only {frames} of {frames} frames, .* at least 6"):
        estimate(part_of(evidence, slice(0, frames)))


def test_six_frames_are_enough(estimate, evidence, truth):
    """The shortest clip that is accepted must also work."""
    motion = estimate(part_of(evidence, slice(20, 26)))
    assert len(motion) == 6
    short = np.linalg.norm(root_relative(motion) - root_relative(truth)[20:26], axis=-1)
    assert short[:, :N_JOINTS].mean() < 0.05


def test_keypoints_without_confidence_are_refused(estimate, evidence):
    """Positions that the front end itself does not believe are no evidence."""
    kp2d, feet = evidence.kp2d.copy(), evidence.foot_kp2d.copy()
    kp2d[..., 2] = feet[..., 2] = 0.0
    with pytest.raises(TooLittleEvidence, match=r"visible in only 0 of 120 frames"):
        estimate(replace(evidence, kp2d=kp2d, foot_kp2d=feet))


def test_landmarks_that_say_nothing_leave_it_to_the_keypoints(estimate, evidence, truth):
    """A frame whose landmarks fell into one point must not end the clip in a traceback."""
    landmarks = evidence.landmarks_w.copy()
    landmarks[10:13] = 0.0
    motion = estimate(part_of(replace(evidence, landmarks_w=landmarks), slice(0, 40)))
    assert np.linalg.norm(root_relative(motion) - root_relative(truth)[:40], axis=-1).mean() < 0.03


def test_gravity_without_a_direction_is_refused(estimate, evidence):
    """A zero vector is what a missing sensor reading looks like."""
    with pytest.raises(InvalidArray, match="gravity_c0: is zero and names no direction"):
        estimate(replace(evidence, gravity_c0=np.zeros(3)))


def test_intrinsics_without_a_focal_length_are_refused(estimate, evidence):
    """Otherwise the reader of a traceback would have to guess which matrix was singular."""
    with pytest.raises(InvalidArray, match="K: cannot be inverted"):
        estimate(replace(evidence, K=np.zeros((3, 3))))


@pytest.mark.parametrize("field", ["keypoint_m", "rounds", "height_m"])
def test_figures_of_the_config_are_positive(field):
    """They are divided by, or counted with."""
    with pytest.raises(InvalidArray, match=f"{field}: must be positive, got 0"):
        LandmarkConfig(**{field: 0})


def test_every_estimator_is_made_from_its_own_config():
    """The door names a config type, and what it makes answers by the same name."""
    for name, (config_type, make) in ESTIMATORS.items():
        if name == "gvhmr":  # needs weights; its own tests make some
            continue
        estimator = make(config_type())
        assert estimator.name == name
        assert estimator.config == config_type()
        assert estimator.version >= 1
