"""What the network says perfectly comes out perfectly, and what it says badly is mended without harm to real motion."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

torch = pytest.importorskip("torch")

from pipeline.body import SkinnedBody  # noqa: E402
from pipeline.camera import CameraPath, default_intrinsics  # noqa: E402
from pipeline.estimators.gvhmr.camera import weak_camera_of_translation  # noqa: E402
from pipeline.estimators.gvhmr.codec import Codec, MotionCode  # noqa: E402
from pipeline.estimators.gvhmr.config import GvhmrConfig  # noqa: E402
from pipeline.estimators.gvhmr.feet import reach  # noqa: E402
from pipeline.estimators.gvhmr.gaps import bridged, long_gaps  # noqa: E402
from pipeline.estimators.gvhmr.gravity_view import camera_to_gravity_view  # noqa: E402
from pipeline.estimators.gvhmr.network import NetworkOutputs  # noqa: E402
from pipeline.estimators.gvhmr.path import Clues, fuse, tell_camera_motion  # noqa: E402
from pipeline.estimators.gvhmr.path_solver import BEND, PLACE, STEP, PathSolver  # noqa: E402
from pipeline.estimators.gvhmr.prediction import Prediction, prediction_of  # noqa: E402
from pipeline.estimators.gvhmr.rotation_filter import (  # noqa: E402
    kernel,
    matrices_of_quats,
    quats_of_matrices,
    smooth_path,
    smooth_rotations,
)
from pipeline.estimators.gvhmr.skeleton import Skeleton  # noqa: E402
from pipeline.estimators.gvhmr.static_joints import STATIC_JOINTS  # noqa: E402
from pipeline.estimators.gvhmr.weights_statistics import published_statistics  # noqa: E402
from pipeline.estimators.gvhmr.world import Placed, place  # noqa: E402
from pipeline.evidence import Evidence  # noqa: E402
from retarget.smpl_motion import SmplMotion  # noqa: E402

FPS = 30.0
Z = np.array([0.0, 0.0, 1.0])
BIAS = np.array([0.004, 0.0, 0.0])
ELSEWHERE = np.array([3.0, -2.0, 0.0])
SIZE = (1280, 720)
EXACT = GvhmrConfig(smoothing_s=0.0, lock_feet=False, ground="lowest")
"""Nothing that is meant for noise."""


def camera(frames: int, *, pan_deg: float = 0.0, dolly: float = 0.0, pitch_deg: float = 8.0) -> CameraPath:
    """A camera four metres before a person at the origin, which looks along +y and a little down."""
    share = np.linspace(0.0, 1.0, frames)
    yaw, pitch = np.radians(pan_deg) * np.sin(np.pi * share), np.radians(pitch_deg)
    level = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    tilt = Rotation.from_euler("x", -pitch).as_matrix()
    turn = Rotation.from_rotvec(yaw[:, None] * Z).as_matrix()
    position = np.stack([dolly * (share - 0.5), np.full(frames, -4.0), np.full(frames, 1.4)], axis=-1)
    return CameraPath(K=default_intrinsics(*SIZE), R_w2c=tilt @ level @ turn.swapaxes(-1, -2), pos_w=position)


def evidence_of(path: CameraPath, frames: int) -> Evidence:
    """Evidence of which only the camera counts here."""
    return Evidence(
        fps=FPS,
        timestamps=np.arange(frames) / FPS,
        native_fps=FPS,
        image_size=SIZE,
        K=path.K,
        K_source="user",
        boxes=np.tile([500.0, 100.0, 700.0, 600.0], (frames, 1)),
        kp2d=np.ones((frames, 17, 3)),
        foot_kp2d=np.ones((frames, 4, 3)),
        landmarks_w=np.zeros((frames, 33, 3)),
        R_w2c=path.R_w2c @ path.R_w2c[0].T,
        flags=np.zeros(frames, dtype=np.uint16),
    )


def perfect(body: SkinnedBody, motion: SmplMotion, path: CameraPath, *, still_m: float = 2e-3) -> Prediction:
    """What a network without any error would put out for a motion, through the codec and back."""
    joints, rotation = motion.joints()
    skeleton = Skeleton.of(body)
    statistics = published_statistics()
    codec = Codec(
        **{n: torch.from_numpy(getattr(statistics, n).copy()).float() for n in ("mean", "std", "cam_mean", "cam_std")}
    )
    R_w2c, root_w = torch.from_numpy(path.R_w2c.copy()), torch.from_numpy(rotation[:, 0].copy())
    step = np.diff(joints[:, 0], axis=0)
    step = np.concatenate([step, step[-1:]])
    local = Rotation.from_rotvec(motion.body_pose.reshape(-1, 3).copy()).as_matrix().reshape(-1, 21, 3, 3)
    code = MotionCode(
        body_rotation=torch.from_numpy(local),
        betas=torch.from_numpy(np.tile(motion.betas, (len(motion), 1))),
        root_camera=R_w2c @ root_w,
        root_view=camera_to_gravity_view(R_w2c, (0.0, 0.0, -1.0)) @ R_w2c @ root_w,
        velocity=torch.from_numpy(np.einsum("tji,tj->ti", rotation[:, 0], step)),
    )
    pelvis_c = np.einsum("tij,tj->ti", path.R_w2c, joints[:, 0] - path.pos_w)
    box = torch.from_numpy(np.tile([640.0, 360.0, 400.0], (1, len(motion), 1)))
    K = torch.from_numpy(path.K.copy())[None]
    weak = weak_camera_of_translation(torch.from_numpy(pelvis_c - motion.rest_joint_pos[0]), box[0], K)
    moved = np.linalg.norm(np.diff(joints[:, STATIC_JOINTS], axis=0, append=joints[-1:, STATIC_JOINTS]), axis=-1)
    moved[-1] = moved[-2]
    outputs = NetworkOutputs(
        pred_x=codec.encode(code).float()[None],
        pred_cam=((weak - codec.cam_mean) / codec.cam_std).float()[None],
        static_logits=torch.from_numpy(np.where(moved < still_m, 9.0, -9.0))[None],
        context=torch.zeros(1, len(motion), 1),
    )
    return prediction_of(outputs, codec, skeleton, box.float(), K.float())


def joints_of(placed: Placed, body: SkinnedBody, betas: np.ndarray) -> np.ndarray:
    pose = Rotation.from_matrix(placed.local_rotation.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 22, 3)
    transl = placed.pelvis_w - body.rest_joints(betas)[0]
    return body.motion(FPS, betas, pose[:, 0], pose[:, 1:], transl).joints()[0]


def level_error(found: np.ndarray, true: np.ndarray) -> float:
    """Largest distance of joints after the best turn about the vertical and shift over the floor [m]."""
    a, b = found - found.mean(axis=(0, 1)) * [1, 1, 0], true - true.mean(axis=(0, 1)) * [1, 1, 0]
    cross = np.einsum("tji,tjk->ik", a[..., :2], b[..., :2])
    yaw = np.arctan2(cross[0, 1] - cross[1, 0], cross[0, 0] + cross[1, 1])
    turned = a @ Rotation.from_euler("z", yaw).as_matrix().T
    turned[..., 2] += np.median(b[..., 2] - turned[..., 2])
    return float(np.linalg.norm(turned - b, axis=-1).max())


def hovering(body: SkinnedBody, path: np.ndarray) -> SmplMotion:
    """Somebody in the rest pose whose pelvis follows a path."""
    upright = np.tile([np.pi / 2, 0.0, 0.0], (len(path), 1))
    transl = path - body.rest_joints(np.zeros(10))[0]
    return body.motion(FPS, np.zeros(10), upright, np.zeros((len(path), 21, 3)), transl)


def hover(n: int, **moves: np.ndarray) -> np.ndarray:
    path = np.tile([0.0, 0.0, 0.95], (n, 1))
    for axis, values in moves.items():
        path[:, "xyz".index(axis)] += values
    return path


def run(body: SkinnedBody, motion: SmplMotion, path: CameraPath, config: GvhmrConfig, **changes: object) -> Placed:
    said = replace(perfect(body, motion, path), **changes)  # type: ignore[arg-type]
    n = len(motion)
    return place(said, np.ones(n, dtype=bool), evidence_of(path, n), body, config)


@pytest.mark.parametrize(("pan", "dolly"), [(0.0, 0.0), (25.0, 0.0)])
@pytest.mark.parametrize("path", ["fused", "velocity"])
@pytest.mark.parametrize("gravity", ["clip", "frame"])
def test_perfect_outputs_give_the_motion_exactly_before_a_camera_on_a_tripod(
    body: SkinnedBody, truth: SmplMotion, pan: float, dolly: float, path: str, gravity: str
) -> None:
    """Every way through the switches is exact where there is nothing to mend."""
    config = replace(EXACT, path=path, gravity=gravity)
    placed = run(body, truth, camera(len(truth), pan_deg=pan, dolly=dolly), config)
    assert level_error(joints_of(placed, body, truth.betas), truth.joints()[0]) < (2e-3 if gravity == "clip" else 4e-3)


@pytest.mark.parametrize("dolly", [0.0, 4.0])
def test_perfect_outputs_survive_all_that_is_meant_for_noise(
    body: SkinnedBody, truth: SmplMotion, dolly: float
) -> None:
    """Smoothing, floor and locked feet cost two centimetres at most, before a moving camera too."""
    placed = run(body, truth, camera(len(truth), pan_deg=20.0, dolly=dolly), GvhmrConfig())
    found = joints_of(placed, body, truth.betas)
    assert level_error(found, truth.joints()[0]) < 0.02
    assert abs(found[..., 2].min() - truth.joints()[0][..., 2].min()) < 0.01


def test_a_dolly_is_told_from_a_tripod_that_pans(body: SkinnedBody) -> None:
    """Both turn; only what the person does in the picture says which one went away."""
    n = 120
    walk = hovering(body, hover(n, x=0.6 * np.sin(np.arange(n) / 20.0)))
    told = {}
    for dolly in (0.0, 3.0):
        path = camera(n, pan_deg=10.0, dolly=dolly)
        said = perfect(body, walk, path)
        told[dolly] = tell_camera_motion(_clues(said, walk, path))
    assert told[0.0] < 1.1
    assert told[3.0] > 1.3


@pytest.mark.parametrize("turns", [False, True])
def test_a_dolly_is_no_tripod_though_it_never_turns(body: SkinnedBody, truth: SmplMotion, turns: bool) -> None:
    """Whether a camera turns says little of whether it rolls; the person's path through the picture says more."""
    n = len(truth)
    for metres in (0.0, 0.5 * n / FPS, -0.5 * n / FPS):
        path = camera(n, dolly=metres)
        said = perfect(body, truth, path)
        # An error as a network makes it, or a tripod would fit nearly as badly as anything.
        step = said.velocity + np.random.default_rng(4).normal(0.0, 0.009, said.velocity.shape)
        clues = replace(_clues(replace(said, velocity=step), truth, path), camera_turns=turns)
        found = fuse(clues, camera_moves=None, with_floor=True)
        assert found.camera_moves == (metres != 0.0)


