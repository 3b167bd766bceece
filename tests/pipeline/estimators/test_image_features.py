"""From a film and boxes to features, and through GVHMR's image branch to a motion: random weights, real files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from pipeline.body import SkinnedBody  # noqa: E402
from pipeline.clip import Clip, Source  # noqa: E402
from pipeline.estimators import FeatureConfig, GvhmrConfig, ImageFeatures  # noqa: E402
from pipeline.estimators.exceptions import UnknownWeights, WeightsWithoutImages  # noqa: E402
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator  # noqa: E402
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkShape  # noqa: E402
from pipeline.estimators.gvhmr.weights import GvhmrWeights, save_weights  # noqa: E402
from pipeline.estimators.gvhmr.weights_statistics import published_statistics  # noqa: E402
from pipeline.estimators.hmr2.extraction import features_of  # noqa: E402
from pipeline.estimators.hmr2.network import Hmr2Network, Hmr2Shape  # noqa: E402
from pipeline.estimators.hmr2.weights import import_hmr2  # noqa: E402
from pipeline.estimators.hmr2.weights_file import hmr2_file  # noqa: E402
from pipeline.estimators.vision_transformer import BackboneShape  # noqa: E402
from pipeline.evidence import Evidence  # noqa: E402
from pipeline.front_stages import video_stages  # noqa: E402
from pipeline.home import Home  # noqa: E402
from pipeline.licences import Use, use_of  # noqa: E402
from pipeline.render.h264 import add_picture, h264_stream  # noqa: E402
from pipeline.settings import Settings  # noqa: E402
from pipeline.stage import Stage, StageContext  # noqa: E402
from retarget.progress import silent  # noqa: E402
from robots.exceptions import InvalidArray  # noqa: E402

TOKEN = 24
FRAMES = 16
SHAPE = Hmr2Shape(
    backbone=BackboneShape(width=16, depth=1, heads=2), token=TOKEN, layers=1, heads=2, head_width=8, hidden=24
)
GVHMR = NetworkShape(latent=32, layers=2, heads=2, embed=32, window=20, image_features=TOKEN)


@pytest.fixture(scope="module")
def eye() -> Hmr2Network:
    torch.manual_seed(1)
    return Hmr2Network(SHAPE).eval()


@pytest.fixture(scope="module")
def short(evidence: Evidence) -> Evidence:
    """The first frames: time, keypoints, boxes and all that has a value each frame."""
    per_frame = ("timestamps", "boxes", "kp2d", "foot_kp2d", "landmarks_w", "R_w2c", "flags", "kp_trust", "zoom")
    return replace(evidence, **{name: getattr(evidence, name)[:FRAMES] for name in per_frame})


def pictures(n: int = FRAMES, seed: int = 0, size: tuple[int, int] = (640, 360)) -> list[np.ndarray]:
    """Coarse noise, another one each frame: a crop's place and time show in what is made of it."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, size[1] // 20, size[0] // 20, 3), dtype=np.uint8)
    return [np.kron(one, np.ones((20, 20, 1), dtype=np.uint8)) for one in coarse]


def weights(shape: NetworkShape = GVHMR) -> GvhmrWeights:
    """Random ones, whose blocks and conditions all have a say."""
    torch.manual_seed(2)
    network = GvhmrNetwork(shape, gate=0.3)
    if shape.image_features:
        torch.nn.init.normal_(network.imgseq_embedder[1].weight, std=0.3)
    stats = published_statistics()
    return GvhmrWeights(
        shape=shape,
        tensors=dict(network.state_dict()),
        codec_mean=stats.mean,
        codec_std=stats.std,
        cam_mean=stats.cam_mean,
        cam_std=stats.cam_std,
        body="open",
        licence="GVHMR weights: non-commercial research only",
        source="a test",
        trained_on=(),
    )


def features(
    eye: Hmr2Network, shown: Evidence, film: list[np.ndarray], batch: int = 16, mirrored_too: bool = False
) -> ImageFeatures:
    return features_of(film, shown, eye, FeatureConfig(network="hmr2", batch=batch), mirrored_too=mirrored_too)


def test_batches_do_not_show_in_the_features(eye: Hmr2Network, short: Evidence) -> None:
    film = pictures()
    whole, parts = features(eye, short, film), features(eye, short, film, batch=5)
    assert whole.tokens.shape == (FRAMES, TOKEN)
    np.testing.assert_allclose(parts.tokens, whole.tokens, atol=1e-5)
    assert np.abs(np.diff(whole.tokens, axis=0)).max(axis=1).min() > 1e-3


