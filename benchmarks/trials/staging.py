"""What a trial is made of before it is filmed, and the truth that follows from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float, Int8

from benchmarks.trials.cameras import SIZE
from benchmarks.trials.truth import PersonTruth
from pipeline.camera import CameraPath
from pipeline.record_codec import plain
from pipeline.render import FilmConfig, Performer, hidden_by
from pipeline.render.exposure import zoomed

N_KEYPOINTS = 21
_LIMBS = (7, 8, 9, 10, 13, 14, 15, 16)  # elbows, wrists, knees, ankles of COCO-17
_BLURRED = 0.04  # of the person's height: a smear as wide as a forearm hides where its middle is


@dataclass(frozen=True, kw_only=True, eq=False)
class Take:
    """Part of a trial that is filmed in one go."""

    people: Mapping[str, Performer]
    """Who is there, by name."""
    camera: CameraPath
    """Camera of each frame."""
    film: FilmConfig
    """Place, light, shutter."""
    zoom: Float[np.ndarray, " frames"] | None = None
    """Focal length in units of the camera's ``K``; not given is 1."""
    flash: Float[np.ndarray, " frames"] | None = None
    """How far each picture is bleached, 0 to 1; not given is 0."""
    cut: bool = True
    """A shot begins here; otherwise the take goes on where the one before ended."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return len(self.camera.pos_w)

    @property
    def zooms(self) -> Float[np.ndarray, " frames"]:
        """Focal length of each frame in units of the camera's ``K``."""
        return np.ones(len(self)) if self.zoom is None else self.zoom

    @cached_property
    def keypoints_w(self) -> list[Float[np.ndarray, "frames 21 3"]]:
        """Keypoints of everyone [m]."""
        return [performer.body.motion_keypoints(performer.motion) for performer in self.people.values()]

    @cached_property
    def hidden(self) -> Int8[np.ndarray, "people frames 21"]:
        """Who hides each keypoint, as in :func:`pipeline.render.hidden_by`."""
        return hidden_by(list(self.people.values()), self.keypoints_w, self.camera, self.film, zoom=self.zoom)

    def project(self, points_w: Float[np.ndarray, "frames points 3"]) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels and depth [m] of points."""
        frames = []
        for k, zoom in enumerate(self.zooms):
            here = CameraPath(
                K=zoomed(self.camera.K, zoom), R_w2c=self.camera.R_w2c[k, None], pos_w=self.camera.pos_w[k, None]
            )
            frames.append(here.project(points_w[k, None]))
        return np.concatenate([pixels for pixels, _ in frames]), np.concatenate([depth for _, depth in frames])

    def facts(self) -> dict[str, object]:
        """Return all that decides its pictures but the arrays, as JSON types."""
        return {"film": plain(self.film), "cut": self.cut, "clothes": [dict(p.colours) for p in self.people.values()]}

    def arrays(self) -> list[np.ndarray]:
        """Return all arrays that decide its pictures."""
        arrays = [self.camera.K, self.camera.R_w2c, self.camera.pos_w, self.zooms]
        arrays.append(np.zeros(len(self)) if self.flash is None else self.flash)
        for performer in self.people.values():
            motion = performer.motion
            arrays += [motion.betas, motion.global_orient, motion.body_pose, motion.transl]
        return arrays


@dataclass(frozen=True, kw_only=True, eq=False)
class Staging:
    """A trial, ready to be filmed."""

    takes: Sequence[Take]
    """What is filmed, in order."""
    faults: Mapping[str, Bool[np.ndarray, " frames"]] = field(default_factory=dict)
    """Frames of faults and of what could be taken for a cut, as far as they are known beforehand."""
    impairs: Sequence[str] = ()
    """Faults that are read off the truth: blur, occlusion and crop of the main person, crossing of anyone."""

    def __len__(self) -> int:
        """Return the number of frames."""
        return sum(len(take) for take in self.takes)

    @property
    def starts(self) -> list[int]:
        """First frame of each take."""
        return [0, *np.cumsum([len(take) for take in self.takes])[:-1].tolist()]

    @property
    def cuts(self) -> list[int]:
        """First frame of each shot but the first."""
        return [start for start, take in zip(self.starts, self.takes, strict=True) if take.cut and start > 0]


@dataclass(frozen=True, kw_only=True, eq=False)
class PersonFacts:
    """What is known of one person, frame by frame."""

    kp2d: Float[np.ndarray, "frames 21 2"]
    """Keypoints [px]."""
    inside: Bool[np.ndarray, "frames 21"]
    """Before the camera and in the picture."""
    by_person: Bool[np.ndarray, "frames 21"]
    """Hidden by someone."""
    by_thing: Bool[np.ndarray, "frames 21"]
    """Hidden by something."""
    smear_px: Float[np.ndarray, "frames 21"]
    """Path while the shutter is open [px]."""
    height_px: Float[np.ndarray, " frames"]
    """Stature at the pelvis' distance [px]; NaN where absent."""

    def impaired(self) -> dict[str, Bool[np.ndarray, " frames"]]:
        """Frames in which this person cannot be measured whole, by the reason; none where absent (NaN)."""
        smear = self.smear_px[:, _LIMBS].max(axis=1)
        reasons = {
            "blur": smear > _BLURRED * self.height_px,
            "occlusion": self.by_thing.any(axis=1),
            "crop": np.isfinite(self.height_px) & ~self.inside.all(axis=1),
            "crossing": self.by_person.any(axis=1),
        }
        return {reason: np.asarray(frames) for reason, frames in reasons.items()}


