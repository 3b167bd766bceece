"""Tells from the words of a licence whether a motion that it binds may be used commercially.

The words are those that rows hold: what a user said of a video, what models and bodies say of themselves, with or
without their name before a colon. Whoever is not understood forbids nothing and allows nothing: the use is unknown, and
whoever asks for motions of commercial use does not get that one. This reads words; it is no legal advice.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum


class Use(StrEnum):
    """Whether something may be used commercially."""

    ALLOWED = "allowed"
    """Its licence says so."""
    UNKNOWN = "unknown"
    """Its licence is not known, or not understood."""
    FORBIDDEN = "forbidden"
    """Its licence excludes it."""


_WORST_LAST = (Use.ALLOWED, Use.UNKNOWN, Use.FORBIDDEN)

_BOTH = re.compile(
    r"(non[- ]?commercial(ly)?,? (and|or|as well as) commercial(ly)?)"
    r"|(commercial(ly)?,? (and|or|as well as) non[- ]?commercial(ly)?)"
)
"""Both kinds of use in one breath: the word "non-commercial" forbids nothing there."""

_FORBIDS = re.compile(
    "|".join(
        (
            r"non[- ]?(commercial|profit only)",
            r"\b(by|cc)[- /]*nc\b|\bccbync|\bnc[- ](sa|nd)\b",
            r"\b(no|not|without|excluding|except)( for| to be used| in| any| use)* commercial",
            r"commercial[a-z]*( use| purposes?)?( is| are)? ?(not|forbidden|prohibited|excluded|disallowed)",
            r"research( use| purposes?)?( only|$)|only( for| in| to)?( [a-z]+)? research|scientific research",
            r"\bacademic|educational (use|purposes?) only|for education(al)?( use| purposes?)? only|teaching only",
            r"(personal|private|evaluation|internal)( use| purposes?)? only|only for (personal|private) use",
            # Bodies and data that are known to be for research only, whatever else is said of them.
            r"\bsmpl\b|\bsmpl[-+]?[hx]\b|\bsmplify|\bgvhmr weights",
            r"\bamass\b|human ?3\.?6m|\bbedlam\b|\b3dpw\b|\blafan1?\b",
        )
    )
)
"""What excludes commercial use, wherever in the words it stands."""

_DOUBTS = re.compile(r"\?|\b(unknown|unclear|unspecified|undecided|pending|tbd|only|except|unless|but|not cleared)\b")
"""What makes an allowance that stands beside it doubtful."""

_VERSION = r"([- ]?v?\d+(\.\d+)*\+?)?"
_LICENCE = r"( licen[cs]e)?"
_ALLOWS = re.compile(
    "|".join(
        (
            rf"apache([- ]software)?{_LICENCE}{_VERSION}{_LICENCE}",
            rf"(the )?(mit|expat|isc|zlib|unlicense)([- ]0)?{_LICENCE}",
            rf"(0bsd|bsd)([- ]?[0234][- ]clause)?{_VERSION}{_LICENCE}",
            rf"(gnu )?[al]?gpl{_VERSION}([- ]only|[- ]or[- ]later|\+)?{_LICENCE}",
            rf"mpl{_VERSION}{_LICENCE}|(cdla[- ]permissive|odc[- ]by|odbl|ofl){_VERSION}{_LICENCE}",
            rf"cc[- ]?0{_VERSION}{_LICENCE}( universal)?|creative commons zero{_VERSION}( universal)?",
            rf"cc[- ]?by([- ]sa)?{_VERSION}{_LICENCE}( international| unported)?",
            rf"creative commons attribution([- ]share[- ]?alike)?{_VERSION}( international| unported)?{_LICENCE}",
            r"(https?:)?(//)?(www\.)?creativecommons\.org/(licenses/by(-sa)?|publicdomain/(zero|mark))(/[\w./-]*)?",
            r"public[- ]domain( mark)?( 1\.0)?|pd",
            r"(licen[cs]ed |may be used |usable |use is )?(freely |free )?(for|to) (any|all) (uses?|purposes?)",
            r"free (for|to) (use|be used) (for|in) (any|all) (uses?|purposes?)",
            r"(free )?(for )?any use|also commercial(ly)?|commercial use (is )?(allowed|permitted)",
            r"(the )?cmu( graphics lab)?( motion capture| mocap)?( database)?|mocap\.cs\.cmu\.edu",
            r"mine|(my )?own( (work|recordings?|videos?|footage|data|mocap|motion capture))?|self[- ]recorded",
        )
    )
)
"""What allows commercial use, if a whole clause says it and nothing else."""

_LABEL = re.compile(r"^(body|weights) '[^']*':\s*")
_SHORT = re.compile(r"(the )?(mit|expat|isc|pd|mine|(my )?own)")
"""Words that are also names of people and places: they count at the beginning only."""


def commercial_use(licence: str) -> Use:
    """Tell whether a licence allows commercial use, from its words; what is not understood is unknown.

    Args:
        licence: An SPDX identifier or expression, a usual name, or a sentence; ``name: licence`` speaks of the licence.
    """
    words = _LABEL.sub("", licence.strip())
    text = _BOTH.sub("any", re.sub(r"[\s_]+", " ", words.lower()))
    if _FORBIDS.search(text):
        return Use.FORBIDDEN
    clauses = [" ".join(c.split()).strip(" .'\"/") for c in re.split(r"[,;()]|: ", re.sub(r"[\s_]+", " ", words))]
    spoken = [clause for clause in clauses if clause]
    allowing = [clause for clause in spoken if _allows(clause)]
    told = [clause for clause in allowing if not _SHORT.fullmatch(clause.lower()) or clause in _first(words, spoken)]
    doubtful = any(_DOUBTS.search(clause.lower()) for clause in spoken if clause not in allowing)
    return Use.ALLOWED if told and not doubtful else Use.UNKNOWN


def use_of(licences: Iterable[str]) -> Use:
    """Tell whether what several licences bind may be used commercially: the worst decides, and none is unknown."""
    uses = {commercial_use(licence) for licence in licences}
    return max(uses, key=_WORST_LAST.index, default=Use.UNKNOWN)


def _allows(clause: str) -> bool:
    """Tell whether every licence that a clause names, and the clause names nothing else, allows commercial use."""
    names = re.split(r" (?:AND|OR|WITH [\w.-]+ AND) ", _BOTH.sub("any", clause))
    return all(_ALLOWS.fullmatch(name.lower().strip()) for name in names)


def _first(words: str, clauses: list[str]) -> list[str]:
    """Return the clauses that a licence may begin with: the first, and the one after a name and a colon."""
    return clauses[:2] if re.match(r"[^,;()]*: ", words) else clauses[:1]
