"""Quantiles against scipy."""

import math

import pytest
from scipy import stats

from labctl.analysis.quantiles import excess_limit, pair_99, rise_99, student_95


@pytest.mark.parametrize("dof", [1, 2, 3, 4, 5, 10, 27, 120, 200, 201, 1000, 100000])
def test_student(dof: int) -> None:
    assert student_95(dof) == pytest.approx(stats.t.ppf(0.975, dof), rel=1e-9)


def test_student_of_a_known_variance_is_the_normal_quantile() -> None:
    assert student_95(math.inf) == pytest.approx(stats.norm.ppf(0.975), rel=1e-14)


@pytest.mark.parametrize("dof", [1, 2, 5, 28, 1000])
def test_pair(dof: int) -> None:
    assert pair_99(dof) == pytest.approx(2 * stats.f.ppf(0.99, 2, dof), rel=1e-9)
    assert pair_99(math.inf) == pytest.approx(stats.chi2.ppf(0.99, 2), rel=1e-12)


@pytest.mark.parametrize("dof", [1, 2, 5, 28, 1000])
def test_excess(dof: int) -> None:
    assert excess_limit(dof) == pytest.approx(stats.chi2.ppf(0.999, dof) / dof, rel=0.04)


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
def test_rise(count: int) -> None:
    assert rise_99(count, math.inf) == pytest.approx(stats.chi2.ppf(0.99, count), rel=0.01)
    assert rise_99(count, 300) == pytest.approx(count * stats.f.ppf(0.99, count, 300), rel=0.04)
    assert rise_99(2, 12) == pytest.approx(pair_99(12), rel=0.01)
