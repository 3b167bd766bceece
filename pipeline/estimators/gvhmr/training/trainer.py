"""Trains the network step by step; stops, resumes and ends at any step, and repeats itself for the same seed."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from scipy import sparse
from torch import Tensor

from pipeline.body import SkinnedBody
from pipeline.estimators.gvhmr.codec import CODE_LENGTH, Codec
from pipeline.estimators.gvhmr.detail import DETAIL_FEATURES
from pipeline.estimators.gvhmr.network import GvhmrNetwork, NetworkInputs, NetworkShape
from pipeline.estimators.gvhmr.skeleton import Skeleton
from pipeline.estimators.gvhmr.training.batches import Batch, BatchMaker, SightingConfig
from pipeline.estimators.gvhmr.training.device import on_device
from pipeline.estimators.gvhmr.training.exceptions import TrainingDiverged, UnusableTrainingState
from pipeline.estimators.gvhmr.training.motion_bank import SHORTEST, AugmentationConfig, MotionBank
from pipeline.estimators.gvhmr.training.objective import ObjectiveWeights, errors, objective
from pipeline.estimators.gvhmr.weights import GvhmrWeights
from pipeline.store import atomic_path
from pipeline.synthetic import DetectorModel
from retarget.smpl_motion import SmplMotion
from robots.exceptions import InvalidArray

_STATE_FORMAT = 1
_STATISTICS_BATCHES = 8
_SMALLEST_STD = 0.03
_FIRST_GATE = 0.2
"""The published network opens its blocks from zero; from here a short training gets farther."""
_VELOCITY = slice(148, 151)
_MAY_CHANGE = frozenset({"steps", "cooldown_steps", "learning_rate", "device"})
"""Fields of :class:`TrainingConfig` that a run may be taken up again with other values of."""
_MOST_SKIPPED = 100
"""Steps in a row without a finite gradient that end a training."""
_LISTED = 5


def _own_shape() -> NetworkShape:
    return NetworkShape(latent=192, layers=4, heads=3, embed=384, image_features=0, detail_features=DETAIL_FEATURES)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingConfig:
    """How the network is trained."""

    steps: int = 21_000
    """Steps in all."""
    cooldown_steps: int = 14_800
    """Last steps, over which the learning rate falls to zero; it stays the same before."""
    warmup_steps: int = 200
    """First steps, over which it rises."""
    batch: int = 16
    """Windows a step."""
    frames: int = 120
    """Length of a window."""
    learning_rate: float = 1.5e-3
    """Of AdamW."""
    weight_decay: float = 0.01
    """Of AdamW."""
    clip_norm: float = 1.0
    """Longest gradient."""
    condition_dropout: float = 0.05
    """Share of frames that lose a condition."""
    average: float = 0.998
    """Memory of the running mean of the weights, which is what is kept."""
    dropout: float = 0.0
    """Share dropped within the network."""
    bfloat16: bool = True
    """Compute in half precision where that loses nothing that matters."""
    seed: int = 0
    """Of everything random."""
    device: str = "cpu"
    """Where the network computes, as torch names it; windows are always made on the processor."""
    shape: NetworkShape = field(default_factory=_own_shape)
    """Sizes of the network."""
    augmentation: AugmentationConfig = field(default_factory=AugmentationConfig)
    """How windows are changed."""
    sighting: SightingConfig = field(default_factory=SightingConfig)
    """How windows are seen."""
    objective: ObjectiveWeights = field(default_factory=ObjectiveWeights)
    """What is asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepLog:
    """What a step told."""

    step: int
    """Steps done."""
    learning_rate: float
    """Of this step."""
    gradient_norm: float
    """Before it is clipped; where it is not finite, nothing was learned in this step."""
    terms: dict[str, float]
    """Terms of the objective."""


