"""Laws of the banded least-squares system."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline.estimators.landmark.normal_equations import BlockRows, NormalEquations, Rows, cost, robust

FRAMES, N = 7, 9


def random_rows(rng):
    """One set of each shape that the estimator uses."""
    normal = rng.normal
    return [
        Rows(
            residual=normal(size=(FRAMES, 4, 2)),
            jacobians=(normal(size=(FRAMES, 4, 2, N)),),
            weight=rng.random((FRAMES, 4)),
            border=normal(size=(FRAMES, 4, 2, 3)),
        ),
        Rows(
            residual=normal(size=(FRAMES - 1, 2, 3)),
            jacobians=tuple(normal(size=(2, FRAMES - 1, 2, 3, N))),
            weight=rng.random((FRAMES - 1, 2)),
        ),
        BlockRows(
            residual=normal(size=(FRAMES - 2, 2, 3)),
            jacobians=tuple(normal(size=(3, FRAMES - 2, 2, 3, 3))),
            weight=rng.random((FRAMES - 2, 2)),
            columns=np.array([0, 2]),
        ),
        BlockRows(
            residual=normal(size=(FRAMES, 3, 3)),
            jacobians=(normal(size=(FRAMES, 3, 3, 3)),),
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
            for offset, jacobian in enumerate(rows.jacobians):
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
    for rows in all_rows:
        equations.add(rows)
    step, border = equations.solve(damping=0.0)
    matrix, right = dense(all_rows)
    expected = np.linalg.lstsq(matrix, -right, rcond=None)[0]
    np.testing.assert_allclose(step.ravel(), expected[:-3], atol=1e-6)
    np.testing.assert_allclose(border, expected[-3:], atol=1e-6)


def test_damping_shortens_the_step():
    """Levenberg-Marquardt relies on it to find a step that pays."""
    equations = NormalEquations(FRAMES, N)
    for rows in random_rows(np.random.default_rng(1)):
        equations.add(rows)
    lengths = [np.linalg.norm(equations.solve(damping)[0]) for damping in (0.0, 1.0, 100.0)]
    assert lengths[0] > lengths[1] > lengths[2]


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
