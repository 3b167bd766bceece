"""``wushu train``: weights of one's own, from motion capture that one may use."""

from __future__ import annotations

import difflib
import json
import math
import shlex
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro

from flows.console import bar, console, progress_bars, show_error, show_warning
from flows.exceptions import NothingToLearn, OptionOutOfRange, UnknownHoldOut
from pipeline.body import load_body
from pipeline.estimators.gvhmr.packages import require_packages
from pipeline.home import Home
from pipeline.kfbench.bench_clips import ClipMatcher, clip_names
from pipeline.readers import UnreadableMotion, read_motion
from pipeline.readers.recognise import is_motion_file
from retarget.smpl_motion import SmplMotion

if TYPE_CHECKING:
    from pipeline.estimators.gvhmr.training.trainer import StepLog, Trainer

_LOG_EVERY = 100
_SAVE_EVERY = 500
_TRY_EVERY = 1000
_FPS = 30.0
_NEAR = 3
"""Names that are offered instead of one that no clip has."""
_UNKNOWN_PAST = "it went on from a training that does not name its clips, so it may have seen others too"
STATE_FILE = "state.pt"
LOG_FILE = "log.jsonl"
WEIGHTS_FILE = "weights.safetensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Train:
    """Train weights of one's own; stop it with Ctrl-C at any time, and run the same command again to go on.

    A second Ctrl-C does not wait for the step at work, and what was learned since the last saving is lost.
    """

    kind: tyro.conf.Positional[Literal["gvhmr"]]
    """Which network."""
    mocap: tyro.conf.Positional[tuple[Path, ...]]
    """Motion files, or folders with them (.bvh, .bvh.gz, .npz); all below a folder are taken."""
    out: Path
    """Folder for the training's state, its log and the weights."""
    licence: str
    """What the mocap may be used for, in a sentence: it is written into the weights, and so into what they make."""
    hold_out: tuple[str, ...] = ()
    """Clips that are not learned from, e.g. 094_08 (094_08_mirrored too); every 1,000 steps they are tried."""
    steps: int = 21_000
    """Steps in all."""
    cooldown_steps: int = 14_800
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
    """Share of the clips to learn from, over 0 to 1, evenly taken from all: for a curve of error against data."""

    def __call__(self) -> int:
        """Train until the steps are done, and write the weights; 1 if a file could not be read."""
        self._check_options()
        require_packages()
        import torch

        torch.set_num_threads(self.threads)
        files = self._files()
        self._check_hold_out(list(files))
        clips, failed = _read(files)
        matcher = ClipMatcher(self.hold_out)
        held_out = {name: motion for name, motion in clips.items() if name in matcher}
        learned = _spread([name for name in clips if name not in held_out], self.share)
        if not learned:
            raise NothingToLearn(self.mocap)
        seconds = sum(len(clips[name]) for name in learned) / _FPS
        console.print(f"{len(learned)} clips, {seconds / 60:.1f} min, to learn from; {len(held_out)} held out")
        trainer = self._trainer({name: clips[name] for name in learned})
        if (self.out / STATE_FILE).exists():
            trainer.resume(self.out / STATE_FILE)
            console.print(f"going on at step {trainer.step:,}")
            if not trainer.past_is_known:
                show_warning(f"{self.out / STATE_FILE} does not say from which clips it learned: {_UNKNOWN_PAST}")
        if not self._train(trainer, list(held_out.values())):
            console.print(f"stopped at step {trainer.step:,}; the same command goes on")
            raise KeyboardInterrupt
        self._write_weights(trainer)
        return int(failed)

    def _check_options(self) -> None:
        """Refuse options that no training can have, before anything is read."""
        for option, value in (("steps", self.steps), ("batch", self.batch), ("threads", self.threads)):
            if value < 1:
                raise OptionOutOfRange(option, value, allowed="1 or more")
        if not 0.0 < self.share <= 1.0:
            raise OptionOutOfRange("share", self.share, allowed="more than 0 and at most 1")
        if not 0.0 < self.learning_rate < math.inf:
            raise OptionOutOfRange("learning-rate", self.learning_rate, allowed="a number over 0")

    def _files(self) -> dict[str, Path]:
        """All motion files by the names of their clips."""
        found: dict[Path, tuple[Path, Path]] = {}
        for folder in self.mocap:
            for file in _motion_files(folder):
                found.setdefault(file.resolve(), (folder, file))
        files = sorted(found.values(), key=lambda pair: pair[1])
        return dict(zip(clip_names(files), (file for _, file in files), strict=True))

    def _check_hold_out(self, names: list[str]) -> None:
        """Refuse to hold out what is not there: a slip of the pen would be learned from."""
        matchers = {wanted: ClipMatcher([wanted]) for wanted in self.hold_out}
        lost = [wanted for wanted, matcher in matchers.items() if not any(name in matcher for name in names)]
        if lost and names:
            near = {wanted: difflib.get_close_matches(wanted, names, n=_NEAR, cutoff=0.5) for wanted in lost}
            raise UnknownHoldOut(near)

    def _trainer(self, motions: dict[str, SmplMotion]) -> Trainer:
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
        detector, regressor = load_detector_model(), landmark_regressor(body)
        return Trainer(list(motions.values()), body, detector, regressor, config, names=list(motions))

    def _train(self, trainer: Trainer, held_out: list[SmplMotion]) -> bool:
        """Take the steps and tell whether all are done; what was done is saved also when someone stops it."""
        from pipeline.estimators.gvhmr.training.motion_bank import SHORTEST

        held_out = [motion for motion in held_out if len(motion) >= SHORTEST]
        self.out.mkdir(parents=True, exist_ok=True)
        mean = _Mean()
        with progress_bars() as bars, (self.out / LOG_FILE).open("a") as log, _stop_asked() as asked:
            progress = bar(bars, "training")
            try:
                for told in trainer.run(self.steps):
                    mean.add(told)
                    if told.step % _LOG_EVERY == 0:
                        line = {"step": told.step, "learning_rate": told.learning_rate, **mean.take()}
                        if held_out and told.step % _TRY_EVERY == 0:
                            line |= {f"held_out_{name}": value for name, value in trainer.try_on(held_out).items()}
                        log.write(json.dumps(line) + "\n")
                        log.flush()
                    if told.step % _SAVE_EVERY == 0:
                        trainer.save(self.out / STATE_FILE)
                    progress(told.step, self.steps)
                    if asked.is_set():
                        break
            finally:
                if trainer.between_steps:
                    trainer.save(self.out / STATE_FILE)
        return trainer.step >= self.steps

    def _write_weights(self, trainer: Trainer) -> None:
        from pipeline.estimators.gvhmr.weights import save_weights

        weights = trainer.weights(licence=self.licence, source=self._source(trainer), trained_on=())
        kept = save_weights(self.out / WEIGHTS_FILE, weights)
        console.print(f"{kept.n_parameters:,} numbers in {self.out / WEIGHTS_FILE}", soft_wrap=True)

    def _source(self, trainer: Trainer) -> str:
        """The command that makes these weights of their clips; folders are nobody's business."""
        options = {
            "--steps": trainer.step,
            "--cooldown-steps": self.cooldown_steps,
            "--batch": self.batch,
            "--learning-rate": self.learning_rate,
            "--seed": self.seed,
            "--share": self.share,
        }
        words = ["wushu", "train", "gvhmr", *(str(word) for option in options.items() for word in option)]
        command = shlex.join([*words, *(("--hold-out", *self.hold_out) if self.hold_out else ())])
        return command if trainer.past_is_known else f"{command} ({_UNKNOWN_PAST})"