def _clues(said: Prediction, motion: SmplMotion, path: CameraPath) -> Clues:
    joints, rotation = motion.joints()
    return Clues(
        step=np.einsum("tij,tj->ti", rotation[:, 0], said.velocity),
        ends=joints[:, STATIC_JOINTS] - joints[:, :1],
        static_logits=said.static_logits,
        soles=joints[:, (10, 11), 2] - joints[:, :1, 2],
        from_camera=joints[:, 0] - path.pos_w,
        camera_turns=True,
        sure=np.ones(len(motion)),
    )


def test_turning_the_world_about_the_vertical_changes_nothing(body: SkinnedBody, truth: SmplMotion) -> None:
    """Nobody knows where north is; the result stands in the first camera's heading."""
    path = camera(len(truth), pan_deg=15.0, dolly=1.0)
    turn = Rotation.from_euler("z", 1.1)
    orient = (turn * Rotation.from_rotvec(truth.global_orient.copy())).as_rotvec()
    pelvis = turn.apply((truth.transl + truth.rest_joint_pos[0]).copy()) + ELSEWHERE
    turned = replace(truth, global_orient=orient, transl=pelvis - truth.rest_joint_pos[0])
    there = CameraPath(K=path.K, R_w2c=path.R_w2c @ turn.as_matrix().T, pos_w=turn.apply(path.pos_w.copy()) + ELSEWHERE)
    here, elsewhere = run(body, truth, path, GvhmrConfig()), run(body, turned, there, GvhmrConfig())
    np.testing.assert_allclose(here.pelvis_w, elsewhere.pelvis_w, atol=1e-6)
    np.testing.assert_allclose(here.local_rotation, elsewhere.local_rotation, atol=1e-6)


