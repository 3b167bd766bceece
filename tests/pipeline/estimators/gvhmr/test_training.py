"""Training: what a window is shown as agrees with what is asked of the network, and a run can be taken up again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from pipeline.body import load_body
from pipeline.estimators.gvhmr.attention import windowed_attention
from pipeline.estimators.gvhmr.camera import translation_of_weak_camera
from pipeline.estimators.gvhmr.detail import DETAIL_FEATURES, LAGS, LANDMARKS, detail_features
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkInputs, NetworkShape
from pipeline.estimators.gvhmr.rollout import roll_out
from pipeline.estimators.gvhmr.rotations import matrix_from_rotvec
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.training import Trainer, TrainingConfig, UnusableTrainingState
from pipeline.estimators.gvhmr.training import trainer as trainer_module
from pipeline.estimators.gvhmr.training.batches import BatchMaker, BodyPoints, SightingConfig
from pipeline.estimators.gvhmr.training.cameras import KINDS, sample_cameras
from pipeline.estimators.gvhmr.training.exceptions import TrainingDiverged
from pipeline.estimators.gvhmr.training.motion_bank import AugmentationConfig, MotionBank
from pipeline.kfbench import PIECES, stage_piece
from pipeline.synthetic import landmark_regressor, load_detector_model
from robots.exceptions import InvalidArray

PLAIN = AugmentationConfig(mirror=0, recombine=0, deform=0, sway=0, stature_sigma=0, shape_sigma=0)


@pytest.fixture(scope="module")
def body():
    return load_body()


@pytest.fixture(scope="module")
def motion(body):
    return stage_piece(PIECES["dance"], body).motion.frames(0, 300)


@pytest.fixture(scope="module")
def bank(motion):
    return MotionBank([motion])


@pytest.fixture(scope="module")
def maker(body):
    return BatchMaker(body, load_detector_model(), landmark_regressor(body), SightingConfig(focal_error=0.0))


def small_config(**changes):
    shape = NetworkShape(latent=32, layers=1, heads=2, embed=32, image_features=0, detail_features=DETAIL_FEATURES)
    return replace(
        TrainingConfig(steps=8, cooldown_steps=2, batch=2, frames=24, shape=shape, bfloat16=False), **changes
    )


def named(body, clips, **changes):
    config = small_config(**changes)
    detector, regressor = load_detector_model(), landmark_regressor(body)
    return Trainer(list(clips.values()), body, detector, regressor, config, names=list(clips))


def trainer(body, motion, **changes):
    return Trainer([motion], body, load_detector_model(), landmark_regressor(body), small_config(**changes))


def test_points_gathered_by_joint_are_the_points_of_the_skin(body, motion):
    """Training places keypoints without posing the skin; a wrong lever would teach a wrong body."""
    rng = np.random.default_rng(0)
    betas = rng.normal(size=10)
    shaped = body.motion(30.0, betas, motion.global_orient[:5], motion.body_pose[:5], motion.transl[:5])
    pos, rot = (torch.from_numpy(a[None, :, :22]).float() for a in shaped.joints())
    for regressor in (body.keypoint_regressor, landmark_regressor(body)):
        placed = BodyPoints(body, regressor).place(pos, rot, torch.from_numpy(betas[None]).float())[0].numpy()
        np.testing.assert_allclose(placed, body.points(shaped, regressor), atol=2e-5)


def test_windows_without_augmentation_are_the_clip_itself(bank, body, motion):
    """A window of as many frames as it is cut from differs from the clip by a yaw and a shift only."""
    config = replace(PLAIN, raw_frames=(120, 121))
    windows = bank.draw(4, 120, config, torch.Generator().manual_seed(0))
    joints, _ = Skeleton.of(body).pose(windows.local_rotation, windows.betas[:, None], windows.pelvis_w * 0)
    heights = (joints - joints[:, :, :1])[..., 1].numpy()
    own = motion.joints()[0][:, :22, 2]
    own = own - own[:, :1]
    apart = [min(np.abs(own[s : s + 120] - h).max() for s in range(len(own) - 119)) for h in heights]
    assert max(apart) < 1e-3


def test_mirrored_windows_have_mirrored_joints(bank, body):
    """Left becomes right: heights of the left foot are those of the right one in the mirror."""
    args = (6, 60, torch.Generator().manual_seed(3))
    straight = bank.draw(*args[:2], PLAIN, args[2])
    mirrored = bank.draw(*args[:2], replace(PLAIN, mirror=1.0), torch.Generator().manual_seed(3))
    joints = [
        Skeleton.of(body).pose(w.local_rotation, w.betas[:, None], w.pelvis_w)[0][..., 1] for w in (straight, mirrored)
    ]
    torch.testing.assert_close(joints[0][:, :, (7, 8, 20, 21)], joints[1][:, :, (8, 7, 21, 20)], atol=0.02, rtol=0)


def test_what_is_asked_for_puts_the_joints_where_the_camera_sees_them(bank, maker):
    """Code, weak camera and way each say the same as the joints in camera axes: none of them contradicts another."""
    generator = torch.Generator().manual_seed(1)
    batch = maker.make(bank.draw(6, 60, AugmentationConfig(), generator), generator)
    code = batch.code
    transl = translation_of_weak_camera(batch.cam, batch.bbx_xys, batch.K[:, None])
    local = torch.cat([code.root_camera[:, :, None], code.body_rotation], dim=2)
    joints, _ = maker.skeleton.pose(local, code.betas, transl)
    torch.testing.assert_close(joints, batch.joints_c, atol=2e-3, rtol=1e-3)
    path = roll_out(code.velocity, batch.root_w)
    torch.testing.assert_close(path, batch.pelvis_w - batch.pelvis_w[:, :1], atol=1e-4, rtol=0)
    up = -code.root_view[..., 1, :]
    torch.testing.assert_close(up, batch.root_w[..., 1, :], atol=1e-3, rtol=0)


def test_every_joint_stays_before_every_camera():
    """A point behind the lens would be projected upside down."""
    generator = torch.Generator().manual_seed(2)
    joints = torch.randn(200, 30, 22, 3, generator=generator) * torch.tensor([0.4, 0.5, 0.4])
    cameras = sample_cameras(joints, generator)
    assert cameras.points(joints)[..., 2].min() >= 0.499
    turned = torch.linalg.matrix_norm(cameras.R_w2c[:, -1] - cameras.R_w2c[:, 0])
    assert (turned[cameras.kind == KINDS.index("static")] == 0).all()
    assert (turned[cameras.kind != KINDS.index("static")] > 0).all()


def test_a_panning_camera_looks_like_a_still_one_to_the_details():
    """Rays are turned by the camera's rotation, so that what moves in them is the person."""
    generator = torch.Generator().manual_seed(4)
    frames = 40
    still = torch.randn(1, frames, 21, 2, generator=generator) * 0.05
    angle = torch.linspace(0, 0.6, frames)[None, :, None] * torch.tensor([0.0, 1.0, 0.0])
    R = matrix_from_rotvec(angle)
    ahead = torch.cat([still, torch.ones_like(still[..., :1])], dim=-1) @ R.mT
    panned = ahead[..., :2] / ahead[..., 2:]
    centre = R[:, :, :, 2]
    box = torch.cat([centre[..., :2] / centre[..., 2:], torch.full((1, frames, 1), 0.3)], dim=-1)
    box_still = torch.tensor([0.0, 0.0, 0.3]).expand(1, frames, 3)
    seen, landmarks, none = torch.ones(1, frames, 21), torch.zeros(1, frames, 33, 3), torch.zeros(1, frames)
    eye = torch.eye(3).expand(1, frames, 3, 3)
    a = detail_features(still, seen, box_still, eye, landmarks, none)
    b = detail_features(panned, seen, box, R, landmarks, none)
    inner = slice(16, -16)
    per_lag = 21 * 3
    middle = LAGS.index(0) * per_lag
    motion_of = [x[:, inner, k * per_lag : k * per_lag + 42] - x[:, inner, middle : middle + 42]
                 for x in (a, b) for k in range(len(LAGS))]  # fmt: skip
    for flat, turned in zip(motion_of[: len(LAGS)], motion_of[len(LAGS) :], strict=True):
        assert (flat - turned).abs().median() < 0.15 * flat.abs().median() + 1e-6
    assert a.shape[-1] == DETAIL_FEATURES == len(LAGS) * per_lag + 3 * len(LANDMARKS) + 1


