"""How far crops, HMR2.0's feature and ViTPose's keypoints are from the arrays that the reference printed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

from benchmarks.report import Figure
from pipeline.estimators.crop import CROP_COLUMNS, cut_out, normalised
from pipeline.estimators.heat_maps import keypoints_of_maps
from pipeline.estimators.hmr2.network import Hmr2Network, Hmr2Shape
from pipeline.estimators.vision_transformer import BackboneShape

GOLDEN = Path(__file__).parents[2] / "shared" / "golden"
"""Where the arrays stand on the machines that this was built on; nothing of the program needs them."""


def picture_figures(folder: Path) -> Iterator[Figure]:
    """Compare what there is to compare with; a file that is not there gives no figure."""
    for name, figure in (("crop", _crop), ("hmr2_small", _hmr2), ("vitpose_decode", _decoding)):
        path = folder / f"{name}.npz"
        if path.is_file():
            with np.load(path, allow_pickle=False) as arrays:
                yield figure(dict(arrays))


def _crop(arrays: dict[str, np.ndarray]) -> Figure:
    crops = np.stack([cut_out(*pair) for pair in zip(arrays["images"], arrays["bbx_xys"], strict=True)])
    worst = float(np.abs(normalised(crops) - arrays["crops"]).max())
    meaning = "a person's crop, normalised; the reference's is stored in halves, and a shade of grey is 0.017"
    return Figure(key="crop_max_err", value=worst, unit="", meaning=meaning, bar="<= 1.1e-3")


def _hmr2(arrays: dict[str, np.ndarray]) -> Figure:
    width, depth, heads, token, layers, decoder_heads, head_width, hidden = (int(size) for size in arrays["hparams"])
    shape = Hmr2Shape(
        backbone=BackboneShape(width=width, depth=depth, heads=heads),
        token=token,
        layers=layers,
        heads=decoder_heads,
        head_width=head_width,
        hidden=hidden,
    )
    network = Hmr2Network(shape).eval()
    network.load_state_dict({name: torch.from_numpy(value) for name, value in arrays.items() if "." in name})
    with torch.inference_mode():
        crops = torch.from_numpy(arrays["x"].astype(np.float32))[..., CROP_COLUMNS]
        worst = float(np.abs(network(crops).numpy() - arrays["token"]).max())
    meaning = "HMR2.0's feature of a small network, against the reference's"
    return Figure(key="hmr2_small_max_err", value=worst, unit="", meaning=meaning, bar="<= 1e-4")


def _decoding(arrays: dict[str, np.ndarray]) -> Figure:
    boxes = np.concatenate([arrays["center"], arrays["size"]], axis=1)
    found = keypoints_of_maps(arrays["heatmaps"], boxes)
    worst = float(np.abs(found[..., :2] - arrays["kp_xy"]).max())
    meaning = "keypoints of ViTPose's heat maps, against the reference's"
    return Figure(key="vitpose_decode_max_px", value=worst, unit="px", meaning=meaning, bar="<= 1e-3")
