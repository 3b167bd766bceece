"""Compiles the solver of robot motions before the first clip needs it, and says so: it takes half a minute, once."""

from __future__ import annotations

from flows.console import error_console
from retarget.compilation import solver_is_compiled
from retarget.retargeter import Retargeter
from robots.g1 import load_g1


def ready_solver() -> None:
    """Compile the solver if this is the first time; worker processes would each do it otherwise."""
    if solver_is_compiled():
        return
    with error_console.status("compiling the solver, once after an installation"):
        seconds = Retargeter(load_g1()).compile()
    error_console.print(f"compiled the solver in {seconds:.0f} s", highlight=False)
