"""Says where HMR2.0's weights are kept, and what they say of themselves, without torch and without their numbers."""

from __future__ import annotations

from pathlib import Path

from pipeline.estimators.exceptions import UnknownWeights
from pipeline.estimators.gvhmr.weights_card import SUFFIX, WeightsCard, read_card, weights_dir
from pipeline.home import Home

KIND = "hmr2"
"""Network that the weights are of."""
HMR2_LICENCE = (
    "HMR2.0 weights: non-commercial research only, as are the SMPL model and the data that they were trained on"
)
"""What is recorded with every motion that they had a part in: the code is MIT, what they learned from is not."""
HMR2_DATA = ("Human3.6M", "MPI-INF-3DHP", "COCO", "MPII", "InstaVariety", "AVA", "AI Challenger")
"""What the published network was trained on."""
IMPORT_HMR2 = "wushu weights import hmr2 FILE"


def hmr2_file(home: Home) -> Path:
    """File in which imported weights are kept, beside GVHMR's."""
    return weights_dir(home) / KIND / f"{KIND}{SUFFIX}"


def find_hmr2(home: Home, given: str | None = None) -> Path:
    """Return the file of the weights.

    Args:
        home: Folders of the user.
        given: Path of another ``.safetensors`` file.

    Raises:
        UnknownWeights: None were imported.
    """
    if given is not None:
        return Path(given)
    path = hmr2_file(home)
    if not path.is_file():
        remedy = f"Take them in with `{IMPORT_HMR2}` (docs/gvhmr.md), or run with `--features.network none`"
        raise UnknownWeights(KIND, known=(), remedy=remedy)
    return path


def read_hmr2_card(path: Path, *, hashed: bool = True) -> WeightsCard:
    """Read what a file of weights says of itself, and hash its gigabytes unless told not to.

    Raises:
        UnusableWeights: The file is missing, cut short, of another format, or does not say what it is.
    """
    return read_card(path, kind=KIND, hashed=hashed)
