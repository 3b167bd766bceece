"""The library of faults: each imitates what estimators, filters and converters do to motion.

Which must be found is what the released filters of the field name (PBHC's negative controls) and what a dataset
builder meets. Strengths below that are tried too, so that the table shows where the checks end.
"""

from __future__ import annotations

from benchmarks.validation import label_faults, limb_faults, root_faults, time_faults
from benchmarks.validation.faulty import Fault

FAULTS: tuple[Fault, ...] = (
    *(
        Fault(
            name="drift",
            strength=f"{cm} cm/s",
            key=f"drift_{cm}cms",
            meaning="height grows steadily",
            apply=root_faults.drift(cm / 100),
            asked=cm >= 3,
        )
        for cm in (1, 3, 6)
    ),
    *(
        Fault(
            name="bobbing",
            strength=f"{cm} cm, {hz} Hz",
            key=f"bobbing_{cm}cm_{hz}hz",
            meaning="height swings",
            apply=root_faults.bobbing(cm / 100, hz),
            asked=cm >= 5,
        )
        for cm in (2, 5)
        for hz in (1, 2)
    ),
    *(
        Fault(
            name="slide",
            strength=f"{dm / 10:g} m/s",
            key=f"slide_{dm}dms",
            meaning="moves sideways steadily",
            apply=root_faults.slide(dm / 10),
            asked=dm >= 3,
        )
        for dm in (1, 3)
    ),
    *(
        Fault(
            name="slide",
            strength=f"{speed} m/s over a span, unlabelled",
            key=f"slide_unlabelled_{speed}ms",
            meaning="moves sideways, and no foot is said to bear weight meanwhile",
            apply=root_faults.slide_unlabelled(speed),
            local=True,
        )
        for speed in (1, 3)
    ),
    *(
        Fault(
            name="noise",
            strength=f"{mrad / 1000:g} rad",
            key=f"noise_{mrad}mrad",
            meaning="independent in every joint and frame",
            apply=limb_faults.noise(mrad / 1000),
            asked=mrad >= 30,
        )
        for mrad in (10, 30)
    ),
    *(
        Fault(
            name="teleport",
            strength=f"{cm} cm",
            key=f"teleport_{cm}cm",
            meaning="jumps sideways between two frames",
            apply=root_faults.teleport(cm / 100),
            asked=cm >= 15,
            local=True,
        )
        for cm in (5, 15, 30)
    ),
    Fault(
        name="quat_order",
        strength="",
        key="quat_order",
        meaning="xyzw read as wxyz",
        apply=root_faults.quat_order,
    ),
    Fault(name="y_up", strength="", key="y_up", meaning="y points up", apply=root_faults.y_up),
    *(
        Fault(
            name="wrong_fps",
            strength=f"{fps} as 30",
            key=f"wrong_fps_{fps}",
            meaning="labelled with another frame rate, with a flight of 0.2 s or more",
            apply=time_faults.speed(30 / fps),
            asked=fps == 60,
        )
        for fps in (24, 60)
    ),
    *(
        Fault(
            name="speed",
            strength=f"x{factor:g}",
            key=f"speed_x{round(100 * factor):03d}",
            meaning="played slower or faster, with a flight of 0.2 s or more",
            apply=time_faults.speed(factor),
        )
        for factor in (0.5, 1.5, 2.0)
    ),
    Fault(
        name="empty_labels",
        strength="",
        key="empty_labels",
        meaning="no foot is said to bear weight",
        apply=label_faults.empty,
    ),
    Fault(
        name="wrong_labels",
        strength="feet swapped",
        key="wrong_labels_swapped",
        meaning="each foot has the other's labels",
        apply=label_faults.swapped,
    ),
    Fault(
        name="wrong_labels",
        strength="inverted",
        key="wrong_labels_inverted",
        meaning="contact and none exchanged",
        apply=label_faults.inverted,
    ),
    Fault(
        name="wrong_labels",
        strength="0.3 s late",
        key="wrong_labels_shifted",
        meaning="labels come too late",
        apply=label_faults.shifted(0.3),
    ),
    *(
        Fault(
            name="tilt",
            strength=f"{deg} deg",
            key=f"tilt_{deg}deg",
            meaning="gravity is off, about any horizontal axis",
            apply=root_faults.tilt(deg),
        )
        for deg in (5, 10)
    ),
    Fault(
        name="hip_lean",
        strength="20 deg",
        key="hip_lean_20deg",
        meaning="offset of both hips",
        apply=limb_faults.hip_lean(20.0),
    ),
    Fault(
        name="mirror",
        strength="",
        key="mirror",
        meaning="limbs change sides over a span",
        apply=limb_faults.mirror,
        local=True,
    ),
    Fault(
        name="freeze",
        strength="",
        key="freeze",
        meaning="one frame is held over a span of motion",
        apply=time_faults.freeze,
        local=True,
    ),
    Fault(
        name="self_intersection",
        strength="",
        key="self_intersection",
        meaning="an arm inside the trunk over a span",
        apply=limb_faults.self_intersection,
        local=True,
    ),
    *(
        Fault(
            name="height",
            strength=f"{cm:+d} cm",
            key=f"height_{'sink' if cm < 0 else 'float'}_{abs(cm)}cm",
            meaning="the whole clip floats or sinks",
            apply=root_faults.shift_height(cm / 100),
        )
        for cm in (-5, 5)
    ),
    *(
        Fault(
            name="hover",
            strength=f"{cm} cm",
            key=f"hover_{cm}cm",
            meaning="leaves the floor over a span and does not fall",
            apply=root_faults.hover(cm / 100),
            local=True,
        )
        for cm in (10, 20)
    ),
    Fault(
        name="hang",
        strength="x2",
        key="hang_x2",
        meaning="one flight lasts twice as long; a clip played at half its speed looks the same",
        apply=time_faults.hang(2.0),
        asked=False,
        local=True,
    ),
    *(
        Fault(
            name="smoothing",
            strength=f"{hz:g} Hz",
            key=f"smoothing_{hz}hz",
            meaning="low-passed, feet forgotten",
            apply=time_faults.smoothing(hz),
            asked=False,
        )
        for hz in (1, 3)
    ),
)
"""All faults, in the order of the table."""


def families() -> tuple[str, ...]:
    """Return the names of the faults, each once."""
    return tuple(dict.fromkeys(fault.name for fault in FAULTS))