def test_gravity_that_is_known_goes_before_the_networks(body: SkinnedBody, truth: SmplMotion) -> None:
    """A phone's sensor knows better: with it, views that lean do no harm."""
    path = camera(len(truth))
    lean = Rotation.from_euler("x", 0.2).as_matrix()
    said = perfect(body, truth, path)
    said = replace(said, root_view=lean @ said.root_view)
    shown = replace(evidence_of(path, len(truth)), gravity_c0=path.R_w2c[0] @ [0.0, 0.0, -1.0])
    placed = place(said, np.ones(len(truth), dtype=bool), shown, body, replace(EXACT, tilt="camera"))
    assert level_error(joints_of(placed, body, truth.betas), truth.joints()[0]) < 2e-3


@pytest.mark.parametrize("dolly", [0.0, 3.0])
@pytest.mark.parametrize("axis", ["x", "z"])
def test_two_hertz_keep_their_amplitude(body: SkinnedBody, dolly: float, axis: str) -> None:
    """The published smoothing of the path takes half of a stamping or swaying of 2 Hz; no step here may."""
    n = 120
    wave = 0.06 * np.sin(2.0 * np.pi * 2.0 * np.arange(n) / FPS)
    motion = hovering(body, hover(n, **{axis: wave}))
    path = camera(n, pan_deg=10.0, dolly=dolly)
    placed = run(body, motion, path, GvhmrConfig(), static_logits=np.full((n, 6), -9.0))
    middle = slice(20, n - 20)
    found = placed.pelvis_w[middle, "xyz".index(axis)]
    found = found - np.polyval(np.polyfit(np.arange(len(found)), found, 1), np.arange(len(found)))
    assert 0.95 < (found @ wave[middle]) / (wave[middle] @ wave[middle]) < 1.02


