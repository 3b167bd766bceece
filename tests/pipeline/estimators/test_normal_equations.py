"""Laws of the banded least-squares system."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from pipeline.estimators.landmark.normal_equations import BlockRows, NormalEquations, Rows, cost, robust

FRAMES, N = 7, 9


def random_rows(rng):
    """One set of each shape that the estimator uses."""
    normal = rng.normal

    def derivatives(*shape, offsets=1):
        made = tuple(normal(size=(offsets, *shape)))
        return lambda: made

    return [
        Rows(
            residual=normal(size=(FRAMES, 4, 2)),
            jacobians=derivatives(FRAMES, 4, 2, N),
            weight=rng.random((FRAMES, 4)),
            border=normal(size=(FRAMES, 4, 2, 3)),
        ),
        Rows(
            residual=normal(size=(FRAMES - 1, 2, 3)),
            jacobians=derivatives(FRAMES - 1, 2, 3, N, offsets=2),
            weight=rng.random((FRAMES - 1, 2)),
        ),
        BlockRows(
            residual=normal(size=(FRAMES - 2, 2, 3)),
            jacobians=derivatives(FRAMES - 2, 2, 3, 3, offsets=3),
            weight=rng.random((FRAMES - 2, 2)),
            columns=np.array([0, 2]),
        ),
        BlockRows(
            residual=normal(size=(FRAMES, 3, 3)),
            jacobians=derivatives(FRAMES, 3, 3, 3),
            weight=rng.random((FRAMES, 3)),
            columns=np.arange(3),
        ),
    ]


def dense(all_rows):
    """The same residuals as one plain matrix: all frames' unknowns, then the border."""
    matrix, right = [], []
    for rows in all_rows:
        for f, g, k in np.ndindex(rows.residual.shape):
            line = np.zeros(FRAMES * N + 3)
            for offset, jacobian in enumerate(rows.jacobians()):
                first = (f + offset) * N + (3 * rows.columns[g] if isinstance(rows, BlockRows) else 0)
                line[first : first + jacobian.shape[-1]] += jacobian[f, g, k]
            if isinstance(rows, Rows) and rows.border is not None:
                line[-3:] = rows.border[f, g, k]
            root = np.sqrt(rows.weight[f, g])
            matrix.append(root * line)
            right.append(root * rows.residual[f, g, k])
    return np.array(matrix), np.array(right)


def test_banded_solution_is_the_dense_least_squares_solution():
    """Band, second band and border must all arrive where they belong."""
    all_rows = random_rows(np.random.default_rng(0))
    equations = NormalEquations(FRAMES, N)
    equations.add(all_rows)
    step, border = equations.solve(damping=0.0)
    matrix, right = dense(all_rows)
    expected = np.linalg.lstsq(matrix, -right, rcond=None)[0]
    np.testing.assert_allclose(step.ravel(), expected[:-3], atol=1e-6)
    np.testing.assert_allclose(border, expected[-3:], atol=1e-6)


def test_damping_shortens_the_step():
    """Levenberg-Marquardt relies on it to find a step that pays."""
    all_rows = random_rows(np.random.default_rng(1))
    equations, lengths = NormalEquations(FRAMES, N), []
    for damping in (0.0, 1.0, 100.0):
        equations.reset()
        equations.add(all_rows)
        lengths.append(np.linalg.norm(equations.solve(damping)[0]))
    assert lengths[0] > lengths[1] > lengths[2]


def later(rows, first):
    """The rows of the frames from ``first`` on."""
    jacobians = tuple(j[first:] for j in rows.jacobians())
    border = {"border": rows.border[first:]} if isinstance(rows, Rows) and rows.border is not None else {}
    return replace(
        rows, residual=rows.residual[first:], weight=rows.weight[first:], jacobians=lambda: jacobians, **border
    )


@pytest.mark.parametrize("cuts", [(0, 7), (0, 4, 7), (0, 1, 2, 4, 7)])
def test_equations_added_in_pieces_are_those_of_the_whole(cuts):
    """Memory is bounded by adding some frames at a time; every coupling across a cut must still be there, once."""
    all_rows = random_rows(np.random.default_rng(2))
    whole, pieces = NormalEquations(FRAMES, N), NormalEquations(FRAMES, N)
    whole.add(all_rows)
    for first, stop in pairwise(cuts):
        pieces.add([later(rows, first) for rows in all_rows], first, stop - first)
    assert sum(cost(later(rows, a), b - a) for a, b in pairwise(cuts) for rows in all_rows) == pytest.approx(
        sum(map(cost, all_rows))
    )
    for mine, theirs in zip(pieces.solve(0.1), whole.solve(0.1), strict=True):
        np.testing.assert_allclose(mine, theirs, atol=1e-10)


def test_solving_makes_no_second_band():
    """The band is the one thing that grows to gigabytes; LAPACK must factor it where it lies."""
    equations = NormalEquations(4000, 30)
    rows = Rows(
        residual=np.zeros((4000, 1, 30)),
        jacobians=lambda: (np.broadcast_to(np.eye(30), (4000, 1, 30, 30)),),
        weight=np.ones((4000, 1)),
    )
    for first in range(0, 4000, 50):
        equations.add([later(rows, first)], first, 50)
    band_bytes = 4000 * 30 * 63 * 8
    tracemalloc.start()
    equations.solve(0.1)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 0.5 * band_bytes


@pytest.mark.parametrize("kernel", ["quadratic", "cauchy", "geman_mcclure"])
def test_kernel_weight_is_the_slope_of_its_cost(kernel):
    """Reweighting minimises the robust cost only if the weight is the derivative by the squared residual."""
    squared = np.linspace(0.0, 50.0, 40)
    scale = np.linspace(0.5, 3.0, 40)
    value, weight = robust(squared, kernel, scale)
    above, _ = robust(squared + 1e-6, kernel, scale)
    np.testing.assert_allclose((above - value) / 1e-6, weight, atol=1e-5)


def test_an_unknown_kernel_is_refused():
    """A typing error must not pass as quadratic."""
    with pytest.raises(ValueError, match="no kernel named 'hubber'"):
        robust(np.ones(1), "hubber", 1.0)


def test_cost_counts_each_group_once():
    """A group is robust as a whole: its components share one weight."""
    rows = random_rows(np.random.default_rng(2))[0]
    assert cost(rows) == pytest.approx(float(np.sum(rows.weight * np.sum(rows.residual**2, axis=-1))))
