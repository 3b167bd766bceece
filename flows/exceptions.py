"""Errors of ``flows``: facts in, one sentence out."""

from __future__ import annotations

from robots.exceptions import WushuError


class FlowsError(WushuError):
    """Base of the errors of ``flows``."""
