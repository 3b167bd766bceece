"""Errors of leads: facts in, one sentence out."""

from __future__ import annotations

from retarget.exceptions import RetargetError


class NoLead(RetargetError):
    """The robot cannot come from its standing pose to where a clip begins with its feet locked and its balance kept."""

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(problem)
