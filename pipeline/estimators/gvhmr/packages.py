"""Says whether what the network needs beyond the usual installation is there."""

from __future__ import annotations

from importlib.util import find_spec

from pipeline.estimators.exceptions import ExtraNotInstalled

PACKAGES = ("torch", "safetensors")
"""What runs the network and reads its weights."""


def require_packages(otherwise: str = "") -> None:
    """Check that what runs the network is installed, without waking it.

    Args:
        otherwise: What can be done without it, for the sentence that refuses; empty where there is nothing.

    Raises:
        ExtraNotInstalled: It is not.
    """
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise ExtraNotInstalled("the estimator gvhmr", packages=missing, extra="gvhmr", otherwise=otherwise)
