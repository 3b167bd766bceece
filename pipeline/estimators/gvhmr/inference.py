"""Turns sighted evidence into a motion at the network's rate: asks GVHMR's network and places what it says.

Everything of the estimator that needs torch; :mod:`pipeline.estimators.gvhmr.gvhmr_estimator` wakes it when it
estimates.
"""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np
import torch
from jaxtyping import Float32
from scipy.spatial.transform import Rotation
from scipy.special import expit
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipeline.body import SkinnedBody
from pipeline.estimators.exceptions import DeviceMissing
from pipeline.estimators.gvhmr.both_ways import mean_prediction, mirrored_prediction, mirrored_sighted
from pipeline.estimators.gvhmr.camera import camera_turn
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gravity import STILL_CAMERA_RAD, Y_UP_TO_Z_UP, turn_of_camera
from pipeline.estimators.gvhmr.inputs import network_inputs
from pipeline.estimators.gvhmr.network import NetworkInputs, NetworkOutputs
from pipeline.estimators.gvhmr.original import correct, recover
from pipeline.estimators.gvhmr.prediction import Prediction, prediction_of
from pipeline.estimators.gvhmr.refinement import refined
from pipeline.estimators.gvhmr.sighting import Sighted, sight
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.weights import GvhmrWeights
from pipeline.estimators.gvhmr.world import Placed, place
from pipeline.estimators.image_features import ImageFeatures
from pipeline.estimators.joint_trust import joint_trust
from pipeline.evidence import Evidence
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

Moved = TypeVar("Moved", NetworkInputs, NetworkOutputs)