def test_attention_is_the_same_with_and_without_gradients():
    """Training computes it by another way, for speed; what is learned must be what is run."""
    generator = torch.Generator().manual_seed(5)
    q, k, v = (torch.randn(2, 3, 50, 16, generator=generator, requires_grad=True) for _ in range(3))
    valid = torch.arange(50) < torch.tensor([50, 31])[:, None]
    for mask in (None, valid):
        with torch.no_grad():
            run = windowed_attention(q, k, v, window=120, valid=mask)
        torch.testing.assert_close(windowed_attention(q, k, v, window=120, valid=mask), run, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("share", [0.0, 0.4])
def test_what_is_dropped_is_what_the_network_was_told_to_drop(share):
    """Conditions have a dropout layer of their own; a training without dropout must not have it there either."""
    torch.manual_seed(0)
    network = GvhmrNetwork(small_config().shape, dropout=share, gate=0.5).train()
    generator = torch.Generator().manual_seed(6)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(0.2 * torch.randn(parameter.shape, generator=generator))
    detail = torch.zeros(1, 12, DETAIL_FEATURES)
    inputs = NetworkInputs(
        obs=torch.ones(1, 12, 17, 3), cliffcam=torch.ones(1, 12, 3), cam_angvel=torch.ones(1, 12, 6), detail=detail
    )
    for embedder, given in (
        (network.cliffcam_embedder, inputs.cliffcam),
        (network.cam_angvel_embedder, inputs.cam_angvel),
    ):
        assert torch.equal(embedder(given), embedder(given)) == (share == 0.0)
    assert torch.equal(network(inputs).pred_x, network(inputs).pred_x) == (share == 0.0)


def test_a_run_that_was_stopped_goes_on_as_if_it_had_not_been(body, motion, tmp_path):
    """Hours of training survive a reboot, and give the same weights."""
    whole = trainer(body, motion)
    list(whole.run(6))
    first = trainer(body, motion)
    list(first.run(3))
    first.save(tmp_path / "state.pt")
    second = trainer(body, motion, device="cpu", learning_rate=first.config.learning_rate)
    second.resume(tmp_path / "state.pt")
    list(second.run(6))
    for name, tensor in whole.averaged.state_dict().items():
        torch.testing.assert_close(second.averaged.state_dict()[name], tensor, atol=0, rtol=0)


def test_training_makes_the_objective_smaller(body, motion):
    """On one short clip the network must get better within a hundred steps, or it learns nothing."""
    run = trainer(body, motion, steps=100, learning_rate=2e-3, warmup_steps=1, batch=4)
    told = [log.terms["joints"] + log.terms["turn"] for log in run.run(100)]
    assert np.median(told[-20:]) < 0.7 * np.median(told[:10])


def test_a_state_that_is_none_is_refused_by_name(body, motion, tmp_path):
    """A truncated file is no reason for a traceback, nor for starting anew over it."""
    run = trainer(body, motion)
    for content in (b"", b"not a state", b"PK\x03\x04half"):
        path = tmp_path / "state.pt"
        path.write_bytes(content)
        with pytest.raises(UnusableTrainingState, match=r"state\.pt"):
            run.resume(path)


def test_clips_too_short_for_a_window_are_refused(motion):
    """Forty frames are the least that says something of motion."""
    with pytest.raises(InvalidArray, match="40 frames"):
        MotionBank([motion.frames(0, 20)])


def test_weights_of_a_training_say_what_they_learned_from(body, motion):
    """A benchmark leaves out what weights have seen, and a user sees what the data allow."""
    run = trainer(body, motion)
    list(run.run(1))
    weights = run.weights(licence="free", source="a test", trained_on=("dance",))
    assert (weights.body, weights.trained_on, weights.licence) == (body.name, ("dance",), "free")
    held_out = run.try_on([motion], windows=2)
    assert set(held_out) == {"mpjpe_mm", "tilt_deg", "way_mm"} and np.isfinite(list(held_out.values())).all()


@pytest.fixture
def clips(motion):
    return {"094_01": motion.frames(0, 100), "094_02": motion.frames(100, 220), "short": motion.frames(0, 20)}


def test_a_state_remembers_what_it_learned_from(body, clips, tmp_path):
    """Weights that went on learning name all they have ever seen, also when asked to name less; a clip too short to
    be learned from is not named."""
    run = named(body, clips)
    run.save(tmp_path / "state.pt")
    again = named(body, clips, steps=20, cooldown_steps=3, learning_rate=1e-4)
    again.resume(tmp_path / "state.pt")
    assert again.past_is_known and again.clips == {name: len(clips[name]) for name in ("094_01", "094_02")}
    assert again.weights(licence="", source="", trained_on=()).trained_on == ("094_01", "094_02")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda clips: {"094_01": clips["094_01"]}, "learned from 094_02, which would no longer"),
        (lambda clips: clips | {"new": clips["094_01"]}, "did not learn from new, which would"),
        (lambda clips: clips | {"094_01": clips["094_02"]}, "another length of 094_01"),
    ],
)
def test_a_run_of_other_clips_is_not_gone_on_with(body, clips, tmp_path, change, said):
    """A clip held out only from now on has been learned from: errors on it would be those of a clip known by heart."""
    named(body, clips).save(tmp_path / "state.pt")
    with pytest.raises(UnusableTrainingState, match=said):
        named(body, change(clips)).resume(tmp_path / "state.pt")


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seed": 1}, "seed 0, not 1"),
        ({"batch": 3}, "batch 2, not 3"),
        ({"augmentation": PLAIN}, r"augmentation\.deform 0\.5, not 0"),
        ({"shape": replace(small_config().shape, layers=2)}, r"shape\.layers 1, not 2"),
    ],
)
def test_a_run_of_another_kind_is_not_gone_on_with(body, motion, tmp_path, changes, said):
    """Half of one training and half of another is neither, and no command would tell how it was made; a run that is
    refused is left as it was."""
    trainer(body, motion).save(tmp_path / "state.pt")
    other = trainer(body, motion, **changes)
    list(other.run(1))
    with pytest.raises(UnusableTrainingState, match=said):
        other.resume(tmp_path / "state.pt")
    assert other.step == 1


