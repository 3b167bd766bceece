"""``wushu train``: weights of one's own, from motion capture that one may use."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from flows.commands.weights import require_packages
from flows.console import bar, console, progress_bars, show_error
from flows.exceptions import NothingToLearn
from pipeline.body import load_body
from pipeline.home import Home
from pipeline.readers import MOTION_SUFFIXES, UnreadableMotion, read_motion
from pipeline.readers.recognise import is_motion_file
from retarget.smpl_motion import SmplMotion

if TYPE_CHECKING:
    from pipeline.estimators.gvhmr.training.trainer import Trainer

_LOG_EVERY = 100
_SAVE_EVERY = 500
_TRY_EVERY = 1000
_FPS = 30.0
STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Train weights of one's own; stop it with Ctrl-C at any time, and run the same command again to go on."""

    kind: tyro.conf.Positional[Literal["gvhmr"]]
    """Which network."""
    mocap: tyro.conf.Positional[tuple[Path, ...]]
    """Motion files, or folders with them (.bvh, .bvh.gz, .npz); all below a folder are taken."""
    out: Path
    """Folder for the training's state, its log and the weights."""
    licence: str
    """What the mocap may be used for, in a sentence: it is written into the weights, and so into what they make."""
    hold_out: tuple[str, ...] = ()
    """Names of clips that are not learned from, e.g. 094_08; every 1,000 steps the network is tried on them."""
    steps: int = 24_000
    """Steps in all."""
    cooldown_steps: int = 4_000
    """Last steps, over which the learning rate falls to zero."""
    batch: int = 16
    """Windows a step."""
    learning_rate: float = 1.5e-3
    """Learning rate before it falls."""
    seed: int = 0
    """Of everything random: the same seed gives the same weights on the same machine."""
    threads: int = 2
    """Processor cores to use."""
    device: str = "cpu"
    """Where the network computes, as torch names it: cpu, cuda."""
    share: float = 1.0
    """Share of the clips to learn from, every second, every fourth and so on: for a curve of error against data."""

    def __call__(self) -> int:
        """Train until the steps are done, and write the weights; 1 if a file could not be read."""
        require_packages()
        import torch

        torch.set_num_threads(self.threads)
        clips, failed = self._read()
        held_out = {name: motion for name, motion in clips.items() if name in self.hold_out}
        learned = [name for name in clips if name not in held_out][:: max(1, round(1.0 / self.share))]
        if not learned:
            raise NothingToLearn(self.mocap)
        seconds = sum(len(clips[name]) for name in learned) / _FPS
        console.print(f"{len(learned)} clips, {seconds / 60:.1f} min, to learn from; {len(held_out)} held out")
        trainer = self._trainer([clips[name] for name in learned])
        if (self.out / STATE_FILE).exists():
            trainer.resume(self.out / STATE_FILE)
            console.print(f"going on at step {trainer.step:,}")
        self._train(trainer, list(held_out.values()))
        self._write_weights(trainer, learned)
        return int(failed)

    def _read(self) -> tuple[dict[str, SmplMotion], bool]:
        """Read all clips by name, and tell whether one could not be read."""
        body = load_body("open", search_dir=Home.of_user().bodies_dir)
        files = sorted({file for path in self.mocap for file in _motion_files(path)})
        clips, failed = {}, False
        with progress_bars() as bars:
            progress = bar(bars, "reading")
            for number, file in enumerate(files, start=1):
                try:
                    clips[clip_name(file)] = read_motion(file, body, fps=_FPS).motion
                except UnreadableMotion as error:
                    failed = True
                    show_error(error)
                progress(number, len(files))
        return clips, failed

    def _trainer(self, motions: list[SmplMotion]) -> Trainer:
        from pipeline.estimators.gvhmr.training import Trainer, TrainingConfig
        from pipeline.synthetic import landmark_regressor, load_detector_model

        body = load_body("open", search_dir=Home.of_user().bodies_dir)
        config = TrainingConfig(
            steps=self.steps,
            cooldown_steps=self.cooldown_steps,
            batch=self.batch,
            learning_rate=self.learning_rate,
            seed=self.seed,
            device=self.device,
        )
        return Trainer(motions, body, load_detector_model(), landmark_regressor(body), config)

    def _train(self, trainer: Trainer, held_out: list[SmplMotion]) -> None:
        """Take the steps; what was done is saved also when someone stops it."""
        self.out.mkdir(parents=True, exist_ok=True)
        terms: dict[str, float] = {}
        with progress_bars() as bars, (self.out / LOG_FILE).open("a") as log:
            progress = bar(bars, "training")
            try:
                for told in trainer.run(self.steps):
                    terms = {name: terms.get(name, 0.0) + value / _LOG_EVERY for name, value in told.terms.items()}
                    if told.step % _LOG_EVERY == 0:
                        line = {"step": told.step, "learning_rate": told.learning_rate, **terms}
                        if held_out and told.step % _TRY_EVERY == 0:
                            line |= {f"held_out_{name}": value for name, value in trainer.try_on(held_out).items()}
                        log.write(json.dumps(line) + "\n")
                        log.flush()
                        terms = {}
                    if told.step % _SAVE_EVERY == 0:
                        trainer.save(self.out / STATE_FILE)
                    progress(told.step, self.steps)
            finally:
                trainer.save(self.out / STATE_FILE)

    def _write_weights(self, trainer: Trainer, learned: list[str]) -> None:
        from pipeline.estimators.gvhmr.weights import save_weights

        command = f"wushu train gvhmr, {trainer.step:,} steps, seed {self.seed}"
        weights = trainer.weights(licence=self.licence, source=command, trained_on=tuple(learned))
        kept = save_weights(self.out / WEIGHTS_FILE, weights)
        console.print(f"{kept.n_parameters:,} numbers in {self.out / WEIGHTS_FILE}", soft_wrap=True)


def clip_name(file: Path) -> str:
    """Return a motion file's name without its ending, by which clips are held out and remembered."""
    suffix = next(suffix for suffix in sorted(MOTION_SUFFIXES, key=len)[::-1] if file.name.lower().endswith(suffix))
    return file.name[: -len(suffix)]


def _motion_files(path: Path) -> list[Path]:
    """A file itself, or all motion files below a folder."""
    if not path.is_dir():
        return [path]
    return [file for file in path.rglob("*") if is_motion_file(file)]
