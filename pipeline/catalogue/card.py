"""Writes a dataset's card: what is in it, what it may be used for, how it was made, and how to load it.

It is the folder's ``README.md``, with the front matter that the Hugging Face hub reads. It holds no date and no word of
the machine: equal datasets have equal cards.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pipeline.catalogue.contents import is_digest, results_of
from pipeline.exceptions import CorruptArtefact
from pipeline.licences import Use, commercial_use, use_of
from pipeline.manifest import ManifestRow, Outcome, Rows
from pipeline.store import Dataset

CARD_FILE = "README.md"

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_MEANING = {
    Outcome.ACCEPTED: "every rejecting check passed",
    Outcome.MENDED: "refused as it stood; parts of it, or all of it after a repair, are accepted",
    Outcome.REJECTED: "a check refused it and no repair was found",
    Outcome.BROKEN: "no motion could be made of it",
}
_HUB_NAMES = (
    (r"\bcc[- ]?0|creative commons zero", "cc0-1.0"),
    (r"\bcc[- ]?by[- ]nc[- ]sa[- ]4", "cc-by-nc-sa-4.0"),
    (r"\bcc[- ]?by[- ]nc[- ]nd[- ]4", "cc-by-nc-nd-4.0"),
    (r"\bcc[- ]?by[- ]nc[- ]4", "cc-by-nc-4.0"),
    (r"\bcc[- ]?by[- ]sa[- ]4", "cc-by-sa-4.0"),
    (r"\bcc[- ]?by[- ]nd[- ]4", "cc-by-nd-4.0"),
    (r"\bcc[- ]?by[- ]4", "cc-by-4.0"),
    (r"\bapache[- ]2", "apache-2.0"),
    (r"^mit\b", "mit"),
    (r"^unknown$", "unknown"),
)
_SHOWN_REASONS = 10


def card(dataset: Dataset, rows: Rows) -> str:
    """Return the card of these outcomes, in Markdown."""
    parts = [
        _front_matter(rows),
        "# Motions for the Unitree G1\n\nMade by `wushu` from videos and motion files: estimated, filtered, "
        "retargeted to the robot,\njudged in simulation, and written in the formats that training reads.",
        _counts(rows),
        _funnel(rows),
        _licences(rows),
        _settings(dataset, rows),
        _layout(),
        _loading(dataset, rows),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front_matter(rows: Sequence[ManifestRow]) -> str:
    licences = sorted({name for row in rows for licence in row.licences for name in _hub_names(licence)}) or ["unknown"]
    size = next((name for bound, name in _SIZES if len(rows) < bound), "n>1M")
    lines = ["---", "pretty_name: Motions for the Unitree G1", "license:", *(f"- {name}" for name in licences)]
    lines += ["task_categories:", "- robotics", "tags:"]
    lines += [f"- {tag}" for tag in ("robotics", "humanoid", "unitree-g1", "motion", "kung-fu", "dance", "mujoco")]
    lines += ["size_categories:", f"- {size}", "configs:", "- config_name: default", "  data_files: manifest.parquet"]
    return "\n".join([*lines, "---"])


def _hub_names(licence: str) -> list[str]:
    """Return the hub's names of a licence; it knows few, and the table below has the words themselves."""
    words = licence.rsplit(": ", 1)[-1].strip().lower()
    return [name for pattern, name in _HUB_NAMES if re.search(pattern, words)] or ["other"]


def _counts(rows: Rows) -> str:
    lines = []
    for outcome in Outcome:
        chosen = [row for row in rows if row.outcome is outcome]
        motion, usable = sum(row.duration_s for row in chosen), sum(row.usable_s for row in chosen)
        lines.append([outcome.value, str(len(chosen)), f"{motion:.1f}", f"{usable:.1f}", _MEANING[outcome]])
    damaged = f"\n\nOutcomes that cannot be read, and are not counted: {len(rows.damaged)}." if rows.damaged else ""
    table = _table(["outcome", "clips", "motion [s]", "usable [s]", "meaning"], lines)
    return f"## What is in it\n\n{table}{damaged}"


def _funnel(rows: Sequence[ManifestRow]) -> str:
    """Say what is left after each step, and what the clips were refused for."""
    moved = [row for row in rows if row.verdict is not None]
    usable = [row for row in rows if row.usable_s > 0.0]
    steps = [
        ["sources", str(len({row.clip.source.sha256 for row in rows})), ""],
        ["clips", str(len(rows)), ""],
        ["with a motion that was judged", str(len(moved)), f"{sum(row.duration_s for row in moved):.1f}"],
        ["with something that can be used", str(len(usable)), f"{sum(row.usable_s for row in usable):.1f}"],
    ]
    for name in sorted({name for row in rows for name in row.handed_off_s}):
        seconds = [row.handed_off_s.get(name, 0.0) for row in rows]
        steps.append([f"in files for {name}", str(sum(s > 0.0 for s in seconds)), f"{sum(seconds):.1f}"])
    refused = Counter(
        f"{check.stage}.{check.measurement}"
        for row in moved
        for check in (row.verdict.checks if row.verdict else ())
        if not check.passed and check.severity == "reject"
    )
    broken = Counter(f"broken at {row.broken_stage}" for row in rows if row.broken_stage is not None)
    why = sorted((refused + broken).items(), key=lambda item: (-item[1], item[0]))
    parts = ["## From sources to files", _table(["step", "number", "seconds"], steps)]
    if why:
        told = [[f"`{name}`" if name in refused else name, str(n)] for name, n in why[:_SHOWN_REASONS]]
        parts += ["What refused or ended most clips:", _table(["check", "clips"], told)]
    return "\n\n".join(parts)


