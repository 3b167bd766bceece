"""The part of a run's page that says what moved since the build before."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from pipeline.builds import Comparison, Entry, Move, NewSettings
from pipeline.manifest import Outcome
from pipeline.review.run_report.words import counted, table, tag

_SHOWN_MOVES, _SHOWN_NAMES, _SHOWN_KEYS, _SHOWN_SETTINGS, _SHOWN_KINDS = 100, 20, 20, 5, 4


def comparison(found: Comparison | None, linked: frozenset[str]) -> str:
    """Show it; of a first build that there is nothing to compare it with.

    Args:
        found: What moved.
        linked: Ids of clips that have a part of their own on the page.
    """
    if found is None:
        return '<h2 id="moved">What moved</h2><p>There is no build before this one to compare with.</p>'
    parts = [f'<h2 id="moved">What moved since build {found.before}</h2>', _of(found), _totals(found)]
    quiet = not (found.new or found.gone or found.ended_otherwise or found.moved)
    parts += ["<p>No clip is new or gone, and none ended otherwise.</p>"] if quiet else []
    parts += [_settings(settings) for settings in found.settings[:_SHOWN_SETTINGS]]
    parts += [_list("Other versions of stages", found.versions, len(found.versions))] if found.versions else []
    parts += [
        _moves("Ended otherwise", found.ended_otherwise, linked),
        _moves("The same outcome, moved most", found.moved, linked),
        _names("New clips", [entry for _, entry in found.new]),
        _names("Clips that are gone", found.gone),
    ]
    return "\n".join(part for part in parts if part)


def _of(found: Comparison) -> str:
    if found.after is None:
        return (
            f"<p>Build {found.before} was the last that came to its end; what is here now was left by a build that "
            "did not, or was changed since.</p>"
        )
    return f"<p>This is build {found.after}.</p>"


def _totals(found: Comparison) -> str:
    before, after = found.totals
    seconds = (("usable", before.usable_s, after.usable_s), ("motion", before.duration_s, after.duration_s))
    lines = [(name, f"{a:.1f} s", f"{b:.1f} s", _signed_s(b - a)) for name, a, b in seconds]
    numbers = [("clips", before.clips, after.clips)]
    numbers += [(tag(o.value), before.outcomes.get(o.value, 0), after.outcomes.get(o.value, 0)) for o in Outcome]
    lines += [(name, str(a), str(b), f"{b - a:+d}" if a != b else "") for name, a, b in numbers]
    return table(("", f"build {found.before}", "now", "difference"), lines, numbers=(1, 2, 3), style="narrow")


def _signed_s(seconds: float) -> str:
    return f"{seconds:+.1f} s" if abs(seconds) >= 0.05 else ""


def _settings(settings: NewSettings) -> str:
    return _list(f"Other settings for {counted(settings.n_clips, 'clip')}", settings.changes, len(settings.changes))


def _list(title: str, told: Sequence[str], n: int) -> str:
    items = "".join(f"<li><code>{escape(sentence)}</code></li>" for sentence in told[:_SHOWN_KEYS])
    more = f"<li>and {n - _SHOWN_KEYS} more</li>" if n > _SHOWN_KEYS else ""
    return f"<h3>{escape(title)}</h3><ul>{items}{more}</ul>"


def _moves(title: str, moves: Sequence[Move], linked: frozenset[str]) -> str:
    if not moves:
        return ""
    lines = [
        (
            _name(move, linked),
            _outcome(move),
            f"{move.before.usable_s:.1f} → {move.after.usable_s:.1f} s",
            _signed_s(move.usable_s),
            _score(move),
            escape(_why(move)),
        )
        for move in moves[:_SHOWN_MOVES]
    ]
    titles = ("clip", "outcome", "usable", "", "score", "what changed")
    more = f"<p>... and {len(moves) - _SHOWN_MOVES} more.</p>" if len(moves) > _SHOWN_MOVES else ""
    laid_out = table(titles, lines, numbers=(2, 3, 4), style="moves")
    return f"<h3>{escape(title)}: {counted(len(moves), 'clip')}</h3>{laid_out}{more}"


def _why(move: Move) -> str:
    """Say what it fails now and did not, and the other way round; of very many the first."""
    said = []
    for word, kinds in (("fails", move.fails), ("passes", move.passes)):
        more = [f"and {len(kinds) - _SHOWN_KINDS} more"] if len(kinds) > _SHOWN_KINDS else []
        said += [f"{word} {', '.join([*kinds[:_SHOWN_KINDS], *more])}"] if kinds else []
    return "; ".join(said)


def _outcome(move: Move) -> str:
    before, after = tag(move.before.outcome), tag(move.after.outcome)
    return before if before == after else f"{before} → {after}"


def _score(move: Move) -> str:
    before, after = (f"{entry.score:.2f}" if entry.score is not None else "-" for entry in (move.before, move.after))
    return f"{before} → {after}"


def _name(move: Move, linked: frozenset[str]) -> str:
    name = escape(move.after.name)
    return f'<a href="#{move.clip_id}">{name}</a>' if move.clip_id in linked else name


def _names(title: str, entries: Sequence[Entry]) -> str:
    if not entries:
        return ""
    usable = sum(entry.usable_s for entry in entries)
    items = "".join(
        f"<li>{tag(entry.outcome)} {escape(entry.name)}, {entry.usable_s:.1f} of {entry.duration_s:.1f} s</li>"
        for entry in entries[:_SHOWN_NAMES]
    )
    more = f"<li>and {len(entries) - _SHOWN_NAMES} more</li>" if len(entries) > _SHOWN_NAMES else ""
    return f"<h3>{escape(title)}: {len(entries)}, {usable:.1f} s of them usable</h3><ul class=plain>{items}{more}</ul>"
