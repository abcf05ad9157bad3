"""Straight lines and sums of columns that searches begin with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.analysis.straight import combination, straight_line

anything = st.floats(allow_nan=True, allow_infinity=True)


def test_a_weighted_line_is_that_of_numpy():
    rng = np.random.default_rng(3)
    x, y, w = rng.normal(1e6, 1.0, 30), rng.normal(size=30), rng.uniform(0.1, 2, 30)
    slope, height = np.polyfit(x - 1e6, y, 1, w=w)
    assert straight_line(x - 1e6, y, w) == pytest.approx((slope, height), rel=1e-9)


def test_a_line_through_one_place_is_level():
    assert straight_line([2.0, 2.0], [1.0, 3.0]) == (0.0, 2.0)


@given(st.lists(st.tuples(anything, anything), max_size=6))
def test_any_data_are_borne(points):
    x, y = np.array(points, float).reshape(-1, 2).T
    for number in straight_line(x, y):
        assert isinstance(number, float)


def test_a_sum_of_columns_is_the_nearest():
    columns = np.array([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]])
    assert combination(columns, columns @ [3.0, -2.0]) == pytest.approx([3.0, -2.0])


def test_columns_that_are_not_finite_give_nothing(capfd):
    columns = np.array([[1.0, np.inf], [1.0, 1.0]])
    assert combination(columns, np.ones(2)).tolist() == [0.0, 0.0]
    assert capfd.readouterr() == ("", "")
