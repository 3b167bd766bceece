"""Turns a robot's poses and the labels of its feet into the points at which the floor may push, frame by frame.

The floor is a horizontal plane. A constant error of its height, as a stance shows it, is no matter of forces and is
taken off; :attr:`ContactPoints.floor_height` says how much.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import mujoco
import numpy as np
from jaxtyping import Bool, Float, Int
from scipy.spatial import ConvexHull

from robots.arrays import check_settings, checked_array, freeze_fields
from robots.exceptions import InvalidArray, UnknownName, UnsupportedShape
from robots.model import RobotModel

FootRule = Literal["either", "labels", "geometry"]
"""What may say that a foot touches."""

CHUNK = 1024
"""Frames whose geometry is held at once: bounds the memory for motions of any length."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContactRules:
    """When a point of the robot counts as touching the floor.

    The distances of the feet are those with which PBHC's released motions were measured elsewhere.
    """

    feet: FootRule = "either"
    """Which feet touch: those that are labelled, those that are low (``geometry``), or those that are either."""
    label_prob: float = 0.5
    """A foot may push from this probability on. One that says 0.5 for both feet, as the padding of PBHC's files does,
    says neither: forces take it at its best (the padded robot does stand), while figures of skate leave it out."""
    label_reach: float = 0.10
    """A label higher over the floor than this is wrong, and is not followed [m]."""
    foot_near: float = 0.025
    """A sole lower than this touches, whatever its label [m]."""
    sole_depth: float = 0.03
    """Of a foot that touches, the points up to this far over its lowest one do [m]."""
    ball: float = 0.6
    """Where along the sole, from the heel, its ball is: a foot on its toes stands between there and the tip."""
    body_near: float = 0.02
    """Any other part of the robot touches below this height [m]."""
    floor_offset: float = 0.10
    """A constant height of the stance up to this is taken off; beyond it, the feet do not stand on that floor [m]."""

    def __post_init__(self) -> None:
        """Check that distances are positive, the probability is one, and the rule is known."""
        if self.feet not in get_args(FootRule):
            raise UnknownName("rule for feet", self.feet, get_args(FootRule))
        check_settings(self, positive=("foot_near", "body_near"), below_one=("ball",), at_most_one=("label_prob",))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ContactPoints:
    """The points that may carry force in each frame, one after the other; a frame in the air has none."""

    starts: Int[np.ndarray, " frames+1"]
    """The points of frame i are the rows ``starts[i]:starts[i + 1]`` of the arrays below."""
    pos_w: Float[np.ndarray, "points 3"]
    """Where they are [m]."""
    body: Int[np.ndarray, " points"]
    """Link that each belongs to, an index into the robot's ``body_names``."""
    identity: Int[np.ndarray, " points"]
    """Number of the point on the robot: the same corner of the same sole has the same in every frame."""
    floor_height: float
    """Height of the floor that the points are held against [m]: the constant error of the stance."""

    def __post_init__(self) -> None:
        """Check that the arrays agree and that the frames' rows follow each other."""
        dims: dict[str, int] = {}
        starts = checked_array("starts", self.starts, ("n",), dtype=np.int64)
        pos_w = checked_array("pos_w", self.pos_w, ("points", 3), dims)
        if len(starts) < 1 or starts[0] != 0 or starts[-1] != len(pos_w) or (np.diff(starts) < 0).any():
            raise InvalidArray("starts", problem="does not divide the points into frames")
        fields = {
            name: checked_array(name, getattr(self, name), ("points",), dims, dtype=np.int64)
            for name in ("body", "identity")
        }
        freeze_fields(self, {"starts": starts, "pos_w": pos_w, **fields})

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.starts) - 1

    @property
    def frame(self) -> Int[np.ndarray, " points"]:
        """Frame of each point."""
        return np.repeat(np.arange(len(self)), np.diff(self.starts))

    def of_frames(self, chosen: Bool[np.ndarray, " frames"]) -> ContactPoints:
        """Return the points of the chosen frames, which follow each other without a gap."""
        kept = chosen[self.frame]
        return ContactPoints(
            starts=np.concatenate([[0], np.cumsum(np.diff(self.starts)[chosen])]),
            pos_w=self.pos_w[kept],
            body=self.body[kept],
            identity=self.identity[kept],
            floor_height=self.floor_height,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Soles:
    """Points along the edges of both soles."""

    bodies: tuple[int, int]
    """MuJoCo's numbers of the feet."""
    points_b: Float[np.ndarray, "outline 3"]

    @classmethod
    def of(cls, model: mujoco.MjModel, robot: RobotModel, ball: float) -> _Soles:
        left, right = (int(model.body(name).id) for name in robot.foot_body_names)
        flat = robot.sole_points_b
        outline = sole_outline(flat[:, :2], _rim(model, left, float(flat[:, 0].max())), ball)
        return cls(bodies=(left, right), points_b=np.column_stack([outline, np.full(len(outline), flat[:, 2].min())]))

    def places(self, pos_w: Float[np.ndarray, "frames 2 3"], rot_w: Float[np.ndarray, "frames 2 3 3"]) -> np.ndarray:
        """Where the points are at poses of the feet, ``(frames, 2, outline, 3)`` [m]."""
        return np.einsum("fsij,pj->fspi", rot_w, self.points_b) + pos_w[:, :, None]

    @staticmethod
    def touching(
        height: Float[np.ndarray, "frames 2 outline"], labelled: Bool[np.ndarray, "frames 2"], rules: ContactRules
    ) -> Bool[np.ndarray, "frames 2 outline"]:
        """Which points touch, by their heights over the floor [m]."""
        lowest = height.min(axis=2)
        low, said = lowest < rules.foot_near, labelled & (lowest < rules.label_reach)
        foot = {"either": low | said, "labels": said, "geometry": low}[rules.feet]
        return foot[..., None] & (height - lowest[..., None] < rules.sole_depth)


def contact_points(
    robot: RobotModel,
    qpos: Float[np.ndarray, "frames nq"],
    foot_contact: Float[np.ndarray, "frames 2"],
    rules: ContactRules,
    floor_height: float | None = None,
) -> ContactPoints:
    """Find what may touch the floor: soles that are labelled or low, and every other part that is low.

    Args:
        robot: The robot.
        qpos: Generalised positions.
        foot_contact: Probability that the left and right foot bears weight.
        rules: Distances, and whether to follow the labels.
        floor_height: Height of the floor [m]; None: as the stance shows it (:func:`stance_height`).

    Raises:
        UnsupportedShape: A shape of the robot that collides is none of sphere, capsule, cylinder, ellipsoid and box.
    """
    model = robot.mj_model()
    data = mujoco.MjData(model)
    soles = _Soles.of(model, robot, rules.ball)
    geoms = [geom for geom in _solid(model) if model.geom_bodyid[geom] not in soles.bodies]
    labelled = np.asarray(foot_contact >= rules.label_prob)
    floor = stance_height(robot, qpos, foot_contact, rules) if floor_height is None else floor_height
    counts, points, identities = [np.zeros(1, dtype=np.int64)], [np.empty((0, 3))], [np.empty(0, dtype=np.int64)]
    for start in range(0, len(qpos), CHUNK):
        rows = slice(start, start + CHUNK)
        places, on_soles = _places(model, data, soles, geoms, qpos[rows])
        height = places[..., 2] - floor
        soles_touch = soles.touching(height[:, :on_soles].reshape(len(places), 2, -1), labelled[rows], rules)
        others_touch = height[:, on_soles:] < rules.body_near
        touching = np.concatenate([soles_touch.reshape(len(places), -1), others_touch], axis=1)
        counts.append(touching.sum(axis=1))
        points.append(places[touching])
        identities.append(np.nonzero(touching)[1])
    identity = np.concatenate(identities)
    return ContactPoints(
        starts=np.cumsum(np.concatenate(counts)),
        pos_w=np.concatenate(points),
        body=_owners(model, soles, geoms)[identity] - 1,  # MuJoCo's body 0 is the world
        identity=identity,
        floor_height=floor,
    )


def _places(
    model: mujoco.MjModel, data: mujoco.MjData, soles: _Soles, geoms: list[int], qpos: Float[np.ndarray, "frames nq"]
) -> tuple[Float[np.ndarray, "frames candidates 3"], int]:
    """Where everything that might touch is in each frame [m], the soles first, and how many points are on soles."""
    body_pos, body_rot, geom_pos, geom_rot = _poses(model, data, qpos)
    feet = list(soles.bodies)
    sole_w = soles.places(body_pos[:, feet], body_rot[:, feet]).reshape(len(qpos), -1, 3)
    others = (_lowest_points(model, geom, geom_pos[:, geom], geom_rot[:, geom]) for geom in geoms)
    return np.concatenate([sole_w, *others], axis=1), sole_w.shape[1]


def stance_height(
    robot: RobotModel,
    qpos: Float[np.ndarray, "frames nq"],
    foot_contact: Float[np.ndarray, "frames 2"],
    rules: ContactRules,
) -> float:
    """Return the height at which a robot stands all the time, to be taken off before forces are asked for [m].

    The median height of the lower of the labelled soles; 0 without labels, or where it is too far off to be a floor.
    """
    model = robot.mj_model()
    data = mujoco.MjData(model)
    soles = _Soles.of(model, robot, rules.ball)
    feet = list(soles.bodies)
    heights = [np.empty(0)]
    for start in range(0, len(qpos), CHUNK):
        rows = slice(start, start + CHUNK)
        pos, rot, _, _ = _poses(model, data, qpos[rows])
        sole = soles.places(pos[:, feet], rot[:, feet])[..., 2].min(axis=2)
        lower = np.where(foot_contact[rows] >= rules.label_prob, sole, np.inf).min(axis=1)
        heights.append(lower[np.isfinite(lower)])
    standing = np.concatenate(heights)
    offset = float(np.median(standing)) if len(standing) else 0.0
    return offset if abs(offset) <= rules.floor_offset else 0.0


def sole_outline(flat: Float[np.ndarray, "points 2"], rim: float, ball: float) -> Float[np.ndarray, "outline 2"]:
    """Return the corners of a sole and both sides of its ball, counter-clockwise, x forward [m].

    Args:
        flat: Points of the flat part of the sole.
        rim: Width of what surrounds the flat part [m].
        ball: Where along the flat part, from its heel, its ball is.
    """
    hull = flat[ConvexHull(flat).vertices]
    heel, tip = hull[:, 0].min(), hull[:, 0].max()
    x = heel + ball * (tip - heel)
    outline = []
    for start, end in zip(hull, np.roll(hull, -1, axis=0), strict=True):
        outline.append(start)
        if (start[0] - x) * (end[0] - x) < 0:
            outline.append(start + (x - start[0]) / (end[0] - start[0]) * (end - start))
    corners = np.array(outline)
    along = np.roll(corners, -1, axis=0) - corners
    outward = np.column_stack([along[:, 1], -along[:, 0]]) / np.linalg.norm(along, axis=1, keepdims=True)
    aside = outward + np.roll(outward, 1, axis=0)
    return corners + rim * aside / np.linalg.norm(aside, axis=1, keepdims=True)


def _rim(model: mujoco.MjModel, foot: int, tip: float) -> float:
    """How far the solid shapes of a foot reach beyond the tip of its flat sole [m]."""
    reach = [tip]
    forward_is_down = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    for geom in _solid(model):
        if model.geom_bodyid[geom] == foot:
            rot = np.empty(9)
            mujoco.mju_quat2Mat(rot, model.geom_quat[geom])
            turned = (forward_is_down @ rot.reshape(3, 3))[None]
            reach.append(
                -_lowest_points(model, geom, (forward_is_down @ model.geom_pos[geom])[None], turned)[..., 2].min()
            )
    return max(reach) - tip


def _solid(model: mujoco.MjModel) -> list[int]:
    """Shapes of the robot that collide."""
    collides = (model.geom_contype | model.geom_conaffinity) > 0
    return np.flatnonzero((model.geom_bodyid > 0) & collides).tolist()


def _owners(model: mujoco.MjModel, soles: _Soles, geoms: list[int]) -> Int[np.ndarray, " candidates"]:
    """MuJoCo's number of the body that carries each point that might touch."""
    others = [np.repeat(model.geom_bodyid[geom], _n_lowest(model, geom)) for geom in geoms]
    return np.concatenate([np.repeat(soles.bodies, len(soles.points_b)), *others]).astype(np.int64)


def _poses(
    model: mujoco.MjModel, data: mujoco.MjData, qpos: Float[np.ndarray, "frames nq"]
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Positions and rotation matrices of all bodies, then of all shapes, in each frame."""
    frames = len(qpos)
    body_pos, body_rot = np.empty((frames, model.nbody, 3)), np.empty((frames, model.nbody, 9))
    geom_pos, geom_rot = np.empty((frames, model.ngeom, 3)), np.empty((frames, model.ngeom, 9))
    for frame in range(frames):
        data.qpos[:] = qpos[frame]
        mujoco.mj_kinematics(model, data)
        body_pos[frame], body_rot[frame] = data.xpos, data.xmat
        geom_pos[frame], geom_rot[frame] = data.geom_xpos, data.geom_xmat
    return body_pos, body_rot.reshape(frames, -1, 3, 3), geom_pos, geom_rot.reshape(frames, -1, 3, 3)


def _n_lowest(model: mujoco.MjModel, geom: int) -> int:
    """How many points of a shape may carry it: its two ends if it is long, else one."""
    return 2 if model.geom_type[geom] in (mujoco.mjtGeom.mjGEOM_CAPSULE, mujoco.mjtGeom.mjGEOM_CYLINDER) else 1


def _lowest_points(
    model: mujoco.MjModel, geom: int, pos_w: Float[np.ndarray, "frames 3"], rot_w: Float[np.ndarray, "frames 3 3"]
) -> Float[np.ndarray, "frames ends 3"]:
    """Lowest points of a shape: of both ends if it is long, else the lowest of all [m]."""
    kind, size = mujoco.mjtGeom(model.geom_type[geom]), model.geom_size[geom]
    down_b = -rot_w[:, 2]  # the vertical in the shape's own axes
    if kind == mujoco.mjtGeom.mjGEOM_SPHERE:
        reach = size[0] * down_b[:, None]
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        reach = size[0] * down_b[:, None] + _ends(size[1])
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        across = np.hypot(down_b[:, 0], down_b[:, 1])[:, None]
        rim = down_b * [1.0, 1.0, 0.0] / np.maximum(across, 1e-9)
        reach = size[0] * rim[:, None] + _ends(size[1])
    elif kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID:
        reach = (down_b * size**2 / np.linalg.norm(down_b * size, axis=1, keepdims=True))[:, None]
    elif kind == mujoco.mjtGeom.mjGEOM_BOX:
        reach = (np.sign(down_b) * size)[:, None]
    else:
        raise UnsupportedShape(model.geom(geom).name, kind=kind.name.removeprefix("mjGEOM_").lower())
    return pos_w[:, None] + np.einsum("fij,fkj->fki", rot_w, reach)


def _ends(half_length: float) -> Float[np.ndarray, "2 3"]:
    return half_length * np.array([[0.0, 0.0, -1.0], [0.0, 0.0, 1.0]])
