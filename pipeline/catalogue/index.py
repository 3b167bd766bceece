"""Makes ``manifest.parquet`` of a dataset's outcomes: one row a clip, for those who choose what to train on.

It is an index. Nothing is decided by it, and :func:`write_catalogue` makes it anew from the outcomes alone. Beside it
stands ``index.json``, sealed: the hashes of all that is made from the clips together (index, card, page), and of what
is remembered of builds.

| column | type | what |
|---|---|---|
| ``clip_id``, ``name`` | text | folder of the clip; what people call it |
| ``source_name``, ``source_path``, ``source_sha256`` | text | the file it comes from |
| ``start_s``, ``end_s`` | number or null | its span on the source's clock [s] |
| ``person`` | integer | rank of the person in their shot, 0 = the main one |
| ``outcome`` | text | accepted, mended, rejected or broken |
| ``tier``, ``score`` | text, number, or null | which limits judged it; rank in [0, 1] |
| ``duration_s``, ``usable_s`` | number | length of the motion, and of what is accepted of it [s] |
| ``pieces`` | integer | how many parts are accepted |
| ``licences`` | list of texts | of all it is made from |
| ``commercial_use`` | text | allowed, forbidden or unknown: the worst of them |
| ``reasons``, ``remarks`` | lists of texts | why it is not accepted; what a person should know |
| ``broken_stage``, ``error`` | text or null | where it could not go on, and why |
| ``settings`` | text or null | ``settings/<digest>.json`` |
| ``row_sha256`` | text | hash of its ``row.json``, by which an index that is out of date is found |
| ``handed_off_s.<format>`` | number or null | what stands in the files of a format [s] |
| ``<stage>.<measurement>`` | number or null | what was measured |
| ``fingerprint.<stage>`` | text or null | result that counts, ``clips/<clip_id>/<stage>-<fingerprint>.npz`` |
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.builds import BUILDS_FILE, add_build, read_history
from pipeline.catalogue.card import CARD_FILE, card
from pipeline.catalogue.contents import content_sha256, is_digest
from pipeline.catalogue.findings import Finding
from pipeline.exceptions import CorruptArtefact
from pipeline.licences import use_of
from pipeline.manifest import ROW_FILE, ManifestRow, Rows, read_row
from pipeline.sealed import read_sealed
from pipeline.store import LAYOUT_VERSION, Dataset, write_bytes, write_json

INDEX_FILE = "index.json"
MANIFEST_FILE = "manifest.parquet"
PAGE_FILE = "report.html"
MADE_TOGETHER = (MANIFEST_FILE, CARD_FILE, PAGE_FILE, BUILDS_FILE)
"""What is made from all clips together, and hashed in ``index.json``; the last two only if they are there."""

_NOT_ALWAYS = (PAGE_FILE, BUILDS_FILE)

_REMEDY = "Run `wushu dataset index` on the dataset, which makes it anew from the outcomes"


def write_catalogue(
    dataset: Dataset, write_page: Callable[[Dataset, Rows], object] | None = None, *, build_ended: bool = False
) -> Rows:
    """Make index, card and, if told how, page from the outcomes that are there now; return those.

    Args:
        dataset: Whose.
        write_page: Writes ``report.html`` of these outcomes. Without it, the page that is there stays.
        build_ended: A build came to its end just now: what it changed is remembered, to be compared with the next.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    with dataset.index_lock():
        rows, hashes = _read_rows(dataset)
        if build_ended:
            add_build(dataset, rows)
        if write_page is not None:
            write_page(dataset, rows)
        write_bytes(dataset.root / MANIFEST_FILE, _parquet(rows, hashes))
        write_bytes(dataset.root / CARD_FILE, card(dataset, rows).encode())
        there = [name for name in MADE_TOGETHER if (dataset.root / name).is_file()]
        files = {name: content_sha256(dataset.root / name) for name in there}
        write_json(dataset.root / INDEX_FILE, {"layout": LAYOUT_VERSION, "clips": len(rows), "files": files})
    return rows


def rebuild_index(dataset: Dataset) -> Rows:
    """Make index and card anew from the outcomes alone, whatever state the old ones are in; return the outcomes.

    Raises:
        OutputNotWritable: The folder cannot be written, or the disk is full.
    """
    return write_catalogue(dataset)


def check_index(dataset: Dataset) -> Iterator[Finding]:
    """Find what in the index is damaged, or does not agree with the outcomes."""
    root = dataset.root
    found = sorted((root / "clips").glob(f"*/{ROW_FILE}"))
    rows = {path.parent.name: path for path in found if is_digest(path.parent.name)}
    if not (root / INDEX_FILE).exists():
        if rows or (root / MANIFEST_FILE).exists():
            yield _fault(INDEX_FILE, "is missing")
        return
    try:
        files = read_sealed(root / INDEX_FILE).get("files")
    except CorruptArtefact as error:
        yield _fault(INDEX_FILE, error.problem)
        return
    files = files if isinstance(files, dict) else {}
    bad = [*_check_builds(dataset), *(finding for name in MADE_TOGETHER for finding in _check_file(root, name, files))]
    yield from bad
    if not any(finding.path == MANIFEST_FILE for finding in bad):
        yield from _check_manifest(root / MANIFEST_FILE, rows)


def _check_file(root: Path, name: str, files: dict[str, Any]) -> Iterator[Finding]:
    path = root / name
    if not path.exists() and (name in files or name not in _NOT_ALWAYS):
        yield _fault(name, "is missing")
    elif path.exists() and content_sha256(path) != files.get(name):
        yield _fault(name, "its content has changed since the index was made")