class Inference:
    """The network, ready to be asked."""

    def __init__(self, weights: GvhmrWeights, device: str = "cpu") -> None:
        """Make the network and put it where it runs; all else is done on the processor.

        Raises:
            DeviceMissing: There is no such device.
        """
        if device == "cuda" and not torch.cuda.is_available():
            raise DeviceMissing(device, torch_version=torch.__version__)
        self._shape = weights.shape
        self._device = torch.device(device)
        self._network, self._codec = weights.network().to(self._device), weights.codec()

    def motion(
        self, shown: Evidence, body: SkinnedBody, config: GvhmrConfig, images: ImageFeatures | None = None
    ) -> SmplMotion:
        """Return the motion in evidence of the network's rate.

        Raises:
            TooLittleEvidence: A person is visible in too few frames.
            InvalidArray: The intrinsics belong to no camera, gravity is a zero vector, or the image features are of
                another clip or of another network.
        """
        tokens, mirrored_tokens = self._tokens(shown, config, images)
        sighted = sight(shown, with_detail=self._shape.detail_features > 0)
        if config.world == "original":
            outputs = self.ask(sighted, config.precision, plainly=True, tokens=tokens)
            prediction = _sized(self._read(outputs, sighted, body), body, config.height_m)
            placed = self._placed_as_published(outputs, sighted, shown, body, config)
        else:
            prediction = self._read(self.ask(sighted, config.precision, tokens=tokens), sighted, body)
            if config.mirrored_too:
                mirrored = mirrored_sighted(sighted, shown.image_size[0])
                said = self._read(self.ask(mirrored, config.precision, tokens=mirrored_tokens), mirrored, body)
                prediction = mean_prediction(prediction, mirrored_prediction(said))
            prediction = _sized(prediction, body, config.height_m)
            if config.refine:
                prediction = refined(prediction, sighted, body)
            placed = place(prediction, sighted.usable, shown, body, config)
        pose = Rotation.from_matrix(placed.local_rotation.reshape(-1, 3, 3)).as_rotvec().reshape(-1, 22, 3)
        motion = body.motion(
            fps=shown.fps,
            betas=prediction.betas,
            global_orient=pose[:, 0],
            body_pose=pose[:, 1:],
            transl=placed.pelvis_w - body.rest_joints(prediction.betas)[0],
            foot_contact=placed.foot_contact,
        )
        return replace(motion, joint_trust=joint_trust(sighted.keypoint_seen, shown.fps))

    def ask(
        self,
        sighted: Sighted,
        precision: str = "float32",
        *,
        plainly: bool = False,
        tokens: Float32[np.ndarray, "frames features"] | None = None,
    ) -> NetworkOutputs:
        """Run the network.

        Args:
            sighted: What it is shown.
            precision: What it computes in, ``float32`` or ``bfloat16``.
            plainly: Round as the original's attention does; its yaw chain makes milliradians of the last digits.
            tokens: Image features, where there are any.
        """
        inputs = network_inputs(sighted.sighting, sighted.bbx_xys, with_detail=self._shape.detail_features > 0)
        if self._shape.image_features:
            # Without pictures the published network was trained with zeros as their features, not without the branch.
            blank = torch.zeros(*inputs.obs.shape[:2], self._shape.image_features)
            inputs = replace(inputs, imgseq=blank if tokens is None else torch.from_numpy(tokens.copy())[None])
        half = torch.autocast(self._device.type, torch.bfloat16, enabled=precision == "bfloat16")
        with torch.no_grad(), half, sdpa_kernel(SDPBackend.MATH) if plainly else nullcontext():
            return moved(self._network(moved(inputs, self._device)), torch.device("cpu"))

    def _tokens(
        self, shown: Evidence, config: GvhmrConfig, images: ImageFeatures | None
    ) -> tuple[np.ndarray | None, np.ndarray | None]:
        """Return features of the pictures and of their mirror images, if they are this clip's and this network's."""
        if images is None:
            return None, None
        wanted = (len(shown), self._shape.image_features)
        if images.tokens.shape != wanted:
            problem = f"has shape {images.tokens.shape}, and the network takes {wanted} of this clip"
            raise InvalidArray("images", problem=problem)
        if images.mirrored is None and config.looks_at_mirror_images:
            raise InvalidArray("images", problem="has no features of the mirror images, which are to be asked of too")
        return images.tokens, images.mirrored

    def _read(self, outputs: NetworkOutputs, sighted: Sighted, body: SkinnedBody) -> Prediction:
        return prediction_of(outputs, self._codec, Skeleton.of(body), sighted.bbx_xys, sighted.sighting.K)

    def _placed_as_published(
        self, outputs: NetworkOutputs, sighted: Sighted, shown: Evidence, body: SkinnedBody, config: GvhmrConfig
    ) -> Placed:
        """Place by the original's own steps; a stature that is known scales the path afterwards."""
        skeleton, sighting = Skeleton.of(body), sighted.sighting
        K = sighting.K[:, None].expand(-1, len(shown), -1, -1)
        recovered = recover(outputs, self._codec, sighted.bbx_xys, K, camera_turn(sighting.R_w2c))
        world = correct(recovered, skeleton, static_camera=_is_on_tripod(shown, config)).world
        local = world.local_rotation[0].double().numpy().copy()
        local[:, 0] = Y_UP_TO_Z_UP @ local[:, 0]
        rest = skeleton.rest_joints(world.betas[0, 0])[0]
        pelvis = (world.transl[0] + rest).double().numpy() @ Y_UP_TO_Z_UP.T
        pelvis[:, :2] -= pelvis[0, :2]
        if config.height_m is not None:
            pelvis *= config.height_m / body.height(world.betas[0, 0].double().numpy())
        stands = expit(outputs.static_logits[0].double().numpy())
        contact = np.stack([stands[:, :2].max(axis=1), stands[:, 2:4].max(axis=1)], axis=1)
        return Placed(local_rotation=local, pelvis_w=pelvis, foot_contact=contact)


def moved(record: Moved, device: torch.device) -> Moved:
    """Return a record whose tensors are on a device."""
    tensors = {f.name: getattr(record, f.name) for f in fields(record)}
    return replace(record, **{n: value.to(device) for n, value in tensors.items() if isinstance(value, torch.Tensor)})


def _sized(prediction: Prediction, body: SkinnedBody, height_m: float | None) -> Prediction:
    """Give the person the stature that is known; all that is measured in bodies grows with it."""
    if height_m is None:
        return prediction
    ratio = height_m / body.height(prediction.betas)
    return replace(
        prediction,
        betas=body.betas_for_height(height_m),
        velocity=ratio * prediction.velocity,
        pelvis_c=ratio * prediction.pelvis_c,
    )


def _is_on_tripod(shown: Evidence, config: GvhmrConfig) -> bool:
    """Say what a user of the published program would: a camera that never turned stands still."""
    if config.camera != "auto":
        return config.camera == "static"
    return turn_of_camera(shown.R_w2c) < STILL_CAMERA_RAD
