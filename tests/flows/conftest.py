"""A Prefect server for the session: it takes eight seconds to start, so it starts once."""

from __future__ import annotations

import warnings

import pytest


@pytest.fixture(scope="session")
def prefect_server():
    """An empty in-process Prefect database and API."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Prefect's own imports warn; what our code warns of is still an error
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=120):
            yield
