"""How fast GVHMR's network is at its published size, against other ways to compute the same, and the whole estimator.

    python -m benchmarks.gvhmr [--repeats 3] [--weights NAME] [--golden DIR] [--pictures-alone] [--json FILE]

One core, one thread, processor time. Peers compute the same numbers with the same weights (random, of the published
sizes: 12 blocks, 512 wide): ``explicit`` makes all scores, masks them and takes the softmax; ``sdpa`` gives torch's
fused attention the window as a mask. Their mask is made once, before the clock runs. Each figure is the least of the
repeats, which take turns.
``net_1430_bf16_mm`` is what half precision moves the joints by, with the weights that the estimator uses.
The parts that look at pictures are held to arrays that the reference printed, where a folder of these is given or
stands beside the repository (``benchmarks/gvhmr_pictures.py``).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention

from benchmarks.estimator_memory import long_evidence
from benchmarks.gvhmr_pictures import GOLDEN, picture_figures
from benchmarks.perfect import perfect_evidence
from benchmarks.report import Figure, parser, report
from pipeline.body import load_body
from pipeline.estimators.gvhmr import network as network_module
from pipeline.estimators.gvhmr.attention import window_allowed
from pipeline.estimators.gvhmr.config import GvhmrConfig
from pipeline.estimators.gvhmr.gvhmr_estimator import GvhmrEstimator
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkInputs, NetworkShape
from pipeline.kfbench import PIECES, stage_piece

_FRAMES = 1430
_LONG_FRAMES = 18_000
_FPS = 30.0


def main() -> None:
    """Measure and report."""
    options = parser(__doc__)
    options.add_argument("--repeats", type=int, default=3)
    options.add_argument("--weights", default=GvhmrConfig().weights)
    options.add_argument("--long-alone", action="store_true", help="measure the long clip's memory in this process")
    options.add_argument("--golden", type=Path, default=GOLDEN, help="folder of the reference's arrays")
    options.add_argument(
        "--pictures-alone", action="store_true", help="only hold the picture networks to the reference"
    )
    chosen = options.parse_args()
    torch.set_num_threads(1)
    if chosen.long_alone:
        print(_long_peak_mb())
        return
    figures = [*picture_figures(chosen.golden)]
    if not chosen.pictures_alone:
        figures += [*_network_figures(chosen.repeats), _memory_figure()]
        figures += _estimator_figures(chosen.weights, chosen.repeats)
    if not figures:
        raise SystemExit(f"{chosen.golden} holds none of the reference's arrays. Name their folder with --golden.")
    report(figures, chosen.json)


def _network_figures(repeats: int) -> Iterator[Figure]:
    network = _published_network()
    inputs, long_inputs = random_inputs(_FRAMES), random_inputs(_LONG_FRAMES)
    allowed = window_allowed(_FRAMES, network.shape.window)
    explicit, sdpa = (partial(way, allowed=allowed) for way in (explicit_attention, masked_sdpa))
    ways: dict[str, Callable[[], object]] = {
        "ours": lambda: network(inputs),
        "explicit": lambda: _with_attention(explicit, network, inputs),
        "sdpa": lambda: _with_attention(sdpa, network, inputs),
        "bf16": lambda: _in_half_precision(network, inputs),
        "long": lambda: network(long_inputs),
    }
    seconds = _least_seconds(ways, repeats)
    ours = seconds["ours"]
    yield Figure(key="net_1430_s", value=ours, unit="s", meaning="network, 1,430 frames, one core")
    for peer, bar in (("explicit", ">= 2"), ("sdpa", ">= 1")):
        yield Figure(key=f"net_1430_x_{peer}", value=seconds[peer] / ours, unit="x", meaning=f"{peer} / ours", bar=bar)
    half = seconds["explicit"] / seconds["bf16"]
    yield Figure(
        key="net_1430_bf16_x_explicit", value=half, unit="x", meaning="explicit / ours in bfloat16", bar=">= 3"
    )
    growth = seconds["long"] / ours
    yield Figure(key="net_18000_x_1430", value=growth, unit="x", meaning="18,000 frames / 1,430", bar="<= 14")


def _memory_figure() -> Figure:
    command = [sys.executable, "-m", "benchmarks.gvhmr", "--long-alone"]
    peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    meaning = "peak resident set of a process that runs 18,000 frames"
    return Figure(key="net_18000_peak_mb", value=peak, unit="MB", meaning=meaning, bar="< 2000")


def _estimator_figures(weights: str, repeats: int) -> Iterator[Figure]:
    body = load_body()
    evidence = long_evidence(perfect_evidence(stage_piece(PIECES["dance"], body), body), _FRAMES)
    single, half = (GvhmrEstimator(GvhmrConfig(weights=weights, precision=p)) for p in ("float32", "bfloat16"))
    joints = [estimator.estimate(evidence, body).joints()[0] for estimator in (single, half)]
    pose = [places - places[:, :1] for places in joints]
    moved = 1000.0 * float(np.linalg.norm(pose[0] - pose[1], axis=-1).mean())
    meaning = "what bfloat16 moves joints by about the pelvis, our weights"
    yield Figure(key="net_1430_bf16_mm", value=moved, unit="mm", meaning=meaning)
    seconds = _least_seconds({"estimate": lambda: single.estimate(evidence, body)}, repeats)["estimate"]
    meaning = f"evidence to SMPL, 1,430 frames in {seconds:.2f} s"
    yield Figure(key="x_realtime_one_core", value=_FRAMES / _FPS / seconds, unit="x", meaning=meaning, bar=">= 50")


def random_inputs(frames: int, *, seed: int = 0, image_features: int = 1024) -> NetworkInputs:
    """Return inputs of the right sizes; what they say does not matter for time."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape: int) -> Tensor:
        return torch.randn(1, frames, *shape, generator=generator)

    obs = torch.cat([normal(17, 2).clamp(-1, 1), torch.ones(1, frames, 17, 1)], dim=-1)
    return NetworkInputs(obs=obs, cliffcam=normal(3), cam_angvel=normal(6), imgseq=normal(image_features))