def test_a_mirrored_film_has_the_features_of_the_mirror_image(eye: Hmr2Network, short: Evidence) -> None:
    """What the network is told of the mirror image is what it would have been told of the mirrored film."""
    film = pictures(size=(1280, 720))
    here = features(eye, short, film, mirrored_too=True)
    # The last pixel's middle becomes the first's, in pictures of half the size.
    last = short.image_size[0] - 2
    boxes = short.boxes.copy()
    boxes[:, [0, 2]] = last - short.boxes[:, [2, 0]]
    there = features(eye, replace(short, boxes=boxes), [picture[:, ::-1] for picture in film], mirrored_too=True)
    assert here.mirrored is not None and there.mirrored is not None
    apart = np.abs(here.mirrored - here.tokens).mean()
    assert np.abs(here.mirrored - there.tokens).mean() < 0.05 * apart
    assert np.abs(here.tokens - there.mirrored).mean() < 0.05 * apart


def test_the_size_of_the_pictures_changes_little(eye: Hmr2Network, short: Evidence) -> None:
    """Boxes are said in the evidence's pixels, whatever the pictures' own size is."""
    small = pictures()
    large = [np.kron(picture, np.ones((2, 2, 1), dtype=np.uint8)) for picture in small]
    one, other = features(eye, short, small).tokens, features(eye, short, large).tokens
    assert np.abs(one - other).mean() < 0.2 * np.abs(np.diff(one, axis=0)).mean()


def test_too_few_pictures_are_refused(eye: Hmr2Network, short: Evidence) -> None:
    with pytest.raises(InvalidArray, match="pictures: are 3, for 16 frames"):
        features(eye, short, pictures(3))


def test_features_move_the_motion_and_zeros_are_the_state_without_them(short: Evidence, body: SkinnedBody) -> None:
    estimator = GvhmrEstimator(GvhmrConfig(), weights=weights())
    blank = np.zeros((FRAMES, TOKEN), dtype=np.float32)
    noise = np.random.default_rng(0).normal(size=blank.shape).astype(np.float32)
    without = estimator.estimate(short, body)
    blind = estimator.estimate(short, body, images=ImageFeatures(tokens=blank, mirrored=blank))
    seeing = estimator.estimate(short, body, images=ImageFeatures(tokens=noise, mirrored=noise))
    np.testing.assert_array_equal(blind.body_pose, without.body_pose)
    assert np.abs(seeing.body_pose - without.body_pose).max() > 1e-3


def test_features_of_another_clip_or_without_mirror_images_are_refused(short: Evidence, body: SkinnedBody) -> None:
    estimator = GvhmrEstimator(GvhmrConfig(), weights=weights())
    tokens = np.zeros((FRAMES, TOKEN), dtype=np.float32)
    with pytest.raises(InvalidArray, match=r"images: has shape \(15, 24\), and the network takes \(16, 24\)"):
        estimator.estimate(short, body, images=ImageFeatures(tokens=tokens[1:]))
    with pytest.raises(InvalidArray, match="no features of the mirror images"):
        estimator.estimate(short, body, images=ImageFeatures(tokens=tokens))
    plain = GvhmrEstimator(GvhmrConfig(world="original"), weights=weights())
    plain.estimate(short, body, images=ImageFeatures(tokens=tokens))


def test_weights_without_images_refuse_features(short: Evidence, body: SkinnedBody) -> None:
    estimator = GvhmrEstimator(weights=weights(replace(GVHMR, image_features=0)))
    with pytest.raises(WeightsWithoutImages, match=r"take no image features. Run with `--features.network none`"):
        estimator.estimate(short, body, images=ImageFeatures(tokens=np.zeros((FRAMES, 0), dtype=np.float32)))


@pytest.mark.parametrize(("name", "value"), [("batch", 0), ("network", "vit"), ("device", "tpu"), ("precision", "8")])
def test_settings_that_mean_nothing_are_refused(name: str, value: object) -> None:
    with pytest.raises(InvalidArray, match=f"features.{name}: must be"):
        FeatureConfig(**{name: value})  # type: ignore[arg-type]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(models_dir=tmp_path / "m", meshes_dir=tmp_path / "g", bodies_dir=tmp_path / "data" / "bodies")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """As a user of the published weights would set it, with small ones."""
    save_weights(tmp_path / "small.safetensors", weights(), half=False)
    config = GvhmrConfig(weights=str(tmp_path / "small.safetensors"))
    return Settings(gvhmr=config, features=FeatureConfig(network="hmr2"))