class _Mean:
    """Means of the objective's terms over the steps that something was learned in."""

    def __init__(self) -> None:
        self._terms: list[dict[str, float]] = []
        self._skipped = 0

    def add(self, told: StepLog) -> None:
        """Count a step."""
        if math.isfinite(told.gradient_norm):
            self._terms.append(told.terms)
        else:
            self._skipped += 1

    def take(self) -> dict[str, float]:
        """Return the means, and how many steps were skipped, since the last time."""
        names = self._terms[0] if self._terms else {}
        means = {name: sum(terms[name] for terms in self._terms) / len(self._terms) for name in names}
        line = {**means, "skipped_steps": self._skipped}
        self._terms, self._skipped = [], 0
        return line


@contextmanager
def _stop_asked() -> Iterator[threading.Event]:
    """Let the first Ctrl-C ask for a stop after the step at work, as half a step cannot be gone on with."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = signal.getsignal(signal.SIGINT)

    def ask(*_: object) -> None:
        asked.set()
        signal.signal(signal.SIGINT, before)

    signal.signal(signal.SIGINT, ask)
    try:
        yield asked
    finally:
        signal.signal(signal.SIGINT, before)


def _read(files: dict[str, Path]) -> tuple[dict[str, SmplMotion], bool]:
    """Read all clips by name, and tell whether one could not be read."""
    body = load_body("open", search_dir=Home.of_user().bodies_dir)
    clips, failed = {}, False
    with progress_bars() as bars:
        progress = bar(bars, "reading")
        for number, (name, file) in enumerate(files.items(), start=1):
            try:
                clips[name] = read_motion(file, body, fps=_FPS).motion
            except UnreadableMotion as error:
                failed = True
                show_error(error)
            progress(number, len(files))
    return clips, failed


def _spread(names: list[str], share: float) -> list[str]:
    """Take a share of the names, evenly from first to last."""
    # A hair more, as 0.3 is a little less than three tenths.
    taken = (math.floor(number / share + 1e-9) for number in range(len(names)))
    return [names[number] for number in taken if number < len(names)]


def _motion_files(path: Path) -> list[Path]:
    """A file itself, or all motion files below a folder."""
    if not path.is_dir():
        return [path]
    return [file for file in path.rglob("*") if is_motion_file(file)]