def test_a_state_without_names_is_gone_on_with_and_its_past_stays_unknown(body, clips, tmp_path):
    """States from before names were kept can be used, but nobody may take their clips for known later."""
    path = tmp_path / "state.pt"
    named(body, clips).save(path)
    state = torch.load(path, weights_only=True)
    torch.save({name: value for name, value in state.items() if name not in ("clips", "past_is_known")}, path)
    for _ in range(2):
        again = named(body, clips)
        again.resume(path)
        assert not again.past_is_known and set(again.clips or ()) == {"094_01", "094_02"}
        again.save(path)


def test_names_must_be_each_its_own(body, motion):
    """Two clips of one name would be one clip to whoever holds it out."""
    with pytest.raises(InvalidArray, match="one of its own"):
        Trainer([motion] * 2, body, load_detector_model(), landmark_regressor(body), small_config(), names=["a", "a"])


def test_half_a_step_is_not_saved(body, motion, tmp_path, monkeypatch):
    """Dice thrown, but nothing learned: gone on with, such a state gives other weights than a run in one piece."""
    run = trainer(body, motion)
    list(run.run(1))
    run.save(tmp_path / "state.pt")
    kept = (tmp_path / "state.pt").read_bytes()

    def stopped(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(trainer_module, "objective", stopped)
    with pytest.raises(KeyboardInterrupt):
        list(run.run(2))
    assert not run.between_steps
    with pytest.raises(UnusableTrainingState, match="step 2 was broken off"):
        run.save(tmp_path / "state.pt")
    assert (tmp_path / "state.pt").read_bytes() == kept


def test_a_training_that_learns_nothing_any_more_stops(body, motion, monkeypatch):
    """A hundred steps without a finite gradient are no bad luck; what was learned before stays as it was."""
    run = trainer(body, motion, steps=200)
    list(run.run(1))
    before = {name: tensor.clone() for name, tensor in run.network.state_dict().items()}
    monkeypatch.setattr(trainer_module, "objective", lambda out, *_: {"code": out.pred_x.sum() * float("nan")})
    batch = run._draw()
    monkeypatch.setattr(run, "_draw", lambda: batch)
    with pytest.raises(TrainingDiverged, match=r"at step 101 .* 100 steps: .*lower learning rate"):
        list(run.run(200))
    for name, tensor in run.network.state_dict().items():
        assert torch.equal(tensor, before[name])