def _check_builds(dataset: Dataset) -> Iterator[Finding]:
    """Read what is remembered of builds; nothing hangs on it but the comparison on the page."""
    remedy = "Add --repair, which takes it away: the next build begins a new one"
    for problem in read_history(dataset).damaged:
        yield Finding(path=BUILDS_FILE, problem=problem, remedy=remedy, remove=(BUILDS_FILE,))


def _check_manifest(path: Path, rows: dict[str, Path]) -> Iterator[Finding]:
    """Hold the clips of the index against those of the dataset."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.ParquetFile(path).read(columns=["clip_id", "row_sha256"])
        indexed = dict(zip(table["clip_id"].to_pylist(), table["row_sha256"].to_pylist(), strict=True))
    except (pa.ArrowException, OSError, KeyError) as error:
        yield _fault(path.name, f"cannot be read ({str(error).splitlines()[0]})")
        return
    for clip_id in sorted(set(indexed) - set(rows), key=str):
        folder = f"clips/{clip_id}" if is_digest(str(clip_id)) else f"a folder named '{clip_id!s:.40}'"
        yield _fault(path.name, f"lists a clip whose outcome is not there ({folder})")
    for clip_id, row in rows.items():
        if clip_id not in indexed:
            yield _fault(path.name, f"does not list clips/{clip_id}, which has an outcome")
        elif content_sha256(row) != indexed[clip_id]:
            yield _fault(path.name, f"is out of date: clips/{clip_id}/{ROW_FILE} is another by now")


def _fault(name: str, problem: str) -> Finding:
    # A page that is left would be taken for a good one by an index that is made without it.
    return Finding(path=name, problem=problem, remedy=_REMEDY, remove=(PAGE_FILE,) if name == PAGE_FILE else ())


def _read_rows(dataset: Dataset) -> tuple[Rows, dict[str, str]]:
    """Read all outcomes, each with the hash of the very file that was read, while builds may write others."""
    rows, damaged, hashes = [], [], {}
    for clip_id in dataset.clip_ids():
        path = dataset.clip_dir(clip_id) / ROW_FILE
        while path.exists():
            try:
                before, row = content_sha256(path), read_row(dataset, clip_id)
                if content_sha256(path) == before:
                    rows.append(row)
                    hashes[clip_id] = before
                    break
            except CorruptArtefact as error:
                if path.exists():  # and was not taken back just now
                    damaged.append(error)
                break
    return Rows(tuple(rows), tuple(damaged)), hashes


def _parquet(rows: Sequence[ManifestRow], hashes: dict[str, str]) -> bytes:
    """Return the index; equal outcomes give equal bytes under one version of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    said = [_cells(row, hashes[row.clip.id]) for row in rows]
    schema = _schema(said)
    table = pa.Table.from_pylist(said, schema=schema)
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue().to_pybytes()


def _cells(row: ManifestRow, row_sha256: str) -> dict[str, Any]:
    """Return one line of the index, column by column."""
    clip, span = row.clip, row.clip.span_s or (None, None)
    own: dict[str, Any] = {
        "clip_id": clip.id,
        "name": clip.name,
        "source_name": clip.source.name,
        "source_path": clip.source.path,
        "source_sha256": clip.source.sha256,
        "start_s": span[0],
        "end_s": span[1],
        "person": clip.person,
        "outcome": row.outcome.value,
        "tier": row.verdict.tier if row.verdict else None,
        "score": row.verdict.score if row.verdict else None,
        "duration_s": row.duration_s,
        "usable_s": row.usable_s,
        "pieces": len(row.pieces),
        "licences": list(row.licences),
        "commercial_use": use_of(row.licences).value,
        "reasons": list(row.reasons),
        "remarks": list(row.remarks),
        "broken_stage": row.broken_stage,
        "error": row.error,
        "settings": row.settings,
        "row_sha256": row_sha256,
    }
    own |= {f"handed_off_s.{name}": seconds for name, seconds in row.handed_off_s.items()}
    own |= {name: float(value) for name, value in row.metrics.items() if name not in own}
    return own | {f"fingerprint.{stage}": name for stage, name in row.fingerprints.items()}


def _schema(said: Sequence[dict[str, Any]]) -> Any:
    """Return the columns: the fixed ones, then those of what the clips have, by name."""
    import pyarrow as pa

    text, texts, number = pa.string(), pa.list_(pa.string()), pa.float64()
    fixed = dict.fromkeys(("clip_id", "name", "source_name", "source_path", "source_sha256"), text)
    fixed |= {"start_s": number, "end_s": number, "person": pa.int64(), "outcome": text, "tier": text, "score": number}
    fixed |= {"duration_s": number, "usable_s": number, "pieces": pa.int64(), "licences": texts, "commercial_use": text}
    fixed |= {"reasons": texts, "remarks": texts, "broken_stage": text, "error": text, "settings": text}
    fixed |= {"row_sha256": text}
    others = sorted({name for cells in said for name in cells} - set(fixed), key=_place)
    metadata = {"wushu_layout": str(LAYOUT_VERSION)}
    columns = fixed | {name: text if name.startswith("fingerprint.") else number for name in others}
    return pa.schema([pa.field(name, kind) for name, kind in columns.items()], metadata=metadata)


def _place(name: str) -> tuple[int, str]:
    """Hand-off first, then what was measured, fingerprints last."""
    groups = ("handed_off_s.", "", "fingerprint.")
    return next(i for i in (0, 2, 1) if name.startswith(groups[i])), name
