"""What decides how far a keypoint is trusted; every number was tuned on rendered videos of known truth.

A cue is turned into a weight by a :class:`Ramp`. The figures, and on what they were tuned and on what reported, stand
in :mod:`benchmarks.quality`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float

from robots.exceptions import InvalidArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A weight that is 1 up to what good keypoints usually show, and falls to 0 at what only wrong ones do."""

    usual: float
    """Up to here nothing is doubted, in the cue's unit."""
    wrong: float
    """From here on nothing is believed, in the cue's unit."""

    def __post_init__(self) -> None:
        """Check that the weight falls.

        Raises:
            InvalidArray: The two are not in order.
        """
        if not (np.isfinite(self.usual) and np.isfinite(self.wrong) and self.usual < self.wrong):
            raise InvalidArray("Ramp", problem=f"needs usual < wrong, got {self.usual} and {self.wrong}")

    def weight(self, cue: Float[np.ndarray, " *dims"]) -> Float[np.ndarray, " *dims"]:
        """Return the weight in [0, 1] of each value; what is not a number is not believed."""
        slope = (self.wrong - np.asarray(cue, dtype=np.float64)) / (self.wrong - self.usual)
        return np.clip(np.nan_to_num(slope, nan=0.0), 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityConfig:
    """How the cues become weights, and the weights flags. A height is 1.7 m of BlazePose's average body, in pixels."""

    bone: Ramp = Ramp(usual=0.3, wrong=0.8)
    """Relative change of a bone's 3D length against its median over the track, as |log| [1]; 0.06 to 0.10 is normal,
    and the network shortens limbs that point at the camera."""
    stretch: Ramp = Ramp(usual=0.3, wrong=0.6)
    """How far a limb in the picture is longer than the bone could look, as log [1]: foreshortening only shortens."""
    speed: Ramp = Ramp(usual=5.0, wrong=9.0)
    """Speed of a limb against the trunk [heights / s]. The fastest hands and feet reach about 8, but a third
    of those that seem to move faster than 8 are not where the network says."""
    acceleration: Ramp = Ramp(usual=30.0, wrong=200.0)
    """Bend of a limb's path against the trunk [heights / s^2], after ``noise`` is taken off."""
    noise: float = 0.03
    """How far keypoints shake from picture to picture with nobody moving [heights]."""
    jump: Ramp = Ramp(usual=2.0, wrong=9.0)
    """Speed of the trunk in the picture [heights / s]; faster, and it is somebody else, or the camera was thrown."""
    reprojection: Ramp = Ramp(usual=0.05, wrong=0.35)
    """Distance of a keypoint from where the 3D landmarks put it in the picture [heights]. The network's two outputs
    err together: 99.7 % of the good and 95 % of the wrong keypoints are below 0.06, so this finds gross faults only."""
    blur: Ramp = Ramp(usual=0.45, wrong=0.85)
    """Loss of sharpness against the landmark's own median over the track, as a share [1]."""
    blur_speed: Ramp = Ramp(usual=1.5, wrong=3.5)
    """Speed of a limb at which a loss of sharpness begins and comes to count [heights / s]: what rests is not smeared,
    it only lies before a plainer background."""
    border: Ramp = Ramp(usual=0.02, wrong=0.12)
    """How far outside the picture a keypoint lies, as a share of the longer side [1]: the network guesses a foot just
    beyond the border well, a whole leg badly."""
    side: Ramp = Ramp(usual=0.0, wrong=0.6)
    """How much cheaper it is to suppose an exchange of left and right (negative: dearer) [steps of ``side_step``, mean
    over a limb pair]."""
    side_switch: float = 1.0
    """Cost of supposing that left and right were exchanged between two pictures [steps of ``side_step``]."""
    side_hold_s: float = 0.5
    """An exchange that lasts as long costs a ``side_switch`` more [s]."""
    side_step: float = 0.04
    """Deviation from even motion that counts as 1, for a picture rate so high that nothing moves [heights]."""
    side_speed: float = 1.0
    """How much that deviation grows with the time between pictures [heights / s]."""
    crowded: float = 0.7
    """Weight of all keypoints while another person covers, or is covered by, this one [1]."""
    unseen: Ramp = Ramp(usual=0.4, wrong=1.6)
    """One minus the confidence, in its effect on a frame's flags alone [1]. It ends beyond 1, since the network guesses
    half of the joints that it does not see well enough."""
    second: float = 0.4
    """Share of its doubt by which the less doubtful of an elbow and its wrist, or a knee and its ankle, counts [1]."""
    doubt: float = 0.9
    """Number of wrong limb joints to be expected (sum of one minus the weights) above which a frame is flagged [1]."""
    lost: float = 0.1
    """Weight beyond confidence of any one limb joint below which a frame is flagged, whatever the others are [1]."""
    cause: float = 0.2
    """Share of a flagged frame's doubt from which a cue is named as its cause [1]."""

    def __post_init__(self) -> None:
        """Check ranges.

        Raises:
            InvalidArray: A number is outside its range.
        """
        for name in ("crowded", "second", "lost", "cause"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise InvalidArray(name, problem=f"must lie between 0 and 1, got {getattr(self, name)}")
        for name in ("noise", "side_switch", "side_hold_s", "side_step", "side_speed", "doubt"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise InvalidArray(name, problem=f"must be positive, got {getattr(self, name)}")
