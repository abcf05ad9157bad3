"""Energy of a pulse: propagation, pooling and the floor."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.energy import DEFINITION, energy_per_pulse, pulse_energies
from labctl.errors import BadInput


def test_energy_is_level_times_current_times_achieved_width() -> None:
    energy, _ = pulse_energies([1.0, -1.0], [5e-4, -5e-4], [100e-6, 200e-6], 0, 0)
    assert energy == pytest.approx([50e-9, 100e-9])


def test_uncertainty_agrees_with_a_simulation() -> None:
    rng = np.random.default_rng(1)
    u_v, u_i, u_w = 0.02, 1e-5, 2e-6
    _, u = pulse_energies(1.0, 5e-4, 100e-6, u_v, u_i, u_w)
    draws = (
        rng.normal(1.0, u_v, 200_000)
        * rng.normal(5e-4, u_i, 200_000)
        * rng.normal(100e-6, u_w, 200_000)
    )
    assert u == pytest.approx([np.std(draws)], rel=0.01)


def test_the_specification_does_not_shrink_with_the_number_of_pulses_but_the_scatter_does() -> None:
    rng = np.random.default_rng(2)
    i = 5e-4 * (1 + 0.05 * rng.normal(size=400))
    few = energy_per_pulse(np.ones(4), i[:4], 100e-6, 0.0, 2e-6)
    many = energy_per_pulse(np.ones(400), i, 100e-6, 0.0, 2e-6)
    assert few is not None
    assert many is not None
    assert few.sigma is not None
    assert few.sigma > 2 * many.sigma  # type: ignore[operator]
    assert many.sigma == pytest.approx(np.hypot(2e-10, 2.5e-9 / 20), rel=0.05)
    assert many.value == pytest.approx(50e-9, rel=0.01)
    assert many.unit == "J"
    assert many.definition == DEFINITION in DEFINITIONS
    assert not many.bound


@pytest.mark.parametrize("i", [1e-12, 0.0, -1e-9])
def test_below_the_floor_there_is_an_upper_bound(i: float) -> None:
    found = energy_per_pulse([1.0], [i], 1e-4, 1e-3, 2e-9)
    assert found is not None
    assert found.bound
    assert found.sigma is None
    u = np.hypot(2e-13, i * 1e-4 * 1e-3)
    assert found.value == pytest.approx(max(i * 1e-4, 0) + 1.6449 * u, rel=1e-3)
    assert str(found).startswith("<= ")


def test_the_bound_holds_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    u_i, truth = 1e-9, 0.2e-9
    bounds = [energy_per_pulse(1.0, truth + rng.normal(0, u_i), 1e-4, 0, u_i) for _ in range(2000)]
    held = [b.value >= truth * 1e-4 for b in bounds if b is not None and b.bound]
    assert np.mean(held) >= 0.94


def test_values_that_are_not_finite_are_left_out() -> None:
    found = energy_per_pulse([1, np.nan, 1], [1e-4, 1e-4, np.inf], 1e-4, 1e-3, 1e-7)
    assert found is not None
    assert found.value == pytest.approx(1e-8)
    assert energy_per_pulse([np.nan], [1], 1, 0, 0) is None
    assert energy_per_pulse([], [], [], [], []) is None


def test_unequal_lengths() -> None:
    with pytest.raises(BadInput, match="their numbers must be equal"):
        energy_per_pulse([1, 2], [1, 2, 3], 1, 0, 0)


@given(st.lists(st.tuples(*[st.floats()] * 6), max_size=6))
def test_any_numbers(rows: list[tuple[float, ...]]) -> None:
    columns = list(zip(*rows, strict=True)) or [()] * 6
    found = energy_per_pulse(*columns)
    if found is not None:
        assert np.isfinite(found.value)
        assert found.sigma is None or 0 <= found.sigma < found.value
