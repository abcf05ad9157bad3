"""Conduction laws against their textbook limits, and what stands around a device."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim_backend.devices.model import Array
from sim_backend.devices.parts import conduction as law
from sim_backend.devices.parts.network import behind_series, stored

Q, K, H, MASS, EPS = 1.602176634e-19, 1.380649e-23, 6.62607015e-34, 9.1093837139e-31, 8.8541878e-12
KT = K * 300.0 / Q

LAWS: dict[str, Callable[[Array], Array]] = {
    "ohmic": lambda v: law.ohmic(v, 1e-4),
    "sinh": lambda v: law.sinh(v, 1e-4, 0.3),
    "poole-frenkel": lambda v: law.poole_frenkel(v, 1e-6, 10e-9, 12.0, 300.0),
    "schottky": lambda v: law.schottky(v, 1e-12, 0.5, 10e-9, 12.0, 300.0),
    "simmons": lambda v: law.simmons(v, 1e-12, 1.2, 2e-9, 0.5),
    "trapezoid": lambda v: law.trapezoid(v, 1e-12, 1.2, 1.2, 2e-9, 0.5),
    "fowler-nordheim": lambda v: law.fowler_nordheim(v, 1e-12, 1.2, 2e-9, 0.5),
    "space charge": lambda v: law.space_charge(v, 1e-9, 1e-12, 1e-8, 12.0, 50e-9),
}
ONE_WAY: dict[str, Callable[[Array], Array]] = {
    "brinkman": lambda v: law.brinkman(v, 1e-4, 1.0, 0.5, 2e-9),
    "trapezoid, asymmetric": lambda v: law.trapezoid(v, 1e-12, 0.8, 1.3, 2e-9, 0.5),
}


@pytest.mark.parametrize("name", LAWS)
@given(v=st.floats(0.0, 1e6))
def test_symmetric_laws_are_odd(name: str, v: float) -> None:
    forth, back = LAWS[name](np.array([v, -v]))
    assert forth == pytest.approx(-back, rel=1e-12)
    assert forth >= 0


@pytest.mark.parametrize("name", [*LAWS, *ONE_WAY])
def test_laws_are_finite_zero_at_zero_and_never_fall(name: str) -> None:
    current = {**LAWS, **ONE_WAY}[name]
    v = np.concatenate([-np.geomspace(1e9, 1e-12, 400), [0.0], np.geomspace(1e-12, 1e9, 400)])
    i = current(v)
    assert np.all(np.isfinite(i))
    assert i[400] == 0.0
    near = np.abs(v) < 2.0
    # a difference of nearly equal numbers may fall by its rounding
    assert np.all(np.diff(i[near]) >= -1e-14 * np.abs(i[near]).max())


@pytest.mark.parametrize("name", [*LAWS, *ONE_WAY])
def test_laws_are_smooth_at_zero(name: str) -> None:
    current = {**LAWS, **ONE_WAY}[name]
    h = 1e-5
    left, right = -current(np.array([-h])) / h, current(np.array([h])) / h
    near = current(np.array([2 * h])) / (2 * h)
    # the slope from both sides is one; Poole and Frenkel approach theirs as sqrt(V) does
    assert left[0] == pytest.approx(right[0], rel=1e-4, abs=1e-30)
    assert near[0] == pytest.approx(right[0], rel=2e-2, abs=1e-30)


def test_sinh() -> None:
    assert law.sinh(0.3, 1e-4, 0.3) == pytest.approx(1e-4 * 0.3 * math.sinh(1.0))
    assert law.sinh(1e-6, 1e-4, 0.3) == pytest.approx(1e-10)


@given(first=st.floats(-3.0, 3.0), last=st.floats(-3.0, 3.0))
def test_the_mean_of_sinh_is_closed(first: float, last: float) -> None:
    quadrature = law.mean_over_ramp(LAWS["sinh"], first, last)
    np.testing.assert_allclose(
        law.sinh_mean(first, last, 1e-4, 0.3), quadrature, rtol=1e-9, atol=1e-18
    )


def test_poole_frenkel_and_schottky_are_straight_in_the_root_of_the_field() -> None:
    v = np.array([0.5, 2.0])
    roots = np.diff(np.sqrt(v / 10e-9))[0]
    slope = np.diff(np.log(LAWS["poole-frenkel"](v) / v))[0] / roots
    assert slope * K * 300.0 == pytest.approx(math.sqrt(Q**3 / (math.pi * 12.0 * EPS)), rel=1e-6)
    emitted = np.diff(np.log(LAWS["schottky"](v)))[0] / roots
    assert emitted == pytest.approx(slope / 2, rel=1e-6)


def test_schottky_has_the_richardson_constant() -> None:
    i = law.schottky(1.0, 1e-12, 0.5, 1.0, 12.0, 300.0)  # hardly any field over a metre
    assert i == pytest.approx(1e-12 * 1.201735e6 * 300.0**2 * math.exp(-0.5 / KT), rel=2e-3)


def test_simmons_at_low_voltage() -> None:
    """Simmons 1963, eq. 24, with the term he drops."""
    height, d, area = 1.2, 2e-9, 1e-12
    b = 4 * math.pi * d / H * math.sqrt(2 * MASS * 0.5 * Q)
    g = area * Q**2 / (2 * math.pi * H * d**2) * math.exp(-b * math.sqrt(height))
    g *= b * math.sqrt(height) / 2 - 1
    assert law.simmons(1e-3, area, height, d, 0.5) / 1e-3 == pytest.approx(g, rel=1e-4)
    below, above = LAWS["simmons"](np.array([1.2 - 1e-9, 1.2 + 1e-9]))
    assert below == pytest.approx(above, rel=1e-6)


@pytest.mark.parametrize("v", [-0.5, 0.01, 0.3, 0.7])
def test_trapezoid_is_the_formula_of_gruverman(v: float) -> None:
    one, two, d, area, m = 0.8 * Q, 1.3 * Q, 2e-9, 1e-12, 0.5 * MASS
    hbar = H / (2 * math.pi)
    alpha = 4 * d * math.sqrt(2 * m) / (3 * hbar * (one + Q * v - two))
    p, r = two - Q * v / 2, one + Q * v / 2
    c = -4 * Q * m / (9 * math.pi**2 * hbar**3)
    density = c * math.exp(alpha * (p**1.5 - r**1.5)) / (alpha * (math.sqrt(p) - math.sqrt(r))) ** 2
    density *= math.sinh(1.5 * alpha * (math.sqrt(p) - math.sqrt(r)) * Q * v / 2)
    found = law.trapezoid(v, area, 0.8, 1.3, d, 0.5)
    assert found == pytest.approx(area * density, rel=1e-9)


def test_brinkman_is_the_expansion_of_its_conductance() -> None:
    a0 = 4 * 2e-9 * math.sqrt(2 * MASS * Q) / (3 * H / (2 * math.pi))
    for v in (-0.2, 0.1):
        h = 1e-4
        slope = float(np.diff(ONE_WAY["brinkman"](np.array([v - h, v + h])))[0]) / (2 * h)
        expected = 1 - a0 * 0.5 / 16 * v + 9 * a0**2 / 128 * v**2
        assert slope == pytest.approx(1e-4 * expected, rel=1e-6)


def test_fowler_nordheim_has_its_constants() -> None:
    """1.541e-6 A eV / V2 and 6.831e9 V / (m eV^1.5), as every textbook has them."""
    v = np.array([3.0, 6.0])
    i = law.fowler_nordheim(v, 1.0, 1.0, 1e-9)
    slope = np.diff(np.log(i / v**2))[0] / np.diff(1e-9 / v)[0]
    assert -slope == pytest.approx(6.8309e9, rel=1e-4)
    assert i[0] == pytest.approx(1.5414e-6 * 9e18 * math.exp(-6.8309e9 / 3e9), rel=1e-3)


def test_space_charge_is_mott_and_gurney() -> None:
    i = law.space_charge(2.0, 0.0, 1e-12, 1e-8, 12.0, 50e-9)
    assert i == pytest.approx(9 / 8 * 12.0 * EPS * 1e-8 * 1e-12 * 4.0 / (50e-9) ** 3, rel=1e-6)


@pytest.mark.parametrize(("first", "last"), [(0.0, 1.0), (-0.7, 1.1), (0.9, 0.2), (0.3, 0.3)])
@pytest.mark.parametrize(
    ("name", "bound"),
    [("ohmic", 1e-14), ("poole-frenkel", 1e-6), ("space charge", 1e-14), ("schottky", 1e-6),
     ("simmons", 1e-9), ("trapezoid", 1e-9), ("brinkman", 1e-14)],
)  # fmt: skip
def test_the_mean_over_a_ramp(name: str, bound: float, first: float, last: float) -> None:
    current = {**LAWS, **ONE_WAY}[name]
    mean = law.mean_over_ramp(current, first, last)
    # finely, and finer towards zero
    share = (np.arange(400_000) + 0.5) / 400_000
    cut = -first / (last - first) if first * last < 0 else 0.0
    pieces = [(cut, 1.0 - cut), (cut, -cut)]
    exact = sum(
        abs(length) * float((current(first + (last - first) * (start + length * share**2))
                             * 2 * share).mean())
        for start, length in pieces
    )  # fmt: skip
    assert mean == pytest.approx(exact, rel=bound + 1e-9, abs=1e-30)


def test_the_mean_of_a_steep_law() -> None:
    steep = law.mean_over_ramp(lambda v: np.exp(v), np.array([0.0, 0.0]), np.array([40.0, 1.0]))
    exact = np.array([math.expm1(40.0) / 40.0, math.expm1(1.0)])
    np.testing.assert_allclose(steep, exact, rtol=1e-9)


# -- around the device ----------------------------------------------------------------------------


@given(v=st.floats(-10.0, 10.0), resistance=st.floats(0.0, 1e9))
def test_a_series_resistance_takes_the_rest(v: float, resistance: float) -> None:
    for current in LAWS.values():
        inner = behind_series(current, np.array([v, v / 2]), resistance)
        total = inner + resistance * current(inner)
        # solved to rounding of the voltage: a steep law turns that into a change of its current
        step = np.abs(current(inner * (1 + 1e-15)) - current(inner * (1 - 1e-15)))
        allowed = 1e-14 * np.abs([v, v / 2]) + resistance * step + 1e-290 * resistance
        assert np.all(np.abs(total - [v, v / 2]) <= allowed + 1e-300)


def test_each_device_has_its_own_series_resistance() -> None:
    g, r = np.array([1e-3, 1e-4]), np.array([[0.0], [1e3], [1e6]])
    inner = behind_series(lambda v: g * v, 2.0, r * np.ones(2))
    np.testing.assert_allclose(inner, 2.0 / (1 + r * g), rtol=1e-14)


def test_a_capacitance_stores_what_the_voltage_changes() -> None:
    assert stored(1e-12, 0.5, [1.5, -0.5]).tolist() == pytest.approx([1e-12, -1e-12])
