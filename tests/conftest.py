"""What tests of several rooms share: one short rendered clip with known truth, and the keypoint networks."""

from __future__ import annotations

import os

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(autouse=True)
def _renderer_for_marked_tests(request):
    """Skip tests that draw where nothing can be drawn, and say what is missing."""
    if request.node.get_closest_marker("render"):
        from pipeline.render import RENDERER_PACKAGES, available_renderer

        if available_renderer() is None:
            pytest.skip(f"no EGL or OSMesa here: apt-get install {RENDERER_PACKAGES}")


@pytest.fixture(scope="session")
def keypoint_models():
    """BlazePose's two networks, fetched once into the user's cache."""
    from pipeline.exceptions import MissingModelFile
    from pipeline.home import Home
    from pipeline.video import fetch_models, find_models
    from robots.exceptions import WushuError

    folder = Home.of_user().models_dir
    try:
        return find_models(folder)
    except MissingModelFile:
        pass
    try:
        return fetch_models(folder)
    except WushuError as error:
        pytest.skip(f"the keypoint networks cannot be fetched: {error}")


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory):
    """The first two seconds of the kung-fu form, filmed small, with its truth: enough for the whole chain."""
    from pipeline.body import load_body
    from pipeline.camera import CameraPath
    from pipeline.kfbench import PIECES, DemoClip, Truth, render_clip, save_truth, stage_piece

    folder = tmp_path_factory.mktemp("short_clip")
    body = load_body()
    whole = stage_piece(PIECES["kungfu_form"], body, size=(640, 360))
    n_frames = 60
    motion, camera = whole.motion, whole.camera
    truth = Truth(
        motion=motion.part(0.0, (n_frames - 1) / motion.fps),
        camera=CameraPath(K=camera.K, R_w2c=camera.R_w2c[:n_frames], pos_w=camera.pos_w[:n_frames]),
        image_size=whole.image_size,
    )
    clip = DemoClip(name="short_clip", video=folder / "short_clip.mp4", truth=folder / "short_clip.truth.npz")
    render_clip(clip.video, truth, body)
    save_truth(clip.truth, truth)
    return clip
