"""The command ``wushu``: one subcommand a job, one clear sentence for everything a user can get wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Protocol

import tyro

from flows.commands.bench import Bench
from flows.commands.body import Body
from flows.commands.clip_page import ClipPages
from flows.commands.dataset import DatasetCommand
from flows.commands.decide import Decide
from flows.commands.decisions import DecisionsCommand
from flows.commands.demo import Demo
from flows.commands.doctor import Doctor
from flows.commands.fetch import Models, Robot
from flows.commands.fit_table import FitTable
from flows.commands.handoff import Handoff
from flows.commands.play import Play
from flows.commands.revalidate import Revalidate
from flows.commands.review import Review
from flows.commands.run import Run
from flows.commands.train import Train
from flows.commands.validate import Validate
from flows.commands.weights import Weights
from flows.console import console, show_error
from pipeline.settings import Settings, load_settings
from robots.exceptions import WushuError

INTERRUPTED = 130
"""Exit code of a program ended by Ctrl-C, as shells have it."""


class Command(Protocol):
    """What every subcommand is: a record of its options that can be called."""

    def __call__(self) -> int:
        """Do the job and return the exit code."""
        ...


def main(argv: Sequence[str] | None = None) -> int:
    """Run one subcommand; return the exit code (0 only if everything asked for was done)."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        command: Command = tyro.cli(
            _command_type(_settings_named_in(arguments)),
            prog="wushu",
            description="Kung-fu and dance videos in, Unitree G1 motions out.",
            args=arguments,
            config=(tyro.conf.OmitSubcommandPrefixes,),
        )
        return command()
    except WushuError as error:
        show_error(error)
        return 1
    except KeyboardInterrupt:
        console.print("interrupted: what is finished is kept; run the same command again to go on")
        return INTERRUPTED


def _command_type(settings: Settings) -> Any:
    """Return the union of all subcommands; ``settings`` are the defaults that a preset may have changed."""
    sub = tyro.conf.subcommand
    return (
        Annotated[Demo, sub("demo")]
        | Annotated[Run, sub("run", default=Run(videos=(), settings=settings))]
        | Annotated[Validate, sub("validate")]
        | Annotated[Revalidate, sub("revalidate")]
        | Annotated[DatasetCommand, sub("dataset")]
        | Annotated[Decide, sub("decide")]
        | Annotated[DecisionsCommand, sub("decisions")]
        | Annotated[Review, sub("review")]
        | Annotated[Handoff, sub("handoff")]
        | Annotated[Play, sub("play")]
        | Annotated[ClipPages, sub("clip-page")]
        | Annotated[Doctor, sub("doctor")]
        | Annotated[Models, sub("models")]
        | Annotated[Robot, sub("robot")]
        | Annotated[Body, sub("body")]
        | Annotated[Weights, sub("weights")]
        | Annotated[Train, sub("train")]
        | Annotated[FitTable, sub("fit-table")]
        | Annotated[Bench, sub("bench")]
    )


def _settings_named_in(arguments: Sequence[str]) -> Settings:
    """Read the preset before the other options, so that ``--help`` shows its values and options override it."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--preset", type=Path)
    preset = parser.parse_known_args(arguments)[0].preset
    return Settings() if preset is None else load_settings(preset)


if __name__ == "__main__":
    sys.exit(main())
