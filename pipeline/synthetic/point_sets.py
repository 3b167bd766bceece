"""Names the points a detector reports, and makes BlazePose's 33 landmarks of a body's vertices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from pipeline.body import SkinnedBody
from pipeline.evidence import KEYPOINT_NAMES, LANDMARK_NAMES
from retarget.smpl_skeleton import SMPL_JOINT_NAMES

KEYPOINT_LANDMARKS = tuple(LANDMARK_NAMES.index(name) for name in KEYPOINT_NAMES)
"""Which landmark each of the 21 keypoints is."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class PointSet:
    """Where the trunk, the legs and the sides are among a detector's points."""

    names: tuple[str, ...]
    """Name of each point."""

    def index(self, *names: str) -> list[int]:
        """Return the numbers of points."""
        return [self.names.index(name) for name in names]

    @property
    def sides(self) -> Float[np.ndarray, " points"]:
        """+1 for points of the left side, -1 for those of the right, 0 for the middle."""
        return np.array([1.0 if "left" in name else -1.0 if "right" in name else 0.0 for name in self.names])

    def limb(self, name: str) -> Int[np.ndarray, " members"]:
        """Numbers of the points of a limb, from the joint that moves it outwards."""
        side, _, part = name.partition("_")
        parts = _LIMB_PARTS[part]
        return np.array([i for i, n in enumerate(self.names) if n.startswith(side) and n[len(side) + 1 :] in parts])

    def with_root(self, limb: str) -> list[str]:
        """Names of the points of a limb, shoulder or hip included."""
        side, _, part = limb.partition("_")
        root = f"{side}_{'shoulder' if part == 'arm' else 'hip'}"
        return [root, *(self.names[i] for i in self.limb(limb))]


_LIMB_PARTS = {
    "arm": ("elbow", "wrist", "pinky", "index", "thumb"),
    "leg": ("knee", "ankle", "heel", "toe"),
}

LIMBS = ("left_arm", "right_arm", "left_leg", "right_leg")
"""What a burst of errors befalls."""

KEYPOINTS = PointSet(names=tuple(KEYPOINT_NAMES))
"""The 21 points reported in pixels."""

LANDMARKS = PointSet(names=LANDMARK_NAMES)
"""The 33 points reported in metres."""


def _kin(name: str) -> int:
    """Return the keypoint that a landmark is, or that lies nearest to it."""
    if "eye_" in name:
        name = name[: name.index("eye_") + 3]
    side, _, part = name.partition("_")
    if part in ("pinky", "index", "thumb"):
        name = f"{side}_wrist"
    return KEYPOINT_NAMES.index("nose" if side == "mouth" else name)


LANDMARK_KEYPOINT = tuple(_kin(name) for name in LANDMARK_NAMES)
"""The keypoint that each landmark is or lies nearest to; they err together."""


def _parents(name: str) -> tuple[str, ...]:
    """Landmarks in whose middle the bone of a landmark begins; none for the hips, which begin between them."""
    side, _, part = name.partition("_")
    if part == "hip":
        return ()
    if part == "ear":
        return ("left_shoulder", "right_shoulder")
    if name == "nose":
        return ("left_ear", "right_ear")
    nearer = {"shoulder": "hip", "elbow": "shoulder", "wrist": "elbow", "pinky": "wrist", "index": "wrist",
              "thumb": "wrist", "knee": "hip", "ankle": "knee", "heel": "ankle", "toe": "ankle"}  # fmt: skip
    return (f"{side}_{nearer[part]}",) if part in nearer else ("nose",)


def _bones() -> Float[np.ndarray, "33 33"]:
    rows = np.eye(len(LANDMARK_NAMES))
    for number, name in enumerate(LANDMARK_NAMES):
        for parent in _parents(name):
            rows[number, LANDMARK_NAMES.index(parent)] -= 1.0 / len(_parents(name))
    return rows


BONES = _bones()
"""Takes landmarks about the middle of the hips to their bones; its inverse strings bones together again."""


def landmark_regressor(body: SkinnedBody) -> sparse.csr_array:
    """Weights (33, verts) that make BlazePose's landmarks of the posed vertices.

    The 21 that are keypoints too are the body's own. Eyes lie beside the body's own eye points, corners of the mouth
    between nose and chin, fingers where the skin of each hand reaches that way furthest; each is the mean of the
    nearest vertices, so that it moves with the skin.
    """
    rows = sparse.lil_array((len(LANDMARK_NAMES), len(body.template_verts)))
    shared = sparse.csr_array(body.keypoint_regressor)
    for keypoint, landmark in enumerate(KEYPOINT_LANDMARKS):
        rows[[landmark]] = shared[[keypoint]]
    for name, members in _own_places(body).items():
        rows[[LANDMARK_NAMES.index(name)], members] = 1.0 / len(members)
    return sparse.csr_array(rows)


def _own_places(body: SkinnedBody) -> dict[str, Int[np.ndarray, " members"]]:
    """Vertices about each landmark that is no keypoint, on the mean body at rest (y up, +x left, +z forward)."""
    verts = body.template_verts
    points: dict[str, np.ndarray] = dict(zip(KEYPOINT_NAMES, body.keypoint_regressor @ verts, strict=True))
    wanted = {}
    for side, outward in (("left", 1.0), ("right", -1.0)):
        eye = points[f"{side}_eye"]
        wanted[f"{side}_eye_inner"] = eye - [outward * 0.014, 0.0, 0.0]
        wanted[f"{side}_eye_outer"] = eye + np.array([outward * 0.014, 0.0, -0.005])
        wanted[f"mouth_{side}"] = points["nose"] + [outward * 0.025, -0.045, -0.02]
        wanted |= {f"{side}_{finger}": place for finger, place in _fingers(body, side).items()}
    return {name: _nearest(verts, place) for name, place in wanted.items()}


def _fingers(body: SkinnedBody, side: str) -> dict[str, Float[np.ndarray, " 3"]]:
    """Knuckles of little and index finger and of the thumb; palms face down at rest, thumbs forward."""
    wrist, hand = (SMPL_JOINT_NAMES.index(f"{side}_{part}") for part in ("wrist", "hand"))
    joints = body.template_joints
    along = joints[hand] - joints[wrist]
    along /= np.linalg.norm(along)
    across = np.array([0.0, 0.0, 1.0]) - along[2] * along
    across /= np.linalg.norm(across)
    knuckles = joints[hand]
    return {
        "pinky": knuckles - 0.03 * across,
        "index": knuckles + 0.03 * across,
        "thumb": joints[wrist] + 0.05 * along + 0.045 * across,
    }


def _nearest(verts: Float[np.ndarray, "verts 3"], place: Float[np.ndarray, " 3"], count: int = 4) -> np.ndarray:
    return np.argsort(np.linalg.norm(verts - place, axis=1), kind="stable")[:count]
