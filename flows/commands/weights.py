"""``wushu weights``: networks' weights on this machine; GVHMR's and HMR2.0's come from files that a user downloaded."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import tyro
from rich.markup import escape
from rich.table import Table

from flows.console import console, show_warning
from flows.exceptions import CannotWrite
from pipeline.body import body_names
from pipeline.estimators.exceptions import UnusableWeights
from pipeline.estimators.gvhmr.packages import require_packages
from pipeline.estimators.gvhmr.weights_card import IMPORT, OFFICIAL, SUFFIX, find_weights, weights_dir, weights_files
from pipeline.estimators.hmr2.weights_file import KIND, hmr2_file, read_hmr2_card
from pipeline.home import Home

if TYPE_CHECKING:
    from pipeline.estimators.gvhmr.weights import GvhmrWeights


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportWeights:
    """Check a published checkpoint tensor by tensor and keep it; no code in it is run."""

    kind: tyro.conf.Positional[Literal["gvhmr", "hmr2"]]
    """Which network it is of: GVHMR's own, or HMR2.0a, which makes its image features."""
    file: tyro.conf.Positional[Path]
    """The checkpoint as you downloaded it, under the licence you accepted."""
    sha256: str | None = None
    """Hash that the file must have; looked at before anything in it is read."""
    out: Path | None = None
    """Where to keep the weights (.safetensors), instead of under the name 'official' or 'hmr2' for this user."""
    overwrite: bool = False
    """Replace the file named by --out."""
    half: bool = False
    """Keep HMR2.0's numbers in half precision: 1.3 GB instead of 2.7 GB of disk."""

    def __call__(self) -> int:
        """Read, keep, and say what was found."""
        if self.out is not None and self.out.exists() and not self.overwrite:
            raise CannotWrite(self.out, problem="is there already", remedy="Name another --out, or add --overwrite")
        return self._import_hmr2() if self.kind == "hmr2" else self._import_gvhmr()

    def _import_gvhmr(self) -> int:
        from pipeline.estimators.gvhmr.checkpoint import read_checkpoint
        from pipeline.estimators.gvhmr.weights import save_weights
        from pipeline.estimators.torch_archive import listed

        home = Home.of_user()
        out = weights_dir(home) / f"{OFFICIAL}{SUFFIX}" if self.out is None else self.out
        with console.status("checking the checkpoint"):
            found = read_checkpoint(self.file, sha256=self.sha256)
            kept = save_weights(out, found.weights, half=found.half)
        name = OFFICIAL if self.out is None else str(out)
        _say(f"imported as '{name}': {len(kept.tensors)} tensors, {kept.n_parameters:,} numbers, in {out}")
        self._say_hash(kept.source_sha256)
        if found.ignored:
            _say(f"ignored, as the network has no such tensors: {listed(list(found.ignored))}")
        for remark in found.remarks:
            _say(remark)
        _say(f"licence: {kept.licence}")
        _warn_of_body(kept, home)
        return 0

    def _import_hmr2(self) -> int:
        from pipeline.estimators.hmr2.weights import import_hmr2

        out = hmr2_file(Home.of_user()) if self.out is None else self.out
        with console.status("checking the checkpoint, some gigabytes"):
            found = import_hmr2(self.file, out, sha256=self.sha256, half=self.half)
        name = KIND if self.out is None else str(out)
        _say(f"imported as '{name}': {found.n_tensors} tensors, {found.n_numbers:,} numbers, in {out}")
        self._say_hash(found.card.source_sha256)
        _say(f"left out, as they serve training or read a body: {found.n_ignored} tensors")
        _say(f"licence: {found.card.licence}")
        use = "--features.network hmr2" + ("" if self.out is None else f" --features.weights {out}")
        _say(f"used with GVHMR's own weights: `wushu run FILM --gvhmr.weights official {use}`")
        return 0

    def _say_hash(self, digest: str) -> None:
        if self.sha256 is None:
            _say(
                f"sha256 of the checkpoint: {digest}. This program does not know which one the published "
                "file has: compare it with what its page says, if it says any."
            )
        else:
            _say(f"sha256 of the checkpoint: {digest}, as asked for")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListWeights:
    """List the weights on this machine."""

    def __call__(self) -> int:
        """Read each file and print a line; 1 if one cannot be used."""
        from pipeline.estimators.gvhmr.weights import read_weights

        files = weights_files(weights_dir(Home.of_user()))
        table = Table("name", "numbers", "body", "licence", "from")
        broken: list[UnusableWeights] = []
        for name, path in files.items():
            try:
                weights = read_weights(path)
            except UnusableWeights as error:
                broken.append(error)
            else:
                cells = (name, f"{weights.n_parameters:,}", weights.body, weights.licence, weights.source)
                table.add_row(*map(escape, cells))
        if (path := hmr2_file(Home.of_user())).is_file():
            try:
                card = read_hmr2_card(path, hashed=False)
            except UnusableWeights as error:
                broken.append(error)
            else:
                size = f"{path.stat().st_size / 1e9:.1f} GB"
                table.add_row(*map(escape, (KIND, size, "image features", card.licence, card.source)))
        if table.row_count:
            console.print(table)
        if not files and not table.row_count:
            _say(f"no weights here. GVHMR's own are taken in with `{IMPORT}` (docs/gvhmr.md).")
        for error in broken:
            show_warning(error)
        return int(bool(broken))


