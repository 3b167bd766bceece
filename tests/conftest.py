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
