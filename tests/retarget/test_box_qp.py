import numpy as np
import pytest

from retarget.box_qp import solve_box_qp


def random_problem(seed, n=20):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(n, n))
    low, width = rng.normal(size=n), rng.uniform(0, 2, n)
    return root @ root.T + 1e-3 * np.eye(n), 10 * rng.normal(size=n), low, low + width


@pytest.mark.parametrize("seed", range(30))
def test_solution_meets_the_optimality_conditions(seed):
    """Inside the box the gradient vanishes; on a wall it pushes outward. For a convex problem that is all."""
    hessian, gradient, low, high = random_problem(seed)
    x = solve_box_qp(hessian, gradient, low, high)
    slope = hessian @ x + gradient
    assert (low <= x).all() and (x <= high).all()
    inside = (x > low) & (x < high)
    assert np.abs(slope[inside]).max(initial=0) < 1e-9
    assert (slope[(x == low) & (low < high)] > -1e-9).all()
    assert (slope[(x == high) & (low < high)] < 1e-9).all()


def test_without_walls_it_is_newtons_step():
    hessian, gradient, *_ = random_problem(1)
    wall = np.full(len(gradient), np.inf)
    np.testing.assert_allclose(solve_box_qp(hessian, gradient, -wall, wall), -np.linalg.solve(hessian, gradient))


def test_a_box_of_no_size_has_one_answer():
    hessian, gradient, low, _ = random_problem(2)
    np.testing.assert_array_equal(solve_box_qp(hessian, gradient, low, low), low)


def test_an_indefinite_hessian_is_refused():
    """A saddle has no smallest value; saying so beats a wrong step."""
    with pytest.raises(np.linalg.LinAlgError, match="not positive definite"):
        solve_box_qp(-np.eye(2), np.ones(2), -np.ones(2), np.ones(2))