@dataclass(frozen=True, slots=True, kw_only=True)
class ShowWeights:
    """Show what weights are: sizes, body, licence, source, data, hashes."""

    name: tyro.conf.Positional[str]
    """A name that `wushu weights list` shows, or the path of a .safetensors file."""

    def __call__(self) -> int:
        """Read the file whole, so that damage is found, and print what it says."""
        from pipeline.estimators.gvhmr.weights import read_weights

        home = Home.of_user()
        path = find_weights(self.name, weights_dir(home))
        weights = read_weights(path)
        for what, said in _facts(path, weights).items():
            console.print(f"[bold]{what:<12}[/] {escape(said)}", highlight=False, soft_wrap=True)
        _warn_of_body(weights, home)
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """Weights of the estimator `gvhmr` and of its image features: import the published ones, list, show."""

    job: (
        Annotated[ImportWeights, tyro.conf.subcommand("import")]
        | Annotated[ListWeights, tyro.conf.subcommand("list")]
        | Annotated[ShowWeights, tyro.conf.subcommand("show")]
    )

    def __call__(self) -> int:
        """Do the job.

        Raises:
            ExtraNotInstalled: The packages that read weights are not here.
        """
        require_packages()
        return self.job()


def _facts(path: Path, weights: GvhmrWeights) -> dict[str, str]:
    """What is shown of weights, line by line."""
    shape = weights.shape
    extras = [f"image features of {shape.image_features}"] * bool(shape.image_features)
    extras += [f"details of {shape.detail_features}"] * bool(shape.detail_features)
    precisions = sorted({str(tensor.dtype).removeprefix("torch.") for tensor in weights.tensors.values()})
    facts = {
        "file": f"{path} ({path.stat().st_size / 1e6:.1f} MB)",
        "network": f"{shape.layers} blocks of {shape.latent}, {shape.heads} heads, window of {shape.window} frames",
        "takes": ", ".join(["keypoints, box, camera rotation", *extras]),
        "numbers": f"{weights.n_parameters:,} in {len(weights.tensors)} tensors, {' and '.join(precisions)}",
        "body": weights.body,
        "licence": weights.licence,
        "source": weights.source,
        "trained on": ", ".join(weights.trained_on),
        "sha256": weights.sha256,
    }
    return facts | ({"checkpoint": f"sha256 {weights.source_sha256}"} if weights.source_sha256 else {})


def _warn_of_body(weights: GvhmrWeights, home: Home) -> None:
    """Say what is still missing before these weights can be used."""
    if weights.body not in body_names(home.bodies_dir):
        show_warning(
            f"the betas of these weights belong to body '{weights.body}', which is not on this machine: motions are "
            f"refused until it is. Accept its licence, download {weights.body.upper()}.npz and take it in with "
            f"`wushu body import {weights.body.upper()}.npz` (docs/gvhmr.md)."
        )


def _say(sentence: str) -> None:
    console.print(escape(sentence), highlight=False, soft_wrap=True)
