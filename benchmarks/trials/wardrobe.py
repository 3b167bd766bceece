"""Dresses the performers of the trials."""

from __future__ import annotations

from collections.abc import Mapping

from benchmarks.trials.moves import the_body
from pipeline.render import Performer
from pipeline.render.skin import DEFAULT_COLOURS
from pipeline.render.textures import Colour
from retarget.smpl_motion import SmplMotion

CLOTHES: Mapping[str, Mapping[str, Colour]] = {
    "white": {"shirt": (228, 226, 218), "pants": (34, 34, 40), "shoes": (40, 38, 40)},
    "blue": {"shirt": (44, 84, 168), "pants": (62, 60, 64)},
    "red": {"shirt": (176, 36, 40), "pants": (190, 178, 150), "hair": (120, 84, 40), "skin": (190, 134, 100)},
    "green": {"shirt": (52, 112, 70), "pants": (48, 56, 84), "skin": (146, 98, 70), "hair": (20, 16, 14)},
    "black": {"shirt": (36, 36, 42), "pants": (30, 30, 34), "shoes": (24, 24, 24)},
    "yellow": {"shirt": (216, 178, 60), "pants": (84, 52, 40), "shoes": (160, 40, 36)},
}
"""Clothes by name, where they differ from the default."""


def dressed(motion: SmplMotion, clothes: str) -> Performer:
    """Give a motion its performer."""
    return Performer(body=the_body(), motion=motion, colours={**DEFAULT_COLOURS, **CLOTHES[clothes]})
