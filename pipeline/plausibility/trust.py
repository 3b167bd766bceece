"""Turns the trust in a motion's joints into a measurement: how much of it was hardly seen."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from pipeline.measurement import Measurement, spans_where
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

_THIN = 0.5
_LIMB_JOINTS = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
_MAIN_JOINTS = [
    SMPL_JOINT_NAMES.index(name)
    for name in ("pelvis", *(f"{side}_{joint}" for side in ("left", "right") for joint in _LIMB_JOINTS))
]
"""Joints that make a pose; the others follow from them, or hardly move."""


def measure_trust(joint_trust: Float[np.ndarray, "frames 24"]) -> tuple[Measurement, ...]:
    """Measure in how many frames the main joints were hardly seen.

    Args:
        joint_trust: Weight in [0, 1] of each joint, from the estimator.
    """
    thin = joint_trust[:, _MAIN_JOINTS].mean(axis=1) < _THIN
    return (
        Measurement(
            name="thin_evidence_share",
            value=float(thin.mean()),
            unit="1",
            meaning="Share of frames in which the main joints were hardly seen (mean trust below 0.5)",
            series=thin.astype(float),
            spans=spans_where(thin),
        ),
    )