class Trainer:
    """A network in training and all that its next step depends on."""

    def __init__(
        self,
        motions: Sequence[SmplMotion],
        body: SkinnedBody,
        detector: DetectorModel,
        landmark_regressor: sparse.csr_array,
        config: TrainingConfig,
        *,
        names: Sequence[str] | None = None,
    ) -> None:
        """Begin at step 0.

        Args:
            motions: What is learned from; those that are too short are left out.
            body: Whose motions they are.
            detector: Who sees them.
            landmark_regressor: Weights (points, verts) of its 3-D landmarks.
            config: How it is learned.
            names: Of the motions, each its own; they are kept with the training's state and named by its weights.

        Raises:
            InvalidArray: No motion is long enough, or names are missing or not each its own.
        """
        if names is not None and not len(names) == len(set(names)) == len(motions):
            raise InvalidArray("names", problem=f"are not one of its own for each of {len(motions)} motions")
        self.config = config
        kept = [number for number, motion in enumerate(motions) if len(motion) >= SHORTEST]
        self.clips: dict[str, int] | None = (
            None if names is None else {names[number]: len(motions[number]) for number in kept}
        )
        """Frames of each clip that is learned from, by name; None where names are not known."""
        self.past_is_known = True
        """Whether all that was ever learned from is among ``clips``."""
        self.between_steps = True
        """Whether the last step is whole; nothing is saved while one is half done."""
        self._skipped = 0
        self._bank = MotionBank(motions)
        self._maker = BatchMaker(body, detector, landmark_regressor, config.sighting)
        self._generator = torch.Generator().manual_seed(config.seed)
        torch.manual_seed(config.seed)
        self._device = torch.device(config.device)
        self.network = GvhmrNetwork(config.shape, dropout=config.dropout, gate=_FIRST_GATE).to(self._device)
        self.averaged = GvhmrNetwork(config.shape).to(self._device)
        self._skeleton = Skeleton.of(body).to(self._device)
        self.averaged.load_state_dict(self.network.state_dict())
        self.codec = on_device(self._statistics(), self._device)
        self._optimizer = torch.optim.AdamW(
            self.network.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay, betas=(0.9, 0.98)
        )
        self.step = 0

    def run(self, until: int) -> Iterator[StepLog]:
        """Take steps until so many are done, and tell of each.

        Raises:
            TrainingDiverged: No gradient was finite for 100 steps in a row.
        """
        self.network.train()
        while self.step < until:
            self.between_steps = False
            told = self._take_step()
            self.between_steps = True
            yield told
            self._skipped = 0 if math.isfinite(told.gradient_norm) else self._skipped + 1
            if self._skipped >= _MOST_SKIPPED:
                raise TrainingDiverged(step=self.step, skipped=self._skipped)

    def _take_step(self) -> StepLog:
        config = self.config
        rate = config.learning_rate * self._rate_share()
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        drawn = self._draw()
        batch = on_device(replace(drawn, inputs=self._with_dropped_conditions(drawn.inputs)), self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=config.bfloat16):
            out = self.network(batch.inputs)
        terms = objective(out, batch, self.codec, self._skeleton, config.objective)
        self._optimizer.zero_grad(set_to_none=True)
        torch.stack(list(terms.values())).sum().backward()
        norm = torch.nn.utils.clip_grad_norm_(self.network.parameters(), config.clip_norm)
        if torch.isfinite(norm):
            self._optimizer.step()
        self.step += 1
        memory = min(config.average, 1.0 - 10.0 / (self.step + 10.0))
        with torch.no_grad():
            torch._foreach_lerp_(list(self.averaged.parameters()), list(self.network.parameters()), 1.0 - memory)
        return StepLog(
            step=self.step,
            learning_rate=rate,
            gradient_norm=float(norm),
            terms={name: float(term.detach()) for name, term in terms.items()},
        )

    def _rate_share(self) -> float:
        rise = min(1.0, (self.step + 1) / max(self.config.warmup_steps, 1))
        left = (self.config.steps - self.step) / max(self.config.cooldown_steps, 1)
        return rise * min(1.0, max(left, 0.0))

    def _draw(self) -> Batch:
        config = self.config
        with torch.no_grad():
            windows = self._bank.draw(config.batch, config.frames, config.augmentation, self._generator)
            return self._maker.make(windows, self._generator)

    def _with_dropped_conditions(self, inputs: NetworkInputs) -> NetworkInputs:
        """Blank each input in some frames; what is left must do."""
        p, size = self.config.condition_dropout, inputs.obs.shape[:2]

        def kept(values: Tensor) -> Tensor:
            keep = torch.rand(*size, generator=self._generator) > p
            return values * keep.reshape(*size, *[1] * (values.ndim - 2))

        detail = None if inputs.detail is None else kept(inputs.detail)
        return NetworkInputs(
            obs=kept(inputs.obs), cliffcam=inputs.cliffcam, cam_angvel=kept(inputs.cam_angvel), detail=detail
        )

    def _statistics(self) -> Codec:
        """Means and spreads of the code over some batches."""
        plain = Codec(
            mean=torch.zeros(CODE_LENGTH), std=torch.ones(CODE_LENGTH), cam_mean=torch.zeros(3), cam_std=torch.ones(3)
        )
        batches = [self._draw() for _ in range(_STATISTICS_BATCHES)]
        codes = torch.cat([plain.encode(batch.code).flatten(0, 1) for batch in batches])
        cams = torch.cat([batch.cam.flatten(0, 1) for batch in batches])
        std = codes.std(dim=0)
        std = torch.cat([std[: _VELOCITY.start].clamp(min=_SMALLEST_STD), std[_VELOCITY]])
        low, high = cams.quantile(0.02, dim=0), cams.quantile(0.98, dim=0)
        usual = ((cams > low) & (cams < high)).all(dim=-1)
        return Codec(mean=codes.mean(dim=0), std=std, cam_mean=cams[usual].mean(dim=0), cam_std=cams[usual].std(dim=0))

    def try_on(self, motions: Sequence[SmplMotion], *, windows: int = 128, seed: int = 1) -> dict[str, float]:
        """Try the averaged network on motions that it does not learn from, as they are, before moving cameras.

        Args:
            motions: Long enough for a window each, or they are left out.
            windows: How many are drawn.
            seed: Of the windows, cameras and noise; the same for comparable figures.

        Returns:
            Error of joints about the pelvis [mm], of gravity [deg], of the way over half a second [mm].
        """
        generator = torch.Generator().manual_seed(seed)
        plain = AugmentationConfig(
            mirror=0.0, recombine=0.0, deform=0.0, sway=0.0, raw_frames=(120, 121), stature_sigma=0.0, shape_sigma=0.0
        )
        self.averaged.eval()
        with torch.no_grad():
            drawn = MotionBank(motions).draw(windows, self.config.frames, plain, generator)
            batch = on_device(self._maker.make(drawn, generator, moving_only=True), self._device)
            return errors(self.averaged(batch.inputs), batch, self.codec, self._skeleton)

    def weights(self, *, licence: str, source: str, trained_on: tuple[str, ...]) -> GvhmrWeights:
        """Return the averaged network with all that its numbers mean.

        Args:
            licence: What the data, and so the weights, may be used for.
            source: How they were made.
            trained_on: Names of the clips; those that the training itself remembers are added.
        """
        return GvhmrWeights(
            shape=self.config.shape,
            tensors={name: tensor.detach().cpu().clone() for name, tensor in self.averaged.state_dict().items()},
            codec_mean=self.codec.mean.cpu().numpy(),
            codec_std=self.codec.std.cpu().numpy(),
            cam_mean=self.codec.cam_mean.cpu().numpy(),
            cam_std=self.codec.cam_std.cpu().numpy(),
            body=self._skeleton.body,
            licence=licence,
            source=source,
            trained_on=tuple(dict.fromkeys((*trained_on, *(self.clips or ())))),
        )

    def save(self, path: Path) -> None:
        """Write all that :meth:`resume` needs; a file of ``torch.save`` with tensors and plain values only.

        Raises:
            OutputNotWritable: The folder cannot be written.
            UnusableTrainingState: A step was broken off, so that what there is belongs to no step.
        """
        if not self.between_steps:
            raise UnusableTrainingState(path, problem=f"step {self.step + 1} was broken off, and half a step is none")
        state = {
            "format": _STATE_FORMAT,
            "config": json.dumps(asdict(self.config)),
            "step": self.step,
            "network": self.network.state_dict(),
            "averaged": self.averaged.state_dict(),
            "optimizer": self._optimizer.state_dict(),
            "generator": self._generator.get_state(),
            "torch_generator": torch.get_rng_state(),
            "codec": asdict(self.codec),
            "clips": self.clips,
            "past_is_known": self.past_is_known,
        }
        with atomic_path(path) as temporary:
            torch.save(state, temporary)

    def resume(self, path: Path) -> None:
        """Go on where another run stopped; steps, learning rate and device may differ from its own.

        A state that does not say which clips it was made of is gone on with, and ``past_is_known`` is False from then.

        Raises:
            UnusableTrainingState: The file is damaged, of another format, or of a run that learned from other clips
                or in another way.
        """
        try:
            state = torch.load(path, map_location="cpu", weights_only=True)
            if state["format"] != _STATE_FORMAT:
                raise UnusableTrainingState(path, problem=f"is of format {state['format']}, not {_STATE_FORMAT}")
            self._refuse_another_run(path, state)
            self.network.load_state_dict(state["network"])
            self.averaged.load_state_dict(state["averaged"])
            self._optimizer.load_state_dict(state["optimizer"])
            self._generator.set_state(state["generator"])
            torch.set_rng_state(state["torch_generator"])
            self.codec, self.step = on_device(Codec(**state["codec"]), self._device), int(state["step"])
            self.past_is_known = bool(state.get("past_is_known", True)) and None not in (state.get("clips"), self.clips)
            self.clips = self.clips if self.clips is not None else state.get("clips")
            self.between_steps, self._skipped = True, 0
        except UnusableTrainingState:
            raise
        except Exception as error:  # torch.load and load_state_dict raise whatever the damage makes them
            raise UnusableTrainingState(path, problem=f"cannot be used ({error})".splitlines()[0]) from error

    def _refuse_another_run(self, path: Path, state: dict[str, Any]) -> None:
        """Refuse to go on with a run of other clips or of another configuration."""
        own, other = json.loads(json.dumps(asdict(self.config))), json.loads(state["config"])
        for name in sorted((own.keys() & other.keys()) - _MAY_CHANGE):
            if own[name] != other[name]:
                raise UnusableTrainingState(path, problem=f"was made with {_difference(name, other[name], own[name])}")
        clips = state.get("clips")
        if clips is None or self.clips is None or clips == self.clips:
            return
        differences = {
            "it learned from {}, which would no longer be learned from": sorted(clips.keys() - self.clips.keys()),
            "it did not learn from {}, which would be learned from now": sorted(self.clips.keys() - clips.keys()),
            "it learned from another length of {}": sorted(
                name for name in clips.keys() & self.clips.keys() if clips[name] != self.clips[name]
            ),
        }
        told = [sentence.format(_some(names)) for sentence, names in differences.items() if names]
        raise UnusableTrainingState(path, problem=f"was made of other clips: {'; '.join(told)}")


def _difference(name: str, other: object, own: object) -> str:
    """Say in which field two configurations differ."""
    if isinstance(other, dict) and isinstance(own, dict):
        parts = [key for key in sorted(other.keys() | own.keys()) if other.get(key) != own.get(key)]
        return ", ".join(f"{name}.{key} {other.get(key)}, not {own.get(key)}" for key in parts)
    return f"{name} {other}, not {own}"


def _some(names: Sequence[str]) -> str:
    """List names, the first of them where there are many."""
    more = f" and {len(names) - _LISTED} more" if len(names) > _LISTED else ""
    return ", ".join(names[:_LISTED]) + more
