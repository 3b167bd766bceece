"""Turns contact labels and what the feet do into where the two contradict each other."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float

from pipeline.measurement import Measurement, exceeded_in, share, spans_where
from pipeline.validation.body_geometry import BodyGeometry
from pipeline.validation.feet import Stance


def measure_labels(
    geometry: BodyGeometry,
    stance: Stance,
    *,
    touch_height: float,
    touch_speed: float,
    lift_height: float,
    shortest_contact: float,
) -> tuple[Measurement, ...]:
    """Measure contacts, and how often labels and feet say different things.

    Args:
        geometry: Of the motion.
        stance: Of the same.
        touch_height: A foot lower than this over the usual stance height [m] ...
        touch_speed: ... and slower than this [m/s] rests on the floor.
        lift_height: A foot higher than this over the usual stance height does not bear weight [m].
        shortest_contact: Contacts and lifts shorter than this are chatter [s].
    """
    supported = stance.contact.any(axis=1)
    over_floor = geometry.foot_height - _floor(geometry, stance)
    resting = (over_floor < touch_height) & (stance.slip_speed < touch_speed)
    lifted = over_floor > lift_height
    floating = stance.contact & lifted
    unlabelled = resting & stance.denied
    swapped = floating & unlabelled[:, ::-1]
    chatter = np.stack([_short_runs(stance.contact[:, side], stance.fps, shortest_contact) for side in (0, 1)], axis=1)
    return (
        Measurement(
            name="contact_share",
            value=supported.mean(),
            unit="1",
            meaning="Share of frames with a foot labelled as bearing weight; skate and float are taken in these only",
            series=supported.astype(float),
        ),
        share(
            "contact_unlabelled_share",
            _either(unlabelled),
            "Share of frames in which a foot rests on the floor but its contact label denies it",
        ),
        share(
            "contact_floating_share",
            _either(floating),
            f"Share of frames in which a foot is more than {100 * lift_height:g} cm over the floor but labelled as "
            "bearing weight",
        ),
        share(
            "contact_wrong_share",
            _either(floating | unlabelled),
            "Share of frames in which the contact label of a foot contradicts what the foot does, either way",
        ),
        share(
            "contact_swapped_share",
            _either(swapped),
            "Share of frames in which one foot is labelled as bearing weight while the other does",
        ),
        share(
            "contact_chatter_share",
            _either(chatter),
            f"Share of frames in contacts or lifts shorter than {shortest_contact:g} s, which no foot makes",
        ),
        exceeded_in(
            5,
            "contact_height_p95",
            _highest(np.where(stance.contact, over_floor, np.nan)),
            "m",
            "Height of the higher foot labelled as bearing weight over the usual stance, exceeded in 5 % of contact",
        ),
    )


def _floor(geometry: BodyGeometry, stance: Stance) -> float:
    """Usual height of the supporting sole; of the lower foot where no label says which one supports [m]."""
    support = stance.support_height(geometry)
    known = support[~np.isnan(support)]
    return float(np.median(known if len(known) else geometry.foot_height.min(axis=1)))


def _either(flags: Bool[np.ndarray, "frames 2"]) -> Bool[np.ndarray, " frames"]:
    return flags[:, 0] | flags[:, 1]


def _highest(values: Float[np.ndarray, "frames 2"]) -> Float[np.ndarray, " frames"]:
    """Larger of both feet's values, NaN where neither has one."""
    return np.fmax(values[:, 0], values[:, 1])


def _short_runs(flags: Bool[np.ndarray, " frames"], fps: float, shortest: float) -> Bool[np.ndarray, " frames"]:
    """Frames of the runs, set or not, that are shorter than a time [s] and end on both sides within the clip."""
    short = np.zeros(len(flags), dtype=bool)
    for start, stop in (*spans_where(flags), *spans_where(~flags)):
        if start > 0 and stop < len(flags) and (stop - start) / fps < shortest - 1e-9:
            short[start:stop] = True
    return short