def facts_of(staging: Staging, name: str) -> PersonFacts:
    """Follow one person through all takes."""
    parts = [_in_take(take, name) for take in staging.takes]
    return PersonFacts(**{key: np.concatenate([part[key] for part in parts]) for key in parts[0]})


def truth_of(name: str, facts: PersonFacts, impairs: Sequence[str]) -> PersonTruth:
    """Say what a perfect front end would know of a person; ``impairs`` are the faults that count as planted."""
    reasons = facts.impaired()
    planted = np.zeros(len(facts.height_px), dtype=bool)
    for reason in impairs:
        planted |= reasons[reason]
    return PersonTruth(
        name=name,
        kp2d=facts.kp2d,
        visible=facts.inside & ~facts.by_person & ~facts.by_thing,
        smear_px=facts.smear_px,
        height_px=facts.height_px,
        planted=planted,
    )


def _in_take(take: Take, name: str) -> dict[str, np.ndarray]:
    shape = (len(take), N_KEYPOINTS)
    if name not in take.people:
        nothing, no = np.full(shape, np.nan), np.zeros(shape, dtype=bool)
        return {
            "kp2d": np.full((*shape, 2), np.nan), "inside": no, "by_person": no, "by_thing": no,
            "smear_px": nothing, "height_px": nothing[:, 0],
        }  # fmt: skip
    number = list(take.people).index(name)
    performer, hidden = take.people[name], take.hidden[number]
    pixels, depth = take.project(take.keypoints_w[number])
    motion = performer.motion
    _, pelvis_depth = take.project((motion.rest_joint_pos[0] + motion.transl)[:, None])
    stature = performer.body.height(motion.betas)
    return {
        "kp2d": pixels,
        "inside": (depth > 0) & (pixels >= 0).all(axis=2) & (pixels < SIZE).all(axis=2),
        "by_person": (hidden >= 0) & (hidden < len(take.people)),
        "by_thing": hidden >= len(take.people),
        "smear_px": _smear(pixels, take.film.shutter),
        "height_px": take.camera.K[0, 0] * take.zooms * stature / np.maximum(pelvis_depth[:, 0], 1e-3),
    }


def _smear(pixels: Float[np.ndarray, "frames 21 2"], shutter: float) -> Float[np.ndarray, "frames 21"]:
    """Path during an exposure centred at each frame; the shutter opens and closes with the take."""
    step = np.linalg.norm(np.diff(pixels, axis=0), axis=2)
    rest = np.zeros((1, pixels.shape[1]))
    return shutter / 2 * (np.concatenate([rest, step]) + np.concatenate([step, rest]))
