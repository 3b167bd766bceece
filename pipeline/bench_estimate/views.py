"""Draws what is filmed for the pixel level: who performs before which cameras, where it is cut, and in what set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
from jaxtyping import Float
from scipy.spatial.transform import Rotation

from pipeline.bench_estimate.sheet import chance
from pipeline.body import SkinnedBody
from pipeline.camera import CameraPath
from pipeline.evidence import Evidence
from pipeline.kfbench import metrics
from pipeline.kfbench.bench_cameras import IMAGE_SIZE, MOVING_KINDS, STATIC, sample_camera
from pipeline.kfbench.bench_clips import BenchClip
from pipeline.render.skin import DEFAULT_COLOURS
from pipeline.render.textures import Colour
from pipeline.synthetic import DetectorModel, observe, sample_occlusions

_SHAPES = 0.8  # standard deviation of each beta: statures of 1.60 to 1.80 m, slim to broad
_CUT = 0.3  # share of the moving views that are cut once
_SHORTEST_SHOT_S = 1.5
_BYSTANDER = 0.25
_POST = 0.2
_CLOTHES: tuple[Mapping[str, Colour], ...] = (
    {"shirt": (228, 226, 218), "pants": (34, 34, 40), "shoes": (40, 38, 40)},
    {"shirt": (44, 84, 168), "pants": (62, 60, 64)},
    {"shirt": (176, 36, 40), "pants": (190, 178, 150), "hair": (120, 84, 40), "skin": (190, 134, 100)},
    {"shirt": (52, 112, 70), "pants": (48, 56, 84), "skin": (146, 98, 70), "hair": (20, 16, 14)},
    {"shirt": (36, 36, 42), "pants": (30, 30, 34), "shoes": (24, 24, 24)},
    {"shirt": (216, 178, 60), "pants": (84, 52, 40), "shoes": (160, 40, 36)},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """What the pictures of a view look like, beside who performs."""

    clothes: int = 0
    """Which of the wardrobe's."""
    hall: int = 0
    """Seed of the hall's colours, furniture and grain."""
    light: float = 1.0
    """Brightness; 1 = evenly lit."""
    shutter: float = 0.0
    """Share of the time between frames in which the shutter is open."""
    samples: int = 0
    """Samples a pixel."""
    crf: int = 18
    """x264's quality."""
    bystander: int | None = None
    """Clothes of somebody who stands two metres farther back; None = nobody else is there."""
    post: float | None = None
    """How far beside the line of sight a post stands half-way to the person [m]; None = nothing is in the way."""

    @property
    def words(self) -> str:
        """What is special about it."""
        said = [f"light {self.light:.2f}", f"shutter {self.shutter:.2f}"]
        said += [] if self.bystander is None else ["a bystander"]
        said += [] if self.post is None else ["a post"]
        return ", ".join(said)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ViewShot:
    """What one camera films without a cut."""

    first: int
    """Its first frame in the motion."""
    camera: CameraPath
    modelled: Evidence
    """What the model of the detector says of it: the evidence of the keypoint level."""

    @property
    def end(self) -> int:
        """Frame after its last."""
        return self.first + len(self.camera.pos_w)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class View:
    """One video of a clip and its truth."""

    clip: BenchClip
    kind: str
    """Kind of the (first) camera."""
    shots: tuple[ViewShot, ...]
    look: Look

    @property
    def name(self) -> str:
        """Which clip, and which camera."""
        return f"{self.clip.name} ({self.kind} camera)"

    @property
    def cameras(self) -> CameraPath:
        """The cameras of all shots, one after the other."""
        return CameraPath(
            K=self.shots[0].camera.K,
            R_w2c=np.concatenate([shot.camera.R_w2c for shot in self.shots]),
            pos_w=np.concatenate([shot.camera.pos_w for shot in self.shots]),
        )


def wardrobe(number: int) -> dict[str, Colour]:
    """Colours of all that a body may be made of, in one of the clothes."""
    return {**DEFAULT_COLOURS, **_CLOTHES[number % len(_CLOTHES)]}