def test_limbs_keep_two_hertz(body: SkinnedBody) -> None:
    """The same for rotations."""
    n = 120
    swing = 0.5 * np.sin(2.0 * np.pi * 2.0 * np.arange(n) / FPS)
    rotation = Rotation.from_rotvec(swing[:, None] * np.array([0.0, 1.0, 0.0])).as_matrix()
    found = Rotation.from_matrix(smooth_rotations(rotation, 0.05 * FPS)).as_euler("yxz")[:, 0]
    middle = slice(20, n - 20)
    assert (found[middle] @ swing[middle]) / (swing[middle] @ swing[middle]) > 0.95


@pytest.mark.parametrize("config", [GvhmrConfig(camera="moving"), GvhmrConfig()])
def test_somebody_who_stands_does_not_drift(body: SkinnedBody, config: GvhmrConfig) -> None:
    """Velocities that are off by 4 mm a frame would carry them a metre in ten seconds."""
    n = 300
    motion = hovering(body, hover(n))
    said = perfect(body, motion, camera(n))
    placed = run(body, motion, camera(n), config, velocity=said.velocity + BIAS)
    assert np.linalg.norm(placed.pelvis_w[-1] - placed.pelvis_w[0]) < 0.05


def test_the_picture_takes_the_drift_off_a_person_whose_feet_never_rest(body: SkinnedBody) -> None:
    """Where nothing stands, a camera on a tripod still knows where the person is."""
    n = 300
    motion = hovering(body, hover(n))
    said = perfect(body, motion, camera(n))
    wrong = {"velocity": said.velocity + BIAS, "static_logits": np.full((n, 6), -9.0)}
    fused = run(body, motion, camera(n), GvhmrConfig(), **wrong)
    summed = run(body, motion, camera(n), GvhmrConfig(path="velocity"), **wrong)
    assert np.linalg.norm(summed.pelvis_w[-1] - summed.pelvis_w[0]) > 1.0
    assert np.linalg.norm(fused.pelvis_w[-1] - fused.pelvis_w[0]) < 0.15


