import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from robots.arrays import checked_array, checked_unit_quat
from robots.exceptions import InvalidArray, UnknownName


@given(hnp.arrays(np.float64, hnp.array_shapes(min_dims=2, max_dims=2), elements=st.floats(-1e9, 1e9)))
def test_a_good_array_comes_back_equal_and_read_only(value):
    """A record that holds it can be shared between stages without anyone being able to change it."""
    checked = checked_array("x", value, ("frames", value.shape[1]))
    np.testing.assert_array_equal(checked, value)
    with pytest.raises(ValueError, match="read-only"):
        checked[0, 0] = 1.0


def test_the_checked_array_is_a_copy():
    """The caller may go on using the array that was handed over."""
    value = np.zeros((3, 2))
    checked = checked_array("x", value, (3, 2))
    value[:] = 7.0
    assert not checked.any()


def test_a_named_dimension_must_be_equal_wherever_it_is_named_again():
    """Two arrays of one motion have the same number of frames."""
    dims: dict[str, int] = {}
    checked_array("a", np.zeros((5, 3)), ("frames", 3), dims)
    with pytest.raises(InvalidArray, match=r"b: has shape \(4, 2\), expected \(frames=5, 2\)"):
        checked_array("b", np.zeros((4, 2)), ("frames", 2), dims)


@pytest.mark.parametrize("shape", [(3,), (3, 2, 1), ()])
def test_another_number_of_dimensions_is_refused(shape):
    with pytest.raises(InvalidArray, match=r"expected \(frames, 2\)"):
        checked_array("x", np.zeros(shape), ("frames", 2))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_first_value_that_is_not_finite_is_named(bad):
    """NaN spreads silently through everything downstream, so the error says where it came in."""
    value = np.zeros((4, 2))
    value[2, 1] = value[3, 0] = bad
    with pytest.raises(InvalidArray, match=r"x: holds NaN or infinity, first at index \(2, 1\)"):
        checked_array("x", value, ("frames", 2))
    assert np.isnan(checked_array("x", np.full(2, np.nan), (2,), finite=False)).all()


@pytest.mark.parametrize("value", [[[1.0], [1.0, 2.0]], ["a", "b"], [None, {}], [1.0 + 2.0j, 1.0]])
def test_what_is_no_array_of_numbers_is_refused(value):
    with pytest.raises(InvalidArray, match="x: cannot be read as float64"):
        checked_array("x", value, (2,))


@pytest.mark.parametrize("value", [[-1, 0], [256, 0], [0.5, 0], [np.nan, 0], [10**30, 0]])
def test_an_integer_field_refuses_what_it_cannot_hold(value):
    """Flags that wrap around or lose a fraction would be other flags."""
    with pytest.raises(InvalidArray, match="x: cannot be read as uint8"):
        checked_array("x", value, (2,), dtype=np.uint8)


@given(hnp.arrays(np.float64, (4,), elements=st.floats(-1, 1)), st.floats(0.9991, 1.0009))
def test_nearly_unit_quaternions_are_renormalised(direction, norm):
    """Float32 files carry norms off by 1e-7; downstream rotations assume 1."""
    if np.linalg.norm(direction) < 1e-3:
        return
    unit = direction / np.linalg.norm(direction)
    checked = checked_unit_quat("q", [norm * unit], ("frames", 4), {})
    np.testing.assert_allclose(checked, [unit], atol=1e-12)
    assert not checked.flags.writeable


@pytest.mark.parametrize("norm", [0.0, 0.99, 2.0])
def test_quaternions_that_are_not_unit_are_refused(norm):
    """A wrong column order or a zero row is a bug in the file, not rounding."""
    with pytest.raises(InvalidArray, match=rf"q: is not made of unit quaternions \(a norm of {norm:.4g}\)"):
        checked_unit_quat("q", [[1.0, 0, 0, 0], [norm, 0, 0, 0]], ("frames", 4), {})


def test_no_frames_is_a_shape_like_any_other():
    """Whether a record may be empty is the record's own rule."""
    assert checked_array("x", np.zeros((0, 3)), ("frames", 3)).shape == (0, 3)
    assert checked_unit_quat("q", np.zeros((0, 4)), ("frames", 4), {}).shape == (0, 4)


def test_an_unknown_name_lists_the_valid_ones_and_the_nearest():
    error = UnknownName("format", "mjlb", ["pbhc", "mjlab"])
    assert str(error) == "unknown format 'mjlb'. Did you mean 'mjlab'? Known: pbhc, mjlab."
