"""From evidence to motion with a small network of random weights: always whole, finite, z-up, or a clear refusal."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

torch = pytest.importorskip("torch")

from pipeline.body import SkinnedBody  # noqa: E402
from pipeline.estimators import ESTIMATORS  # noqa: E402
from pipeline.estimators.exceptions import (  # noqa: E402
    TooLittleEvidence,
    UnknownWeights,
    WeightsOfAnotherBody,
)
from pipeline.estimators.gvhmr.camera import camera_turn  # noqa: E402
from pipeline.estimators.gvhmr.config import GvhmrConfig  # noqa: E402
from pipeline.estimators.gvhmr.detail import DETAIL_FEATURES  # noqa: E402
from pipeline.estimators.gvhmr.gravity import Y_UP_TO_Z_UP  # noqa: E402
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator  # noqa: E402
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkShape  # noqa: E402
from pipeline.estimators.gvhmr.original import Sight, predict  # noqa: E402
from pipeline.estimators.gvhmr.sighting import sight  # noqa: E402
from pipeline.estimators.gvhmr.skeleton import Skeleton  # noqa: E402
from pipeline.estimators.gvhmr.weights import GvhmrWeights, save_weights  # noqa: E402
from pipeline.estimators.gvhmr.weights_statistics import published_statistics  # noqa: E402
from pipeline.evidence import Evidence, FrameFlag  # noqa: E402
from pipeline.settings import Settings, load_settings  # noqa: E402
from retarget.smpl_motion import SmplMotion  # noqa: E402
from robots.exceptions import InvalidArray  # noqa: E402

OWN = NetworkShape(latent=32, layers=2, heads=2, embed=32, window=20, image_features=0, detail_features=DETAIL_FEATURES)
PUBLISHED = replace(OWN, image_features=16, detail_features=0)


def weights(shape: NetworkShape = OWN, **changes: object) -> GvhmrWeights:
    """Random numbers, with the statistics of bodies that stand upright."""
    torch.manual_seed(0)
    network = GvhmrNetwork(shape)
    stats = published_statistics()
    fields = {
        "shape": shape,
        "tensors": dict(network.state_dict()),
        "codec_mean": stats.mean,
        "codec_std": stats.std,
        "cam_mean": stats.cam_mean,
        "cam_std": stats.cam_std,
        "body": "open",
        "licence": "none",
        "source": "a test",
        "trained_on": ("clip_1", "clip_2"),
    }
    return GvhmrWeights(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def estimator() -> GvhmrEstimator:
    return GvhmrEstimator(weights=weights())


def check(motion: SmplMotion, evidence: Evidence) -> None:
    """Whole and finite; SmplMotion itself refuses anything else."""
    assert len(motion) == len(evidence)
    assert motion.fps == evidence.fps
    assert motion.foot_contact is not None
    assert motion.foot_contact.min() >= 0.0
    assert motion.foot_contact.max() <= 1.0
    assert np.isfinite(motion.joints()[0]).all()


@pytest.mark.parametrize("shape", [OWN, PUBLISHED])
@pytest.mark.parametrize("world", ["own", "original"])
def test_every_network_and_world_gives_a_whole_motion(
    body: SkinnedBody, evidence: Evidence, shape: NetworkShape, world: str
) -> None:
    """Networks of our own and published ones, placed by either way; the first pelvis is over the origin, upright."""
    motion = GvhmrEstimator(GvhmrConfig(world=world), weights=weights(shape)).estimate(evidence, body)  # type: ignore[arg-type]
    check(motion, evidence)
    np.testing.assert_allclose(motion.joints()[0][0, 0, :2], 0.0, atol=1e-6)
    head, pelvis = motion.joints()[0][:, 15, 2], motion.joints()[0][:, 0, 2]
    assert np.median(head - pelvis) > 0.3


@pytest.mark.parametrize("pan", [0.0, 20.0])
def test_the_original_world_is_the_published_programs_to_the_last_digit(
    body: SkinnedBody, truth: SmplMotion, film: Callable[..., Evidence], pan: float
) -> None:
    """Parity that is held to published numbers must be what the switch gives, cameras on tripods and moving ones."""
    evidence, given = film(truth, pan_deg=pan), weights(PUBLISHED)
    motion = GvhmrEstimator(GvhmrConfig(world="original"), weights=given).estimate(evidence, body)
    sighted = sight(evidence, with_detail=False)
    n = len(evidence)
    seen = Sight(
        keypoints=torch.cat([sighted.sighting.keypoints_px, sighted.sighting.seen[..., None].float()], -1)[:, :, :17],
        boxes=sighted.bbx_xys,
        K=sighted.sighting.K[:, None].expand(-1, n, -1, -1),
        camera_turn=camera_turn(sighted.sighting.R_w2c),
        image_features=torch.zeros(1, n, PUBLISHED.image_features),
    )
    skeleton = Skeleton.of(body)
    found = predict(given.network(), given.codec(), skeleton, seen, static_camera=pan == 0.0, post_process=True).world
    path, transl = found.transl[0].double().numpy(), motion.transl - motion.transl[0]
    np.testing.assert_allclose(transl @ Y_UP_TO_Z_UP, path - path[0], atol=1e-6)
    np.testing.assert_allclose(
        Rotation.from_rotvec(motion.body_pose[:, 3].copy()).as_matrix(), found.local_rotation[0, :, 4], atol=1e-6
    )


def test_the_same_evidence_gives_the_same_motion(
    estimator: GvhmrEstimator, body: SkinnedBody, evidence: Evidence
) -> None:
    """Nothing is drawn; two estimators agree to the last digit."""
    first, second = estimator.estimate(evidence, body), GvhmrEstimator(weights=weights()).estimate(evidence, body)
    np.testing.assert_array_equal(first.transl, second.transl)
    np.testing.assert_array_equal(first.body_pose, second.body_pose)


@pytest.mark.parametrize("fps", [25.0, 60.0])
def test_other_rates_come_back_at_their_own(
    estimator: GvhmrEstimator, body: SkinnedBody, evidence: Evidence, fps: float
) -> None:
    """The network's 30 is nobody else's business."""
    given = replace(evidence, fps=fps, timestamps=np.arange(len(evidence)) / fps)
    check(estimator.estimate(given, body), given)


def test_a_second_without_keypoints_is_bridged_and_not_trusted(
    estimator: GvhmrEstimator, body: SkinnedBody, evidence: Evidence
) -> None:
    """The way across is made up, and says so."""
    kp2d, flags = evidence.kp2d.copy(), evidence.flags.copy()
    kp2d[40:70, :, 2] = 0.0
    foot = evidence.foot_kp2d.copy()
    foot[40:70, :, 2] = 0.0
    flags[40:70] = FrameFlag.NO_PERSON
    given = replace(evidence, kp2d=kp2d, foot_kp2d=foot, flags=flags)
    motion = estimator.estimate(given, body)
    check(motion, given)
    assert motion.joint_trust is not None
    assert motion.joint_trust[50:60].max() < 1e-6
    assert motion.joint_trust[:30].min() > 0.5
    steps = np.linalg.norm(np.diff(motion.joints()[0], axis=0), axis=-1)
    assert steps[41:68].max() < 0.2


def test_a_camera_straight_above_gives_a_finite_motion(
    estimator: GvhmrEstimator, body: SkinnedBody, evidence: Evidence
) -> None:
    """No horizontal part of the view is left to tell the heading."""
    given = replace(evidence, gravity_c0=np.array([0.0, 0.0, 1.0]))
    check(estimator.estimate(given, body), given)
    rolled = replace(evidence, gravity_c0=np.array([1.0, 0.0, 0.0]))
    check(estimator.estimate(rolled, body), rolled)
    with pytest.raises(InvalidArray, match="gravity_c0: is zero"):
        estimator.estimate(replace(evidence, gravity_c0=np.zeros(3)), body)


def test_boxes_and_people_outside_the_picture_are_no_reason_to_fail(body: SkinnedBody, evidence: Evidence) -> None:
    """Half of the person has left the image."""
    shift = np.array([700.0, 0.0, 0.0])
    given = replace(
        evidence,
        kp2d=evidence.kp2d + shift,
        foot_kp2d=evidence.foot_kp2d + shift,
        boxes=evidence.boxes + np.array([700.0, 0.0, 700.0, 0.0]),
    )
    for shape in (OWN, PUBLISHED):
        check(GvhmrEstimator(weights=weights(shape)).estimate(given, body), given)


def test_a_camera_that_spins_is_followed(estimator: GvhmrEstimator, body: SkinnedBody, evidence: Evidence) -> None:
    """Twice round in four seconds."""
    turn = np.linspace(0.0, 4.0 * np.pi, len(evidence))[:, None] * np.array([0.0, 1.0, 0.0])
    given = replace(evidence, R_w2c=Rotation.from_rotvec(turn).as_matrix())
    check(estimator.estimate(given, body), given)


def test_stature_that_is_known_is_kept_and_scales_the_way(body: SkinnedBody, evidence: Evidence) -> None:
    """The same pixels of someone half as tall are half as far away, and walk half as far."""
    tall, small = (
        GvhmrEstimator(GvhmrConfig(height_m=h, path="velocity"), weights=weights()).estimate(evidence, body)
        for h in (1.8, 0.9)
    )
    assert body.height(tall.betas) == pytest.approx(1.8)
    assert body.height(small.betas) == pytest.approx(0.9)
    way = [np.linalg.norm(np.diff(m.joints()[0][:, 0, :2], axis=0), axis=-1).sum() for m in (tall, small)]
    assert way[0] / way[1] == pytest.approx(2.0, rel=0.02)


def test_too_little_evidence_is_refused(estimator: GvhmrEstimator, body: SkinnedBody, evidence: Evidence) -> None:
    """Nobody in the picture."""
    flags = np.full(len(evidence), FrameFlag.NO_PERSON, dtype=np.uint16)
    with pytest.raises(TooLittleEvidence):
        estimator.estimate(replace(evidence, flags=flags), body)


def test_betas_of_another_body_are_refused(body: SkinnedBody, evidence: Evidence) -> None:
    """Weights for SMPL-X say nothing of the open body's shape."""
    with pytest.raises(WeightsOfAnotherBody, match="'smplx', not to 'open'"):
        GvhmrEstimator(weights=weights(body="smplx")).estimate(evidence, body)