def embodied(clip: BenchClip, body: SkinnedBody, seed: int) -> BenchClip:
    """Let a drawn body perform a clip: same angles, other limbs, feet as high as before."""
    motion = clip.motion
    betas = chance(seed, clip.name, "body").normal(0.0, _SHAPES, 10)
    other = body.motion(
        motion.fps, betas, motion.global_orient, motion.body_pose, motion.transl, foot_contact=motion.foot_contact
    )
    feet = list(metrics.FEET)
    rise = motion.joints()[0][:, feet, 2].min() - other.joints()[0][:, feet, 2].min()
    # Longer legs take longer steps, or the feet would slide.
    grown = np.ptp(other.rest_joint_pos[:, 1]) / np.ptp(motion.rest_joint_pos[:, 1])
    transl = other.transl + np.array([0.0, 0.0, rise])
    start = transl[0] * [1.0, 1.0, 0.0]
    transl = start + (transl - start) * [grown, grown, 1.0]
    return BenchClip(name=clip.name, motion=replace(other, transl=transl), group=clip.group)


def draw_view(
    clip: BenchClip, kind: str, body: SkinnedBody, detector: DetectorModel, seed: int, *, varied: bool
) -> View:
    """Draw the cameras of a clip and what its video looks like.

    Without a cut, cameras and modelled evidence are those that the keypoint level draws for the same motion.

    Args:
        clip: Who does what.
        kind: Of the camera; after a cut it is any.
        body: Whose motion it is.
        detector: Whose errors the modelled evidence has.
        seed: Decides everything, together with the clip's name.
        varied: Also draw cuts, light, clothes, shutter, bystanders and posts; else all is plain.
    """
    rng = chance(seed, clip.name, "static view" if kind == STATIC else "moving view")
    look_rng = chance(seed, clip.name, kind, "look")
    n, fps = len(clip.motion), clip.motion.fps
    edges = [0, n]
    if varied and kind != STATIC and look_rng.random() < _CUT and n >= 2.5 * _SHORTEST_SHOT_S * fps:
        edges.insert(1, int(look_rng.integers(round(0.4 * n), round(0.6 * n))))
    shots = []
    for number, (first, end) in enumerate(pairwise(edges)):
        motion = clip.motion if len(edges) == 2 else clip.motion.frames(first, end)
        own = kind if number == 0 else str(look_rng.choice((STATIC, *MOVING_KINDS)))
        camera = sample_camera(own, motion.joints()[0], fps, rng)
        hidden = sample_occlusions(len(motion) / fps, rng)
        modelled = observe(motion, body, camera, IMAGE_SIZE, detector, rng, occlusions=hidden)
        modelled = replace(modelled, timestamps=modelled.timestamps + first / fps)
        shots.append(ViewShot(first=first, camera=camera, modelled=modelled))
    return View(clip=clip, kind=kind, shots=tuple(shots), look=_look(look_rng) if varied else Look())


def _look(rng: np.random.Generator) -> Look:
    return Look(
        clothes=int(rng.integers(len(_CLOTHES))),
        hall=int(rng.integers(1_000_000)),
        light=round(float(rng.uniform(0.5, 1.2)), 3),
        shutter=float(rng.choice([0.0, 0.25, 0.5])),
        samples=4 if rng.random() < 0.3 else 0,
        crf=int(rng.integers(18, 29)),
        bystander=int(rng.integers(len(_CLOTHES))) if rng.random() < _BYSTANDER else None,
        post=round(float(rng.uniform(-0.5, 0.5)), 3) if rng.random() < _POST else None,
    )


def projected(view: View, points_w: Float[np.ndarray, "frames points 3"]) -> Float[np.ndarray, "frames points 2"]:
    """Where points of the person lie in the pictures [px]."""
    return view.cameras.project(points_w)[0]


def into_hall(view: View, shot: ViewShot) -> tuple[Rotation, Float[np.ndarray, " 3"], float]:
    """Return the turn and then shift [m] that put a shot into the hall, and how large the hall must be.

    The hall is open at x > 0: there the camera is, in the middle of the shot. Its furniture stands at x < -1.1 sizes.
    """
    frames = slice(shot.first, shot.end)
    joints = view.clip.motion.joints()[0][frames]
    middle = joints.mean(axis=(0, 1)) * [1.0, 1.0, 0.0]
    half_way = len(shot.camera.pos_w) // 2
    line = shot.camera.pos_w[half_way] - joints[half_way].mean(axis=0)
    turn = Rotation.from_euler("z", -np.arctan2(line[1], line[0]))
    shift = -turn.apply(middle)
    places = np.concatenate([joints.reshape(-1, 3), shot.camera.pos_w])
    x, y, _ = (turn.apply(places) + shift).T
    size = max(1.0, (np.abs(y).max() + 1.0) / 5.0, (0.6 - x.min()) / 1.1, (x.max() + 1.0) / 6.0)
    return turn, shift, float(size)
