"""Relaxation in closed form: laws, limits, and that a dwell may be cut anywhere."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BadInput
from sim_backend.devices.model import Array
from sim_backend.devices.parts.heating import heated, mean_rise, warmed
from sim_backend.devices.parts.relaxation import (
    activated,
    decay,
    decay_integral,
    log_decay,
    log_growth,
    power_terms,
    sinh_decay,
    stretched_terms,
    sum_of_terms,
)

Law = Callable[[Array, float], Array]

X = np.array([-3.0, -1e-6, 0.0, 1e-3, 0.7, 25.0])
SPLIT: dict[str, Law] = {
    "decay": lambda x, t: decay(x, t, 0.2),
    "decay to a target": lambda x, t: decay(x, t, np.array([1e-9, 0.1, 1.0, 3.0, 1e9, 7.0]), 0.5),
    "log decay": lambda x, t: log_decay(x, t, 0.3, 0.8),
    "log growth": lambda x, t: log_growth(x, t, 0.3, 0.8),
    "sinh decay": lambda x, t: sinh_decay(x, t, 0.3, 0.8),
    "temperature": lambda x, t: warmed(x, 2e-3, t, 1e5, 3.0),
}
durations = st.floats(0.0, 1e9) | st.floats(0.0, 1e-3)


@pytest.mark.parametrize("name", SPLIT)
@given(first=durations, second=durations)
def test_a_dwell_may_be_cut_anywhere(name: str, first: float, second: float) -> None:
    law = SPLIT[name]
    np.testing.assert_allclose(
        law(law(X, first), second), law(X, first + second), rtol=1e-11, atol=1e-13
    )


@pytest.mark.parametrize("name", SPLIT)
def test_no_time_changes_nothing(name: str) -> None:
    np.testing.assert_allclose(SPLIT[name](X, 0.0), X, rtol=2e-16, atol=0)


@pytest.mark.parametrize(
    ("law", "slope"),
    [
        (lambda x, t: decay(x, t, 0.2, 0.1), lambda x: -(x - 0.1) / 0.2),
        (lambda x, t: log_decay(x, t, 0.3, 0.8), lambda x: -0.3 * math.exp(x / 0.8)),
        (lambda x, t: log_growth(x, t, 0.3, 0.8), lambda x: 0.3 * math.exp(-x / 0.8)),
        (lambda x, t: sinh_decay(x, t, 0.3, 0.8), lambda x: -0.6 * math.sinh(x / 0.8)),
        (lambda x, t: warmed(x, 2.0, t, 3.0, 0.5), lambda x: (6.0 - x) / 0.5),
    ],
)
@pytest.mark.parametrize("x", [0.4, 2.0])
def test_each_law_solves_its_equation(law: Law, slope: Callable[[float], float], x: float) -> None:
    h = 1e-6
    start = np.array([x])
    measured = (law(law(start, 0.01), h) - law(start, 0.01)) / h
    assert measured[0] == pytest.approx(slope(float(law(start, 0.01 + h / 2)[0])), rel=1e-6)


@given(duration=st.floats(0.0, 100.0), part=st.floats(0.0, 1.0), tau=st.floats(1e-6, 1e6))
def test_integrals_add_up(duration: float, part: float, tau: float) -> None:
    first = part * duration
    x = decay(2.0, first, tau, 0.3)
    parts = decay_integral(2.0, first, tau, 0.3) + decay_integral(x, duration - first, tau, 0.3)
    whole = decay_integral(2.0, duration, tau, 0.3)
    np.testing.assert_allclose(parts, whole, rtol=1e-10, atol=1e-12)


def test_the_integral_is_that_of_the_decay() -> None:
    t = np.linspace(0.0, 1.0, 20001)
    curve = decay(2.0, t, 0.2, 0.3)
    area = float(((curve[1:] + curve[:-1]) / 2 * np.diff(t)).sum())
    assert decay_integral(2.0, 1.0, 0.2, 0.3) == pytest.approx(area, rel=1e-8)
    assert decay_integral(2.0, 1.0, math.inf) == 2.0
    assert decay(2.0, math.inf, 0.2, 0.3) == 0.3
    assert decay(2.0, 1e9, math.inf) == 2.0


def test_log_decay_is_straight_in_the_logarithm_of_time() -> None:
    left = log_decay(50.0, 10.0 ** np.arange(-10.0, 11.0), 1.0, 1.0)
    np.testing.assert_allclose(np.diff(left[:10]), -math.log(10.0), rtol=1e-9)
    assert left[-1] == 0.0  # gone for good
    assert log_decay(-50.0, 1.0, 1e-12, 1.0) == -log_decay(50.0, 1.0, 1e-12, 1.0)
    sinh = sinh_decay(50.0, 10.0 ** np.arange(-10.0, -2.0), 1.0, 1.0)
    np.testing.assert_allclose(sinh, left[:8], rtol=2e-3)


def test_sinh_decay_ends_exponentially_and_survives_large_values() -> None:
    late = sinh_decay(5.0, np.array([10.0, 11.0]), 0.5, 1.0)
    assert late[1] / late[0] == pytest.approx(math.exp(-1.0), rel=1e-6)
    assert sinh_decay(1e5, 0.0, 1.0, 1.0) == 1e5
    assert 0 < sinh_decay(1e5, 1e-12, 1.0, 1.0) < 100


def test_arrhenius() -> None:
    tau = activated(0.1, 0.7, np.array([280.0, 300.0, 320.0]), 300.0)
    slope = np.polyfit(1.0 / np.array([280.0, 300.0, 320.0]), np.log(tau), 1)[0]
    assert slope * 8.617333262e-5 == pytest.approx(0.7, rel=1e-9)
    assert tau[1] == 0.1
    assert activated(0.1, 0.0, 77.0, 300.0) == 0.1
    assert np.isfinite(activated(1.0, 2.0, 1.0, 300.0))


BETAS = [0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.99, 1.0]
TIMES = np.concatenate([[0.0], 10.0 ** np.linspace(-20, 14, 2000)])


@pytest.mark.parametrize("beta", BETAS)
@pytest.mark.parametrize(("terms", "below", "above"), [(6, 25e-3, 11e-3), (8, 15e-3, 5e-3)])
def test_a_stretched_exponential_is_a_mixture(
    beta: float, terms: int, below: float, above: float
) -> None:
    weights, times = stretched_terms(beta, terms=terms)
    assert len(weights) <= terms
    assert np.all(weights > 0)
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    assert np.all(np.diff(times) > 0)
    off = np.abs(sum_of_terms(TIMES, weights, times) - np.exp(-(TIMES**beta)))
    assert off.max() < (below if beta < 0.3 else above)


def test_more_terms_and_fewer_decades() -> None:
    exact = np.exp(-(TIMES**0.5))
    assert np.abs(sum_of_terms(TIMES, *stretched_terms(0.5, terms=12)) - exact).max() < 4e-3
    inner = (TIMES > 1e-2) & (TIMES < 40)
    short = sum_of_terms(TIMES, *stretched_terms(0.5, decades=4.0, terms=5))
    assert np.abs(short - exact)[inner].max() < 5e-3


@pytest.mark.parametrize("nu", [0.01, 0.05, 0.1, 0.5, 1.0, 2.0, 3.0])
def test_a_power_law_is_a_mixture(nu: float) -> None:
    weights, times = power_terms(nu)
    t = TIMES[TIMES < 1e10]
    assert np.all(weights > 0)
    assert np.abs(sum_of_terms(t, weights, times) - (1 + t) ** -nu).max() < 2e-3


@pytest.mark.parametrize("beta", [0.1, 1.1])
def test_other_exponents_are_refused(beta: float) -> None:
    with pytest.raises(BadInput, match=r"give 0\.2 to 1"):
        stretched_terms(beta)
    with pytest.raises(BadInput, match="above 0, up to 3"):
        power_terms(-beta)


def test_terms_cannot_be_written_to() -> None:
    with pytest.raises(ValueError, match="read-only"):
        stretched_terms(0.5)[0][0] = 1.0


def test_joule_heating() -> None:
    assert heated(-2.0, 1e-3, 1e5, 300.0) == pytest.approx(500.0)
    t = np.linspace(0.0, 5.0, 5001)
    course = warmed(10.0, 2e-3, t, 1e5, 3.0)
    assert mean_rise(10.0, 2e-3, 5.0, 1e5, 3.0) == pytest.approx(
        float(((course[1:] + course[:-1]) / 2).mean()), rel=1e-6
    )
    assert warmed(0.0, 2e-3, math.inf, 1e5, 3.0) == 200.0
