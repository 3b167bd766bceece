"""Settings of the estimator ``gvhmr``: which weights, which camera, and each thing that is done unlike the original."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal, get_args, get_type_hints

from robots.arrays import check_settings
from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class GvhmrConfig:
    """What the estimator runs on, and how it places people in the world.

    The switches of the world are compared one by one by ``python -m benchmarks.gvhmr_world``.
    """

    weights: str = "wushu"
    """Name of the weights, or the path of a ``.safetensors`` file; see ``wushu weights list``."""
    height_m: float | None = None
    """Stature of the person [m]; None = as the network sees it."""
    camera: Literal["auto", "static", "moving"] = "auto"
    """Whether the camera changes its place; ``auto``: told by the person's path through the picture."""

    precision: Literal["float32", "bfloat16"] = "float32"
    """What the network computes in; bfloat16 is faster on processors that have it, and moves joints by millimetres."""

    device: Literal["cpu", "cuda"] = "cpu"
    """Where the network runs; ``cuda`` needs torch's build for the graphics card."""
    world: Literal["own", "original"] = "own"
    """``original``: place people as the published program does, to the last digit; all switches below are ignored."""
    mirrored_too: bool = True
    """Ask of the mirror image too and take the mean: twice the network's time."""
    refine: bool = True
    """Draw each frame's pose towards the keypoints that were seen."""
    gravity: Literal["clip", "frame"] = "clip"
    """One direction of gravity for the clip, as the camera's rotation is known, or one for each frame by itself.

    Where the evidence brings a direction of gravity (``gravity_c0``), ``clip`` takes it as it is; ``frame`` turns no
    pelvis by it, as the original does not.
    """
    tilt: Literal["both", "camera"] = "both"
    """With one gravity for the clip: where a pelvis leans, ask camera and gravity view, or the camera alone."""
    yaw_chain: Literal["right", "shipped"] = "right"
    """With a gravity for each frame: turn frames by the yaw that belongs to them, or to the next as published."""
    path: Literal["fused", "velocity"] = "fused"
    """Fuse velocities, standing joints and places in the picture, or sum up velocities alone."""
    ground: Literal["contacts", "lowest"] = "contacts"
    """The floor lies below feet that stand, or below the lowest joint of all frames."""
    smoothing_s: float = 0.05
    """Width of the smoothing of rotations, flat up to 2 Hz [s]; 0 = none."""
    lock_feet: bool = True
    """Hold standing feet in their places by the legs."""

    @property
    def looks_at_mirror_images(self) -> bool:
        """Whether the network is asked of mirror images as well, and so wants image features of them too."""
        return self.world == "own" and self.mirrored_too

    def __post_init__(self) -> None:
        """Check numbers and words.

        Raises:
            InvalidArray: One is outside its range.
        """
        check_settings(self, positive=("height_m",))
        hints = get_type_hints(type(self))
        for field in fields(self):
            words, value = get_args(hints[field.name]), getattr(self, field.name)
            if words and all(isinstance(word, str) for word in words) and value not in words:
                raise InvalidArray(field.name, problem=f"must be one of {', '.join(words)}, got {value!r}")
