"""The stage that looks at the pictures again for image features, where the weights of the estimator want them."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.estimators import Estimator, FeatureConfig, ImageFeatures
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
from pipeline.estimators.gvhmr.packages import require_packages
from pipeline.estimators.gvhmr.rates import at_network_rate
from pipeline.estimators.hmr2.weights_file import find_hmr2, read_hmr2_card
from pipeline.evidence import Evidence
from pipeline.home import Home
from pipeline.record_codec import plain
from pipeline.settings import Settings
from pipeline.stage import Stage, StageContext
from pipeline.video import frames_at
from robots.exceptions import InvalidArray, WushuError

if TYPE_CHECKING:
    from pipeline.estimators.hmr2.network import Hmr2Network

FEATURES = "features"
"""Name of the stage."""


def feature_stages(
    settings: Settings, home: Home, estimator_of: Callable[[float | None], Estimator]
) -> tuple[Stage, ...]:
    """Return the stage that makes image features, or none where none are asked for.

    Raises:
        InvalidArray: They are asked for an estimator that looks at no pictures.
    """
    if settings.features.network == "none":
        return ()
    if settings.estimator != "gvhmr":
        problem = f"is '{settings.features.network}', and the estimator '{settings.estimator}' looks at no pictures"
        raise InvalidArray("features.network", problem=problem)
    return (_stage(settings, home, estimator_of),)


def _stage(settings: Settings, home: Home, estimator_of: Callable[[float | None], Estimator]) -> Stage:
    config = settings.features
    network = lru_cache(maxsize=1)(lambda: _network(config, home))  # read once for all clips, when one needs it
    mirrored_too = settings.gvhmr.looks_at_mirror_images
    decides, licences = _told_of_weights(config, home)

    def require() -> None:
        from pipeline.estimators.hmr2.extraction import check_device

        estimator = estimator_of(None)
        assert isinstance(estimator, GvhmrEstimator)  # features are refused for any other
        estimator.require_images()
        read_hmr2_card(find_hmr2(home, config.weights), hashed=False)
        check_device(config)

    def run(context: StageContext, evidence: Evidence) -> ImageFeatures:
        from pipeline.estimators.hmr2.extraction import features_of

        require()
        shown = at_network_rate(evidence)
        with closing(frames_at(Path(context.clip.source.path), shown.timestamps)) as pictures:
            return features_of(pictures, shown, network(), config, mirrored_too=mirrored_too, progress=context.progress)

    return Stage(
        name=FEATURES,
        version=1,
        config=[decides, config.device, config.computes_in, mirrored_too],
        reads=("evidence",),
        result=ImageFeatures,
        run=run,
        licences=licences,
        resource="gpu" if config.device == "cuda" else "cpu",
        require=require,
    )


def _told_of_weights(config: FeatureConfig, home: Home) -> tuple[Any, tuple[str, ...]]:
    """Return what names the weights, as JSON types, and their licence."""
    try:
        require_packages()
        card = read_hmr2_card(find_hmr2(home, config.weights), hashed=False)
    except WushuError as error:
        # The name of a result that cannot come to be: whoever asks for it gets the same error.
        return [plain(config), str(error)], ()
    return [config.network, card.source_sha256], (f"weights '{config.network}': {card.licence}",)


def _network(config: FeatureConfig, home: Home) -> Hmr2Network:
    import torch

    from pipeline.estimators.hmr2.weights import load_hmr2

    dtype = getattr(torch, config.computes_in)
    return load_hmr2(find_hmr2(home, config.weights), device=config.device, dtype=dtype)
