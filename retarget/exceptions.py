"""Errors of ``retarget``: facts in, one sentence out."""

from __future__ import annotations

from robots.exceptions import WushuError


class RetargetError(WushuError):
    """Base of the errors of ``retarget``."""