@pytest.mark.parametrize("dolly", [0.0, 3.0])
def test_flights_stay_in_the_air(body: SkinnedBody, dolly: float) -> None:
    """A jump is no error of height: its apex stays, and nobody is said to stand meanwhile."""
    n, t = 120, np.arange(120) / FPS
    height = np.maximum(0.0, 2.5 * (t - 1.5) - 4.905 * (t - 1.5) ** 2) * (t > 1.5)
    motion = hovering(body, hover(n, z=height))
    placed = run(body, motion, camera(n, pan_deg=5.0, dolly=dolly), GvhmrConfig())
    rise = placed.pelvis_w[:, 2] - np.median(placed.pelvis_w[:30, 2])
    assert rise.max() == pytest.approx(height.max(), abs=0.02)
    assert placed.foot_contact[height > 0.15].max() < 0.05
    assert placed.foot_contact[10:40].min() > 0.9


def test_the_floor_lies_below_feet_that_stand_not_below_a_stray_joint(body: SkinnedBody) -> None:
    """One frame with a foot far too low lifts the person off the published program's floor."""
    n = 90
    motion = hovering(body, hover(n))
    pose = motion.body_pose.copy()
    pose[40, 6] = pose[40, 7] = [1.2, 0.0, 0.0]  # both ankles: toes point down
    motion = replace(motion, body_pose=pose)
    said = perfect(body, motion, camera(n), still_m=0.2)
    usable = np.ones(n, dtype=bool)
    placed = {
        ground: place(said, usable, evidence_of(camera(n), n), body, replace(EXACT, ground=ground))
        for ground in ("contacts", "lowest")
    }
    sole = body.rest_verts(np.zeros(10))[:, 1].min()
    lowest = {name: p.pelvis_w[0, 2] - body.rest_joints(np.zeros(10))[0, 1] + sole for name, p in placed.items()}
    assert abs(lowest["contacts"]) < 0.01
    assert lowest["lowest"] > 0.03


def test_standing_feet_hold_still_and_nothing_jumps(body: SkinnedBody, truth: SmplMotion) -> None:
    """Poses that tremble make feet slide; the legs take it up, also where contact begins and ends."""
    n = len(truth)
    rng = np.random.default_rng(0)
    path = camera(n)
    said = perfect(body, truth, path)
    wobble = np.cumsum(rng.normal(0.0, 0.006, (n, 21, 3)), axis=0)
    wobble -= smooth_path(wobble, 10.0)
    trembling = said.body_rotation @ Rotation.from_rotvec(wobble.reshape(-1, 3)).as_matrix().reshape(n, 21, 3, 3)
    slides, jerks = {}, {}
    for lock in (True, False):
        placed = run(body, truth, path, GvhmrConfig(lock_feet=lock), body_rotation=trembling)
        foot = joints_of(placed, body, truth.betas)[:, (8, 11)]
        slides[lock] = np.linalg.norm(np.diff(foot, axis=0), axis=-1).mean()
        jerks[lock] = np.linalg.norm(np.diff(joints_of(placed, body, truth.betas), n=3, axis=0), axis=-1).max()
    assert slides[True] < 0.4 * slides[False]
    assert slides[True] < 1.5e-3
    assert jerks[True] < 2.0 * jerks[False]


def test_a_leg_reaches_its_target_with_bones_of_one_length_and_a_knee_that_looks_ahead() -> None:
    """Closed form, so it must be exact; out of reach the leg is stretched, not torn."""
    rng = np.random.default_rng(1)
    n = 200
    hip = rng.normal(size=(n, 3))
    knee = hip + np.array([0.0, 0.02, -0.42]) + rng.normal(0.0, 0.05, (n, 3))
    ankle = knee + np.array([0.0, -0.05, -0.40]) + rng.normal(0.0, 0.05, (n, 3))
    target = ankle + rng.normal(0.0, 0.03, (n, 3))
    hinge = np.tile([1.0, 0.0, 0.0], (n, 1))
    thigh, shank, placed = reach(hip, knee, ankle, target, hinge)
    new_knee = hip + np.einsum("tij,tj->ti", thigh, knee - hip)
    new_ankle = new_knee + np.einsum("tij,tj->ti", shank, ankle - knee)
    np.testing.assert_allclose(new_ankle, placed, atol=1e-9)
    lengths = [np.linalg.norm(a, axis=-1) for a in (knee - hip, ankle - knee, target - hip)]
    within = lengths[2] < 0.998 * (lengths[0] + lengths[1])
    np.testing.assert_allclose(placed[within], target[within], atol=3e-4)
    assert np.linalg.norm(new_knee - knee, axis=-1).max() < 0.2
    _, _, stretched = reach(hip, knee, ankle, hip + 3.0 * (ankle - hip), hinge)
    assert np.isfinite(stretched).all()


