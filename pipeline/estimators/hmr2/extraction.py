"""From a film and the person's boxes to HMR2.0's feature of every frame, a batch of crops at a time.

What is held in memory: the network (2.7 GB in single precision, 1.35 GB in halves), one batch of crops, one picture.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from torch import Tensor

from pipeline.estimators.crop import CROP_COLUMNS, cut_out, halved, normalised
from pipeline.estimators.exceptions import DeviceMissing
from pipeline.estimators.gvhmr.sighting import sight
from pipeline.estimators.hmr2.network import Hmr2Network
from pipeline.estimators.image_features import FeatureConfig, ImageFeatures
from pipeline.evidence import Evidence
from retarget.progress import Progress, silent
from robots.exceptions import InvalidArray


def check_device(config: FeatureConfig) -> None:
    """Find out whether the network can run where it is to.

    Raises:
        DeviceMissing: There is no such device.
    """
    if config.device == "cuda" and not torch.cuda.is_available():
        raise DeviceMissing(config.device, torch_version=torch.__version__, option="--features.device")


def features_of(
    pictures: Iterable[UInt8[np.ndarray, "height width 3"]],
    shown: Evidence,
    network: Hmr2Network,
    config: FeatureConfig,
    *,
    mirrored_too: bool,
    progress: Progress = silent,
) -> ImageFeatures:
    """Return the features of a person.

    Args:
        pictures: The picture of each frame, of any size.
        shown: What was seen of the person, at the network's rate.
        network: Where it is to run, in the precision that it is to compute in.
        config: Batch.
        mirrored_too: Ask of the mirror images as well: twice the time.
        progress: Frames that are done.

    Raises:
        TooLittleEvidence: A person is visible in too few frames.
        InvalidArray: There are fewer pictures than frames.
    """
    boxes = sight(shown, with_detail=False).bbx_xys[0].double().numpy()
    tokens: list[np.ndarray] = []
    mirrored: list[np.ndarray] = []
    done = 0
    progress(0, len(shown))
    for crops in _batches(_crops(pictures, shown, boxes), config.batch):
        tokens.append(ask(network, crops))
        if mirrored_too:
            mirrored.append(ask(network, crops[:, :, ::-1]))
        done += len(crops)
        progress(done, len(shown))
    if done != len(shown):
        raise InvalidArray("pictures", problem=f"are {done}, for {len(shown)} frames")
    return ImageFeatures(tokens=np.concatenate(tokens), mirrored=np.concatenate(mirrored) if mirrored_too else None)


@torch.inference_mode()
def ask(network: Hmr2Network, crops: UInt8[np.ndarray, "batch 256 256 3"]) -> Float32[np.ndarray, "batch token"]:
    """Return the feature of each crop, in single precision."""
    like: Tensor = network.backbone.pos_embed
    given = torch.from_numpy(normalised(crops)[..., CROP_COLUMNS]).to(device=like.device, dtype=like.dtype)
    return network(given).float().cpu().numpy()


def _crops(
    pictures: Iterable[UInt8[np.ndarray, "height width 3"]], shown: Evidence, boxes: Float[np.ndarray, "frames 3"]
) -> Iterator[UInt8[np.ndarray, "256 256 3"]]:
    """Cut the person out of each picture, which is halved first, as the authors' program halves films."""
    assert shown.zoom is not None  # filled when the evidence was made
    for frame, (picture, box) in enumerate(zip(pictures, boxes, strict=False)):
        half = halved(picture)
        scale = half.shape[1] / shown.image_size[0]
        centre = shown.in_picture(box[None, :2], frame)[0]
        yield cut_out(half, scale * np.array([*centre, box[2] * shown.zoom[frame]]))


def _batches(crops: Iterable[np.ndarray], size: int) -> Iterator[UInt8[np.ndarray, "batch 256 256 3"]]:
    batch: list[np.ndarray] = []
    for crop in crops:
        batch.append(crop)
        if len(batch) == size:
            yield np.stack(batch)
            batch = []
    if batch:
        yield np.stack(batch)
