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
            r"\b(by|cc)[- /]*nc\b|\bccbync|\bnc[- ](sa|nd)\b|\b(cc|commons)\b.*\bnc\b|^nc$",
            r"not[- ]for[- ]profit|\b(no|keine|nicht|sans|pas|non)( [a-z]+)? (comercial|kommerziell|commercial)",
            r"\bnot for (re)?sale\b|\b(do|must|may) not (use|sell)\b",
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

_LABEL = re.compile(r"^(body|weights) '[^']*': ")
_SHORT = re.compile(r"(the )?(mit|expat|isc|pd|mine|(my )?own)")
"""Words that are also names of people and places: they count at the beginning only."""

_CREDIT = re.compile(
    r"(?:(?:©|copyright|credits?(?: to)?|attribution|courtesy of|from|via|by|in|at) "
    r"|(?:filmed|recorded|performed|danced|made|shot|published|created|captured)(?: by| at| in)? )+",
    re.IGNORECASE,
)
_NAME = r"[^\W\d_a-z][\w.'\u2019&-]*"
_NAMES = re.compile(rf"(?=.*\w[a-z]){_NAME}( (and|&|und|et|y|of|the|van|von|der|de|di|da|du|la|{_NAME})){{0,7}}")
"""A few words that begin with capitals, not all of them in capitals only."""

_NO_NAME = re.compile(
    r"\d|\b(cc|by|nc|nd|sa|no|not|none|nur|only|all|for|if|after|before|ask|except|unless|but|do|don't|see|without)\b"
    r"|\b(use[ds]?|using|rights?|reserved|research|student|stud(y|ies)|evaluation|internal|personal|private|trial|demo)\b"
    r"|comm?er[cz]|kommer|licen[cs]|licen[zc]|propriet|restrict|prohib|forbid|permi|consent|exclus|confiden|pay|paid|fee\b"
    r"|\bs(ale|ell|old)|resale|resell|profit|education|teaching|unknown|unclear|unspecif|undecided|pending|limited|secret"
)
"""What no name of a person or a place says: conditions, and licences that are not understood."""

_PROVENANCE = re.compile(
    r"as the program|[Vv]ersion \d+(\.\d+)*|(©|copyright )?(19|20)\d\d|(by )?(me|myself|us)"
    r"|see (the )?[A-Z]+(\.(md|txt))?"
    r"|[\w/ ]+ assets as distributed with [\w. ]+|https?://[^\s?]+|NSF EIA-\d+"
    r"|may not be resold as data"  # the only condition of CMU's motions; a robot's motion is something else
)
"""What says only where something comes from, or is known to bind nobody here."""


def commercial_use(licence: str) -> Use:
    """Tell whether a licence allows commercial use, from its words; what is not understood is unknown.

    One clause at least must allow it, and each of the others too, or say no more than whose work it is.

    Args:
        licence: An SPDX identifier or expression, a usual name, or a sentence; ``name: licence`` speaks of the licence.
    """
    words = re.sub(r"[\s_]+", " ", licence).strip()
    if _FORBIDS.search(_BOTH.sub("any", words.lower())):
        return Use.FORBIDDEN
    parts = (clause.strip(" .'\"/") for clause in re.split(r"[,;()]|: ", _without_label(words)))
    clauses = [clause for clause in parts if clause]
    told = [c for c in clauses if _allows(c) and (not _SHORT.fullmatch(c.lower()) or c == clauses[0])]
    return Use.ALLOWED if told and all(_allows(c) or _is_neutral(c) for c in clauses) else Use.UNKNOWN


def use_of(licences: Iterable[str]) -> Use:
    """Tell whether what several licences bind may be used commercially: the worst decides, and none is unknown."""
    uses = {commercial_use(licence) for licence in licences}
    return max(uses, key=_WORST_LAST.index, default=Use.UNKNOWN)


def _allows(clause: str) -> bool:
    """Tell whether every licence that a clause names, and the clause names nothing else, allows commercial use."""
    names = re.split(r" (?:AND|OR|WITH [\w.-]+ AND) ", _BOTH.sub("any", clause))
    return all(_ALLOWS.fullmatch(name.lower().strip()) for name in names)


def _is_neutral(clause: str) -> bool:
    """Tell whether a clause only says whose work it is, or where it is from."""
    if _PROVENANCE.fullmatch(clause):
        return True
    made_from = re.fullmatch(r"(?:trained on|learned from) (.+)", clause)
    if made_from:
        return _allows(made_from[1])
    name = re.sub(r" \(?(19|20)\d\d$", "", _CREDIT.sub("", clause, count=1))
    return bool(_NAMES.fullmatch(name)) and not _NO_NAME.search(name.lower())


def _without_label(words: str) -> str:
    """Leave out what a licence speaks of, before a colon; what may say more than a name stays."""
    if found := _LABEL.match(words):
        return words[found.end() :]
    label, _, rest = words.partition(": ")
    is_name = rest and not re.search(r"[,;()?]", label) and not _NO_NAME.search(label.lower())
    return rest if is_name else words