@pytest.mark.parametrize("frames", [1, 2, 3, 40])
def test_paths_are_those_of_dense_least_squares(frames: int) -> None:
    """The banded form is only a faster way to the same numbers."""
    rng = np.random.default_rng(frames)
    solver = PathSolver(frames, 2)
    rows, right = [1e-7**0.5 * np.eye(6 * frames)], [np.zeros(6 * frames)]
    for speaks_of in (PLACE, STEP, BEND):
        for of in ((1.0, 0.0), (1.0, -1.0), (0.0, 1.0)):
            n = frames - len(speaks_of) + 1
            if n < 1:
                continue
            root = 2.0 * np.eye(3) + 0.3 * rng.normal(size=(n, 3, 3))
            target = rng.normal(size=(n, 3))
            solver.add(speaks_of, target, root.swapaxes(-1, -2) @ root, of=of)
            for t in range(n):
                row = np.zeros((3, frames, 2, 3))
                for i, a in enumerate(speaks_of):
                    for path, share in enumerate(of):
                        row[:, t + i, path] += share * a * root[t]
                rows.append(row.reshape(3, -1))
                right.append(root[t] @ target[t])
    dense = np.linalg.lstsq(np.concatenate(rows), np.concatenate(right), rcond=None)[0]
    found, cost = solver.solve()
    np.testing.assert_allclose(found.reshape(-1), dense, atol=1e-6)
    assert cost == pytest.approx(np.sum((np.concatenate(rows) @ dense - np.concatenate(right)) ** 2), abs=1e-6)


def test_smoothing_leaves_steady_turns_and_straight_paths_alone() -> None:
    """What has no noise is not changed, not even at the ends; a clip of one frame is returned."""
    line = np.linspace([0.0, 1.0], [3.0, -2.0], 40)
    np.testing.assert_allclose(smooth_path(line, 1.5), line, atol=1e-12)
    turn = Rotation.from_rotvec(np.linspace(0.0, 7.0, 60)[:, None] * [0.6, 0.0, 0.8]).as_matrix()
    np.testing.assert_allclose(smooth_rotations(turn, 1.5), turn, atol=5e-3)
    np.testing.assert_allclose(smooth_rotations(turn, 1.5)[10:-10], turn[10:-10], atol=1e-9)
    assert smooth_rotations(turn[:1], 1.5).shape == (1, 3, 3)
    assert len(kernel(0.0)) == 1
    quats = quats_of_matrices(turn)
    np.testing.assert_allclose(matrices_of_quats(quats), turn, atol=1e-12)


def test_a_second_without_anybody_is_crossed_the_plain_way(body: SkinnedBody, truth: SmplMotion) -> None:
    """What a network makes up of nothing is not used; a blink is left to it."""
    usable = np.ones(len(truth), dtype=bool)
    usable[40:70], usable[90:94] = False, False
    gap = long_gaps(usable)
    assert gap[40:70].all()
    assert gap.sum() == 30
    said = perfect(body, truth, camera(len(truth)))
    wild = Rotation.random(21 * len(truth), rng=np.random.default_rng(0)).as_matrix().reshape(-1, 21, 3, 3)
    said = replace(said, body_rotation=np.where(gap[:, None, None, None], wild, said.body_rotation))
    crossed = bridged(said, gap)
    np.testing.assert_array_equal(crossed.body_rotation[~gap], said.body_rotation[~gap])
    steps = Rotation.from_matrix(
        (crossed.body_rotation[:-1].swapaxes(-1, -2) @ crossed.body_rotation[1:]).reshape(-1, 3, 3)
    ).magnitude()
    assert steps.max() < 0.3
    assert (crossed.static_logits[gap] < -5).all()


def test_a_clip_that_nobody_weighs_is_finite(body: SkinnedBody) -> None:
    """Six frames, all unsure of everything."""
    motion = hovering(body, hover(6))
    clues = _clues(perfect(body, motion, camera(6)), motion, camera(6))
    found = fuse(replace(clues, sure=np.zeros(6)), camera_moves=None, with_floor=True)
    assert np.isfinite(found.pelvis_w).all()
