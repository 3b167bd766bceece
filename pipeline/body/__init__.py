"""The body: SMPL's joints and pose space with a skin, open by default, a user's licensed model on request."""

from pipeline.body.library import body_names, load_body
from pipeline.body.skinned_body import KEYPOINT_NAMES, SkinnedBody

__all__ = ["KEYPOINT_NAMES", "SkinnedBody", "body_names", "load_body"]