def test_weights_are_found_by_path_and_speak_for_themselves(
    tmp_path: Path, body: SkinnedBody, evidence: Evidence
) -> None:
    """A file gives what the record in memory gives, and names its licence, data and hash."""
    path = tmp_path / "some.safetensors"
    stored = save_weights(path, weights(), half=False)
    found = GvhmrEstimator(GvhmrConfig(weights=str(path)))
    assert found.name == "gvhmr"
    assert found.config == GvhmrConfig(weights=str(path))
    assert found.trained_on == {"clip_1", "clip_2"}
    assert found.data_sha256 == stored.sha256
    assert found.licences[0].endswith("none")
    given = GvhmrEstimator(weights=weights()).estimate(evidence, body)
    np.testing.assert_array_equal(found.estimate(evidence, body).transl, given.transl)
    with pytest.raises(UnknownWeights, match="no weights 'nobody'"):
        GvhmrEstimator(GvhmrConfig(weights="nobody"))


@pytest.mark.parametrize(
    ("wrong", "says"), [({"camera": "flying"}, "camera: must be one of"), ({"height_m": 0.0}, "height_m")]
)
def test_settings_that_make_no_sense_are_refused(wrong: dict[str, object], says: str) -> None:
    """Before anything runs."""
    with pytest.raises(InvalidArray, match=says):
        GvhmrConfig(**wrong)  # type: ignore[arg-type]


def test_settings_know_the_estimator_and_run_it_if_nothing_is_said(tmp_path: Path) -> None:
    """A preset names its fields; ``landmark`` runs where it is asked for."""
    file = tmp_path / "wushu.toml"
    file.write_text('estimator = "gvhmr"\n[gvhmr]\nsmoothing_s = 0.03\nheight_m = 1.7\ngravity = "frame"\n')
    settings = load_settings(file)
    assert settings.gvhmr == GvhmrConfig(smoothing_s=0.03, height_m=1.7, gravity="frame")
    assert Settings().estimator == "gvhmr"
    assert ESTIMATORS["gvhmr"] == (GvhmrConfig, GvhmrEstimator)
    made = [make for _, make in ESTIMATORS.values()]
    assert ESTIMATORS["landmark"][1](ESTIMATORS["landmark"][0]()).trained_on == frozenset()
    assert len(made) == 2


def test_torch_sleeps_until_something_is_estimated() -> None:
    """Every command imports the estimators; few of them need a network."""
    code = "import sys, pipeline.estimators, pipeline.settings; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
