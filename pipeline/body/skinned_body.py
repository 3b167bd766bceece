"""Turns a motion in SMPL's pose space into the moving skin of a body, and skin into keypoints.

Linear blend skinning after Loper et al., "SMPL: A Skinned Multi-Person Linear Model", SIGGRAPH Asia
2015, eq. 2-10; how it is computed is told in :mod:`pipeline.body.skinning`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int, UInt8
from scipy import sparse

from pipeline.body.exceptions import StaleRestJoints, WrongBody
from pipeline.body.skinning import blend, corrective_shift, skin_matrix
from pipeline.evidence import KEYPOINT_NAMES
from retarget.smpl_motion import SmplMotion
from retarget.smpl_skeleton import local_rotations
from robots.arrays import checked_array, freeze_fields
from robots.exceptions import InvalidArray

N_BETAS = 10
"""Shape directions of every body."""

N_POSE_FEATURES = 23 * 9
"""Entries of R - I of all joints but the pelvis, which pose correctives are linear in."""

MATERIAL_NAMES = ("skin", "shirt", "pants", "shoes", "hair", "eye")
"""What a face of the open body may be made of."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SkinnedBody:
    """A body with SMPL's 24 joints and pose space. Rest pose: y up, facing +z, arms out, +x is the person's left."""

    name: str
    """Which body it is; ``SmplMotion.body`` says it."""
    licence: str
    """Under which terms this body may be used."""
    template_verts: Float[np.ndarray, "verts 3"]
    """Vertices of the mean body in the rest pose [m]."""
    faces: Int[np.ndarray, "faces 3"]
    """Vertex numbers of each triangle, counter-clockwise seen from outside."""
    shape_dirs: Float[np.ndarray, "verts 3 10"]
    """How the vertices move per unit of each beta [m]."""
    template_joints: Float[np.ndarray, "24 3"]
    """Joints of the mean body in the rest pose [m]."""
    joint_shape_dirs: Float[np.ndarray, "24 3 10"]
    """How the joints move per unit of each beta [m]."""
    skin_weights: Float[np.ndarray, "verts 24"]
    """Share of each joint in the motion of each vertex (float32); rows sum to one."""
    face_material: UInt8[np.ndarray, " faces"]
    """Index into ``material_names`` of each triangle."""
    material_names: tuple[str, ...] = MATERIAL_NAMES
    """What ``face_material`` numbers."""
    keypoint_regressor: sparse.csr_array
    """Weights (21, verts) that make each of ``KEYPOINT_NAMES`` of the posed vertices."""
    pose_dirs: Float[np.ndarray, "verts 3 207"] | None = None
    """SMPL's pose correctives, per entry of R - I of joints 1 to 23 [m]; None where a body has none."""

    def __post_init__(self) -> None:
        """Check shapes, finiteness and that every index points somewhere."""
        dims: dict[str, int] = {}
        checked: dict[str, object] = {
            "template_verts": checked_array("template_verts", self.template_verts, ("verts", 3), dims),
            "shape_dirs": checked_array("shape_dirs", self.shape_dirs, ("verts", 3, N_BETAS), dims),
            "template_joints": checked_array("template_joints", self.template_joints, (24, 3)),
            "joint_shape_dirs": checked_array("joint_shape_dirs", self.joint_shape_dirs, (24, 3, N_BETAS)),
            "skin_weights": checked_array("skin_weights", self.skin_weights, ("verts", 24), dims, dtype=np.float32),
            "faces": checked_array("faces", self.faces, ("faces", 3), dims, dtype=np.int32),
            "face_material": checked_array("face_material", self.face_material, ("faces",), dims, dtype=np.uint8),
            "material_names": tuple(self.material_names),
            "keypoint_regressor": sparse.csr_array(self.keypoint_regressor, dtype=np.float64),
        }
        if self.pose_dirs is not None:
            shape = ("verts", 3, N_POSE_FEATURES)
            checked["pose_dirs"] = checked_array("pose_dirs", self.pose_dirs, shape, dims, dtype=np.float32)
        freeze_fields(self, checked)
        self._check_indices()

    def _check_indices(self) -> None:
        """Refuse faces, materials, weights and keypoints that do not fit the vertices."""
        n_verts = len(self.template_verts)
        if n_verts == 0 or len(self.faces) == 0:
            raise InvalidArray("faces", problem="the body has no skin")
        if self.faces.min() < 0 or self.faces.max() >= n_verts:
            raise InvalidArray("faces", problem=f"points outside of the {n_verts} vertices")
        if self.face_material.max() >= len(self.material_names):
            raise InvalidArray("face_material", problem=f"points outside of {self.material_names}")
        if np.abs(self.skin_weights.sum(axis=1) - 1.0).max() > 1e-3:
            raise InvalidArray("skin_weights", problem="has rows that do not sum to one")
        wanted, found = (len(KEYPOINT_NAMES), n_verts), self.keypoint_regressor.shape
        if found != wanted:
            raise InvalidArray("keypoint_regressor", problem=f"has shape {found}, expected {wanted}")
        try:  # SciPy does not look at the column numbers otherwise, and reads outside of the array
            self.keypoint_regressor.check_format(full_check=True)
        except ValueError as error:
            raise InvalidArray("keypoint_regressor", problem=str(error)) from error
        checked_array("keypoint_regressor", self.keypoint_regressor.data, ("weights",))

    def rest_joints(self, betas: Float[np.ndarray, " 10"]) -> Float[np.ndarray, "24 3"]:
        """Joints of the shaped body in the rest pose [m]."""
        return self.template_joints + self.joint_shape_dirs @ checked_array("betas", betas, (N_BETAS,))

    def rest_verts(self, betas: Float[np.ndarray, " 10"]) -> Float[np.ndarray, "verts 3"]:
        """Vertices of the shaped body in the rest pose [m]."""
        return self.template_verts + self.shape_dirs @ checked_array("betas", betas, (N_BETAS,))

    def height(self, betas: Float[np.ndarray, " 10"]) -> float:
        """Stature [m]: from the mean body's lowest to its highest vertex, hence linear in the betas."""
        mean, per_beta = self._stature()
        return mean + float(per_beta @ checked_array("betas", betas, (N_BETAS,)))

    def betas_for_height(self, height_m: float) -> Float[np.ndarray, " 10"]:
        """Return the betas of smallest norm, hence the likeliest, that give this stature [m].

        Raises:
            InvalidArray: The height is not a positive number.
        """
        if not (np.isfinite(height_m) and height_m > 0):
            raise InvalidArray("height_m", problem=f"must be a positive number of metres, got {height_m}")
        mean, per_beta = self._stature()
        return per_beta * ((height_m - mean) / (per_beta @ per_beta))

    def _stature(self) -> tuple[float, Float[np.ndarray, " 10"]]:
        """Stature of the mean body [m] and its change per unit of each beta."""
        crown, sole = self.template_verts[:, 1].argmax(), self.template_verts[:, 1].argmin()
        mean = float(self.template_verts[crown, 1] - self.template_verts[sole, 1])
        return mean, self.shape_dirs[crown, 1] - self.shape_dirs[sole, 1]

    def motion(
        self,
        fps: float,
        betas: Float[np.ndarray, " 10"],
        global_orient: Float[np.ndarray, "frames 3"],
        body_pose: Float[np.ndarray, "frames 21 3"],
        transl: Float[np.ndarray, "frames 3"],
        foot_contact: Float[np.ndarray, "frames 2"] | None = None,
    ) -> SmplMotion:
        """Make a motion of this body: the same parameters, with its name and its rest joints."""
        return SmplMotion(
            fps=fps,
            body=self.name,
            betas=betas,
            rest_joint_pos=self.rest_joints(betas),
            global_orient=global_orient,
            body_pose=body_pose,
            transl=transl,
            foot_contact=foot_contact,
        )

    def verts(self, motion: SmplMotion) -> Float[np.ndarray, "frames verts 3"]:
        """Pose the skin in the world [m]; needs 24 bytes a vertex and frame, :meth:`iter_verts` does not.

        Raises:
            WrongBody: The motion belongs to another body.
            StaleRestJoints: The motion's rest joints are not this body's.
        """
        out = np.empty((len(motion), len(self.template_verts), 3))
        start = 0
        for part in self.iter_verts(motion):
            out[start : start + len(part)] = part
            start += len(part)
        return out

    def iter_verts(self, motion: SmplMotion, chunk_frames: int = 32) -> Iterator[Float[np.ndarray, "chunk verts 3"]]:
        """Pose the skin in the world [m], some frames at a time, so that memory does not grow with the motion.

        Raises:
            WrongBody: The motion belongs to another body.
            StaleRestJoints: The motion's rest joints are not this body's.
        """
        yield from self._iter_points(motion, None, chunk_frames)

    def points(self, motion: SmplMotion, regressor: sparse.csr_array) -> Float[np.ndarray, "frames points 3"]:
        """Weighted means of posed vertices [m] without posing all of the skin: microseconds a frame.

        Args:
            motion: A motion of this body.
            regressor: Weights (points, verts); see :attr:`keypoint_regressor`.

        Raises:
            WrongBody: The motion belongs to another body.
            StaleRestJoints: The motion's rest joints are not this body's.
        """
        return np.concatenate(list(self._iter_points(motion, sparse.csr_array(regressor), 256)))

    def keypoints(self, verts_w: Float[np.ndarray, "frames verts 3"]) -> Float[np.ndarray, "frames 21 3"]:
        """COCO-17 keypoints, then heels and toes, of posed vertices [m].

        Raises:
            InvalidArray: These are not vertices of this body.
        """
        if np.ndim(verts_w) != 3 or np.shape(verts_w)[1:] != self.template_verts.shape:
            wanted = f"(frames, {len(self.template_verts)}, 3)"
            raise InvalidArray("verts_w", problem=f"has shape {np.shape(verts_w)}, expected {wanted}")
        return np.array([self.keypoint_regressor @ frame for frame in verts_w]).reshape(-1, len(KEYPOINT_NAMES), 3)

    def motion_keypoints(self, motion: SmplMotion) -> Float[np.ndarray, "frames 21 3"]:
        """Same as :meth:`keypoints` of :meth:`verts`, without posing all of the skin."""
        return self.points(motion, self.keypoint_regressor)

    def _iter_points(
        self, motion: SmplMotion, regressor: sparse.csr_array | None, chunk_frames: int
    ) -> Iterator[Float[np.ndarray, "chunk points 3"]]:
        """Pose all vertices, or the points that a regressor makes of them."""
        rest_joints = self._checked_rest_joints(motion)
        weights = self.skin_weights.astype(np.float64)  # float32 rows miss one by 1e-7: 0.1 mm a kilometre away
        weights = sparse.csr_array(weights / weights.sum(axis=1, keepdims=True))
        skin = skin_matrix(self.rest_verts(motion.betas), weights)
        used = np.arange(len(self.template_verts))
        if regressor is not None:
            skin, used = sparse.csr_array(regressor @ skin), np.unique(regressor.indices)
            regressor, weights = regressor[:, used], weights[used]
        correctives = self.pose_dirs if self.pose_dirs is None or regressor is None else self.pose_dirs[used]
        pos_w, rot_w = motion.joints()
        local_rotation = local_rotations(motion.global_orient, motion.body_pose)
        for start in range(0, len(motion), chunk_frames):
            part = slice(start, start + chunk_frames)
            points = blend(skin, pos_w[part], rot_w[part], rest_joints)
            if correctives is not None:
                shift = corrective_shift(correctives, weights, local_rotation[part], rot_w[part])
                points += shift if regressor is None else np.stack([regressor @ frame for frame in shift])
            yield points

    def _checked_rest_joints(self, motion: SmplMotion) -> Float[np.ndarray, "24 3"]:
        """Return the rest joints the motion was made with, if they are this body's."""
        if motion.body != self.name:
            raise WrongBody(motion.body, body=self.name)
        worst = float(np.abs(self.rest_joints(motion.betas) - motion.rest_joint_pos).max())
        if worst > 1e-4:  # a motion may have been stored in float32; a tenth of a millimetre is no other skeleton
            raise StaleRestJoints(self.name, worst_m=worst)
        return motion.rest_joint_pos