def imported(home: Home, tmp_path: Path, eye: Hmr2Network) -> None:
    torch.save({"state_dict": eye.state_dict()}, tmp_path / "hmr2.ckpt")
    import_hmr2(tmp_path / "hmr2.ckpt", hmr2_file(home), shape=SHAPE)


def chain(settings: Settings, body: SkinnedBody, home: Home) -> dict[str, Stage]:
    return {stage.name: stage for stage in video_stages(settings, body, home)}


def filmed(path: Path) -> Path:
    with av.open(str(path), "w") as container:
        stream = h264_stream(container, size=(640, 360), fps=30.0, crf=10)
        for picture in pictures(FRAMES):
            add_picture(container, stream, picture)
        container.mux(stream.encode(None))
    return path


def test_a_film_goes_through_both_networks_to_a_motion(
    settings: Settings, short: Evidence, body: SkinnedBody, home: Home, tmp_path: Path, eye: Hmr2Network
) -> None:
    """The original's chain: pictures and boxes, features, network; its licences go with the result."""
    imported(home, tmp_path, eye)
    stages = chain(settings, body, home)
    assert list(stages) == ["recording", "evidence", "features", "motion"]
    seen: list[tuple[int, int]] = []
    clip = Clip.of(Source.from_file(filmed(tmp_path / "kata.mp4")))
    context = StageContext(clip=clip, clip_dir=tmp_path, progress=lambda done, total: seen.append((done, total)))
    made = stages["features"].run(context, short)
    assert seen[0] == (0, FRAMES) and seen[-1] == (FRAMES, FRAMES)
    near = features(eye, short, pictures(), mirrored_too=True)
    assert np.abs(made.tokens - near.tokens).mean() < 0.2 * np.abs(np.diff(near.tokens, axis=0)).mean()
    motion = stages["motion"].run(replace(context, progress=silent), short, made)
    assert len(motion) == FRAMES
    blind = chain(replace(settings, features=FeatureConfig()), body, home)["motion"]
    without = blind.run(replace(context, progress=silent), short)
    assert np.abs(motion.body_pose - without.body_pose).max() > 1e-3
    assert use_of(stages["features"].licences) is Use.FORBIDDEN


def test_features_are_another_result_wherever_they_are_made_otherwise(
    settings: Settings, body: SkinnedBody, home: Home, tmp_path: Path, eye: Hmr2Network
) -> None:
    """Batches change nothing and have no name; precision, device and the weights have."""
    clip = Clip.of(Source(path="a.mp4", sha256="0" * 64))
    unknown = chain(settings, body, home)["features"].fingerprint(clip, {})
    imported(home, tmp_path, eye)

    def name(**changes: object) -> str:
        config = replace(settings.features, **changes)  # type: ignore[arg-type]
        return chain(replace(settings, features=config), body, home)["features"].fingerprint(clip, {})

    names = [unknown, name(), name(precision="bfloat16"), name(device="cuda")]
    assert len(set(names)) == len(names)
    assert name(batch=3) == name()


def test_what_features_lack_is_said_before_a_film_is_watched(
    settings: Settings, body: SkinnedBody, home: Home, tmp_path: Path, eye: Hmr2Network
) -> None:
    with pytest.raises(UnknownWeights, match="wushu weights import hmr2 FILE"):
        chain(settings, body, home)["features"].require()
    imported(home, tmp_path, eye)
    chain(settings, body, home)["features"].require()
    with pytest.raises(WeightsWithoutImages, match=r"--gvhmr.weights official"):
        chain(replace(settings, gvhmr=GvhmrConfig()), body, home)["features"].require()
    with pytest.raises(InvalidArray, match="the estimator 'landmark' looks at no pictures"):
        chain(replace(settings, estimator="landmark"), body, home)


def test_without_features_the_chain_is_as_it_was(body: SkinnedBody, home: Home) -> None:
    stages = chain(Settings(), body, home)
    assert list(stages) == ["recording", "evidence", "motion"]
    assert stages["motion"].reads == ("evidence",)
