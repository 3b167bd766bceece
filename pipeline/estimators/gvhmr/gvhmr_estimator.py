"""Turns evidence into a world-grounded human motion by GVHMR's network and geometry of our own.

1. bring the evidence to the network's rate; 2. ask the network; 3. place what it says in a z-up world
(:mod:`pipeline.estimators.gvhmr.world`); 4. bring the result back to the evidence's rate. Nothing here wakes torch
before there is something to estimate.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from pipeline.body import SkinnedBody
from pipeline.estimators.exceptions import WeightsWithoutImages
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.packages import require_packages
from pipeline.estimators.gvhmr.rates import at_network_rate, at_rate_of
from pipeline.estimators.gvhmr.weights_card import find_weights, read_card, require_body, weights_dir
from pipeline.estimators.image_features import ImageFeatures
from pipeline.evidence import Evidence
from pipeline.home import Home
from retarget.progress import Progress, silent
from retarget.smpl_motion import SmplMotion

if TYPE_CHECKING:
    from pipeline.estimators.gvhmr.inference import Inference
    from pipeline.estimators.gvhmr.weights import GvhmrWeights


class GvhmrEstimator:
    """Asks GVHMR's network of all frames at once and places the person in the world."""

    name = "gvhmr"
    version = 1

    def __init__(self, config: GvhmrConfig | None = None, *, weights: GvhmrWeights | None = None) -> None:
        """Find the weights and read what they say of themselves.

        Args:
            config: Settings; defaults when left out.
            weights: To be used instead of those that the settings name.

        Raises:
            ExtraNotInstalled: The packages that run the network are not here.
            UnknownWeights: The settings name none that are on this machine.
            UnusableWeights: Their file is missing, cut short or of another format.
        """
        require_packages(otherwise="estimate without it: `--estimator landmark`")
        self.config = GvhmrConfig() if config is None else config
        self._given = weights
        if weights is None:
            self._path = find_weights(self.config.weights, weights_dir(Home.of_user()))
        self._card = weights or read_card(self._path)

    @property
    def trained_on(self) -> frozenset[str]:
        """Data that the weights learned from."""
        return frozenset(self._card.trained_on)

    @property
    def data_sha256(self) -> str:
        """Hash of the weights' file."""
        return self._card.sha256

    @property
    def licences(self) -> tuple[str, ...]:
        """What the weights, and motions made with them, may be used for."""
        return (f"weights '{self.config.weights}': {self._card.licence}",)

    def require_body(self, body: SkinnedBody) -> None:
        """Check that the weights' betas are betas of this body.

        Raises:
            WeightsOfAnotherBody: They are another's.
        """
        require_body(self._card, body)

    def require_images(self) -> None:
        """Check that the weights have a use for image features.

        Raises:
            WeightsWithoutImages: They have none.
        """
        if not self._card.image_features:
            raise WeightsWithoutImages(self.config.weights)

    def estimate(
        self, evidence: Evidence, body: SkinnedBody, progress: Progress = silent, *, images: ImageFeatures | None = None
    ) -> SmplMotion:
        """Return the motion of the person in the evidence; ``z = 0`` is the floor.

        The world's origin lies on the floor below the first frame's pelvis; its y axis is where the first
        camera looks.

        Args:
            evidence: What was seen.
            body: Body that the motion is to be of.
            progress: Of the whole.
            images: Features of the pictures at the network's rate (:func:`at_network_rate`), for weights that were
                trained with them. Without them they are given zeros, a state that they know.

        Raises:
            WeightsWithoutImages: Image features are given to weights that have no use for them.
            TooLittleEvidence: A person is visible in too few frames.
            InvalidArray: The intrinsics belong to no camera, or gravity is a zero vector.
            UnusableWeights: The weights' file is damaged.
            WeightsOfAnotherBody: The weights speak of another body.
            DeviceMissing: The network is to run on a graphics card that is not there.
        """
        self.require_body(body)
        if images is not None:
            self.require_images()
        progress(0, 1)
        shown = at_network_rate(evidence)
        motion = at_rate_of(evidence, self._inference.motion(shown, body, self.config, images))
        progress(1, 1)
        return motion

    @cached_property
    def _inference(self) -> Inference:
        """The network; made when it is first needed."""
        from pipeline.estimators.gvhmr.inference import Inference
        from pipeline.estimators.gvhmr.weights import read_weights

        return Inference(self._given or read_weights(self._path), self.config.device)