def _licences(rows: Sequence[ManifestRow]) -> str:
    """Say under which licences how much motion stands; a clip stands under all it was made from."""
    names = sorted({licence for row in rows for licence in row.licences})
    if not names:
        return ""
    lines = []
    for name in names:
        bound = [row for row in rows if name in row.licences]
        usable = sum(row.usable_s for row in bound)
        lines.append([_cell(name), commercial_use(name).value, str(len(bound)), f"{usable:.1f}"])
    of_use = {use: sum(row.usable_s for row in rows if use_of(row.licences) is use) for use in Use}
    told = (
        f"Commercial use, all that a clip was made from together: allowed for {of_use[Use.ALLOWED]:.1f} s of what can "
        f"be used, forbidden for {of_use[Use.FORBIDDEN]:.1f} s, unknown for {of_use[Use.UNKNOWN]:.1f} s. This reads "
        "the licences' words and is no legal advice."
    )
    table = _table(["licence", "commercial use", "clips", "usable [s]"], lines)
    return f"## Licences\n\nA clip stands under the licences of everything that it was made from.\n\n{table}\n\n{told}"


def _settings(dataset: Dataset, rows: Sequence[ManifestRow]) -> str:
    """Name the settings of the builds, and of each what stands on its top level."""
    used = Counter(row.settings for row in rows)
    lines = []
    for name, number in sorted(used.items(), key=lambda item: str(item[0])):
        link = f"[`{name}`](settings/{name}.json)" if name is not None and is_digest(name) else "not recorded"
        lines.append([link, str(number), _cell(_shortly(dataset, name))])
    return f"## Settings\n\n{_table(['settings', 'clips', 'in short'], lines)}" if lines else ""


def _shortly(dataset: Dataset, name: str | None) -> str:
    try:
        said = dataset.settings(name) if name is not None and is_digest(name) else None
    except CorruptArtefact:
        return "cannot be read"
    items: Iterable[tuple[str, Any]] = sorted(said.items()) if isinstance(said, dict) else ()
    return ", ".join(f"{key}: {json.dumps(value)}" for key, value in items if not isinstance(value, dict))


def _layout() -> str:
    return """## Layout

| path | what |
|---|---|
| `manifest.parquet` | one row a clip: outcome, seconds, score, licences, all measurements; an index |
| `clips/<id>/row.json` | a clip's outcome with every check, its value, limit and frames |
| `clips/<id>/<stage>-<fingerprint>.json`, `.npz` | what a stage made of it, and from what |
| `clips/<id>/handoff/` | files that training reads |
| `clips/<id>/playback.mp4`, `poster.jpg`, `report.png`, `retarget.png` | to look at; `report.html` shows all of them |
| `settings/`, `recipes/` | with what it was made |

`wushu dataset verify` tells whether every file is as it was written."""


def _loading(dataset: Dataset, rows: Sequence[ManifestRow]) -> str:
    """Show how to choose clips and how to read one, with a stage that this dataset has."""
    best = max(rows, key=lambda row: (row.usable_s, len(row.fingerprints)), default=None)
    own = [] if best is None else [name for name, owner in results_of(dataset, best).items() if owner == best.clip.id]
    if not own:
        return ""
    stage = next((name for name in ("retarget", "retarget_23dof") if name in own), max(own))
    return f"""## Loading

```python
import numpy as np
import pyarrow.parquet as pq

rows = pq.read_table("manifest.parquet").to_pylist()        # or pandas.read_parquet, or DuckDB
row = max((r for r in rows if r["fingerprint.{stage}"]), key=lambda r: r["usable_s"])
arrays = np.load(f"clips/{{row['clip_id']}}/{stage}-{{row['fingerprint.{stage}']}}.npz", allow_pickle=False)
print(row["name"], {{name: arrays[name].shape for name in arrays.files}})
```

    duckdb -c "select name, usable_s, score from 'manifest.parquet' where outcome = 'accepted' order by score desc"

To train on it, let `wushu handoff` put together what a trainer takes: accepted clips only, split by source, with
leads, licences and checksums. `wushu handoff --help` names the formats."""


def _table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    rows = [titles, ["---"] * len(titles), *lines]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _cell(text: str) -> str:
    """Make a text of a user's safe to stand in a table."""
    return " ".join(text.replace("|", "\\|").replace("<", "&lt;").split())
