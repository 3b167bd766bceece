"""Laws of least squares without negative unknowns."""

import numpy as np
import pytest
from scipy.optimize import nnls

from robots.contact_solver import nonnegative_minimum


@pytest.mark.parametrize("seed", range(20))
def test_the_minimum_is_that_of_a_slow_solver(seed):
    """Lawson and Hanson's, on problems like those of contacts: fewer rows than unknowns, and a small regulariser."""
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, 40))
    effect, wanted = rng.normal(size=(n, 6)), 100 * rng.normal(size=6)
    best, _ = nnls(np.vstack([effect.T, 1e-2 * np.eye(n)]), np.concatenate([wanted, np.zeros(n)]))
    guess = rng.random(n) < 0.5
    found, free = nonnegative_minimum(effect, wanted, 1e-2, guess)
    assert found == pytest.approx(best, abs=1e-6 * (1 + np.abs(best).max()))
    assert (found[free] >= 0).all()
    assert (found[~free] == 0).all()


@pytest.mark.parametrize("seed", range(5))
def test_blocks_that_run_in_circles_end(seed):
    """Strongly coupled unknowns make whole blocks swing to and fro; single exchanges then finish."""
    rng = np.random.default_rng(seed)
    effect = rng.normal(size=(25, 25)) * np.geomspace(1, 3e2, 25)
    target = rng.normal(size=25) * 100
    found, _ = nonnegative_minimum(effect, np.linalg.solve(effect, target), 0.03, np.zeros(25, dtype=bool))
    slope = (effect @ effect.T + 0.03**2 * np.eye(25)) @ found - target
    assert (found >= 0).all()
    assert (slope >= -1e-6 * np.abs(target).max()).all()
    assert found @ slope == pytest.approx(0.0, abs=1e-6 * np.abs(found).sum() * np.abs(target).max())


def test_nothing_is_asked_of_nothing():
    found, free = nonnegative_minimum(np.eye(3), np.zeros(3), 1.0, np.ones(3, dtype=bool))
    assert found.tolist() == [0, 0, 0]
    assert len(free) == 3


def test_a_good_guess_is_not_changed_in_place():
    guess = np.array([True, False])
    nonnegative_minimum(np.eye(2), np.array([-1.0, 1.0]), 1.0, guess)
    assert guess.tolist() == [True, False]