def explicit_attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    allowed: Tensor,
    window: int,
    valid: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """All scores, masked, through a softmax: the formula as it is written down."""
    scores = query @ key.mT / query.shape[-1] ** 0.5
    scores = scores.masked_fill(~allowed, -torch.inf)
    return scores.softmax(dim=-1) @ value


def masked_sdpa(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *,
    allowed: Tensor,
    window: int,
    valid: Tensor | None = None,
    dropout: float = 0.0,
) -> Tensor:
    """Torch's fused attention with the window as a mask."""
    return scaled_dot_product_attention(query, key, value, attn_mask=allowed)


def _published_network() -> GvhmrNetwork:
    torch.manual_seed(0)
    return GvhmrNetwork(NetworkShape(), gate=0.2).eval()


@contextmanager
def _attention(function: Callable[..., Tensor]) -> Iterator[None]:
    ours = network_module.windowed_attention
    network_module.windowed_attention = function
    try:
        yield
    finally:
        network_module.windowed_attention = ours


def _with_attention(function: Callable[..., Tensor], network: GvhmrNetwork, inputs: NetworkInputs) -> object:
    with _attention(function):
        return network(inputs)


def _in_half_precision(network: GvhmrNetwork, inputs: NetworkInputs) -> object:
    with torch.autocast("cpu", torch.bfloat16):
        return network(inputs)


def _least_seconds(ways: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Processor time of each way, the least of some repeats that take turns [s]."""
    least = dict.fromkeys(ways, np.inf)
    with torch.inference_mode():
        for name in [name for _ in range(repeats) for name in ways]:
            begun = time.process_time()
            ways[name]()
            least[name] = min(least[name], time.process_time() - begun)
    return least


def _long_peak_mb() -> float:
    network, inputs = _published_network(), random_inputs(_LONG_FRAMES)
    with torch.inference_mode():
        network(inputs)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


if __name__ == "__main__":
    main()
