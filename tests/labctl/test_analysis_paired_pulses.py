"""Index of paired pulses: both definitions, pooling, weights."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis.competition import compete
from labctl.analysis.definitions import DEFINITIONS
from labctl.analysis.paired_pulses import (
    IN_PULSE,
    READ,
    index_metric,
    index_table,
    paired_pulse_index,
)
from labctl.errors import BadInput

INTERVALS = np.geomspace(0.01, 3.0, 30)


def pairs(noise: float, repeats: int, seed: int = 1) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return first and second currents and intervals of a device with 69 and 240 ms."""
    rng = np.random.default_rng(seed)
    interval = rng.permutation(np.repeat(INTERVALS, repeats))
    index = 0.28 * np.exp(-interval / 0.069) + 0.287 * np.exp(-interval / 0.24)
    first = 200e-6 * np.exp(noise * rng.normal(size=len(interval)))
    second = first * (1 + index) * np.exp(noise * rng.normal(size=len(interval)))
    return first, second, interval


def test_both_definitions_are_registered() -> None:
    assert {IN_PULSE, READ} <= set(DEFINITIONS)


@pytest.mark.parametrize("definition", [IN_PULSE, READ])
def test_the_formula(definition: str) -> None:
    found = paired_pulse_index([2e-4, 1e-4], [3e-4, 1e-4], [0.01, 1.0], definition)  # type: ignore[arg-type]
    assert found.index == pytest.approx((0.5, 0.0))
    assert found.interval == (0.01, 1.0)
    assert found.definition == definition


def test_depression_is_negative_for_negative_pulses_too() -> None:
    found = paired_pulse_index([-5e-4], [-3.2e-4], [0.01], IN_PULSE)
    assert found.index == pytest.approx((-0.36,))


def test_repeats_are_pooled_by_the_interval_asked_for_and_its_achieved_mean_is_kept() -> None:
    found = paired_pulse_index(
        [1, 1, 1, 1], [1.4, 1.1, 1.6, 1.3], [0.0101, 1.001, 0.0103, 0.999], IN_PULSE,
        asked=[0.01, 1.0, 0.01, 1.0],
    )  # fmt: skip
    assert found.interval == pytest.approx((0.0102, 1.0))
    assert found.index == pytest.approx((0.5, 0.2))
    assert found.repeats == (2, 2)


def test_without_the_interval_asked_for_those_within_1_percent_are_repeats() -> None:
    found = paired_pulse_index([1.0] * 4, [1.1] * 4, [0.010001, 0.0105, 0.010003, 0.01], IN_PULSE)
    assert found.repeats == (3, 1)


def test_the_standard_error_is_the_scatter_of_the_mean() -> None:
    errors, stated = [], []
    for seed in range(200):
        found = paired_pulse_index(*pairs(0.01, 3, seed), IN_PULSE)
        truth = 0.28 * np.exp(-INTERVALS / 0.069) + 0.287 * np.exp(-INTERVALS / 0.24)
        errors.append(np.array(found.index) - truth)
        stated.append(found.sigma)
    assert np.mean(stated, axis=0) == pytest.approx(np.std(errors, axis=0), rel=0.2)
    assert np.all(np.abs(np.mean(errors, axis=0)) < 0.005)


def test_more_repeats_weigh_more() -> None:
    rng = np.random.default_rng(2)
    interval = np.repeat([0.01, 1.0], [4, 16])
    second = 1 + 0.01 * rng.normal(size=20)
    found = paired_pulse_index(np.ones(20), second, interval, READ)
    assert found.repeats == (4, 16)
    assert found.sigma[0] / found.sigma[1] == pytest.approx(2, rel=0.02)
    assert found.measured
    assert found.absolute


def test_a_common_gain_error_changes_nothing() -> None:
    first, second, interval = pairs(0.01, 5)
    one = paired_pulse_index(first, second, interval, IN_PULSE, u_first=first / 100)
    other = paired_pulse_index(1.02 * first, 1.02 * second, interval, IN_PULSE)
    assert one.index == pytest.approx(other.index)
    assert one.sigma == pytest.approx(other.sigma)


def test_single_shots_give_relative_weights_and_the_fit_takes_its_errors_from_the_residuals() -> (
    None
):
    first, second, interval = pairs(0.002, 1)
    found = paired_pulse_index(
        first, second, interval, IN_PULSE,
        u_first=np.full(30, 1e-7), u_second=np.where(interval > 0.1, 1e-7, 1e-6),
    )  # fmt: skip
    assert not found.absolute
    assert not found.measured
    assert found.bars == ()
    assert "relative weights from the specification" in found.note
    assert found.sigma[0] > 3 * found.sigma[-1]
    fit = compete(found.interval, found.index, found.sigma, absolute=found.absolute).fits
    assert "scaled by the reduced chi2" in fit["single_decay"].definition
    metric = index_metric(found)
    assert metric is not None
    assert metric.sigma is None


def test_without_scatter_or_specification_all_weigh_by_their_number() -> None:
    found = paired_pulse_index([1, 1, 1], [1.5, 1.5, 1.25], [0.01, 0.01, 1], READ)
    assert not found.absolute
    assert found.index == pytest.approx((0.5, 0.25))
    assert found.sigma[1] / found.sigma[0] == pytest.approx(np.sqrt(2) * 1.25 / 1.5)


def test_noise_free_pairs_give_back_the_taus_within_their_intervals() -> None:
    first, second, interval = pairs(0.0, 5)
    found = paired_pulse_index(first, second, interval, IN_PULSE)
    fit = compete(found.interval, found.index, found.sigma, absolute=found.absolute).fits
    double = fit["double_decay"]
    assert double.identifiable
    assert double.tau1.value == pytest.approx(0.069, rel=1e-6)
    assert double.tau2.value == pytest.approx(0.240, rel=1e-6)


def test_pairs_that_cannot_be_used_are_left_out_and_counted() -> None:
    found = paired_pulse_index(
        [1, 0, np.nan, 1, 1], [1.5, 1, 1, np.inf, 1], [0.01, 0.01, 0.01, 0.01, np.nan], IN_PULSE
    )
    assert found.index == pytest.approx((0.5,))
    assert "left out of 5 pairs: 4 without two finite responses" in found.note


def test_nothing_at_all() -> None:
    found = paired_pulse_index([], [], [], IN_PULSE)
    assert found.index == ()
    assert found.note == "no pair was given"
    assert index_metric(found) is None


def test_bad_arguments() -> None:
    with pytest.raises(BadInput, match='the index "ppf" is unknown'):
        paired_pulse_index([1], [1], [1], "ppf")  # type: ignore[arg-type]
    with pytest.raises(BadInput, match="their numbers must be equal"):
        paired_pulse_index([1], [1, 2], [1], IN_PULSE)


def test_metric_and_table_say_what_they_are() -> None:
    found = paired_pulse_index(*pairs(0.01, 5), IN_PULSE)
    metric = index_metric(found)
    assert metric is not None
    assert metric.value == found.index[0]
    assert metric.sigma == found.sigma[0]
    assert metric.definition == IN_PULSE
    table = index_table(found, "Index by interval")
    assert [(column.name, column.unit) for column in table.columns] == [
        ("interval", "s"), ("index", "1"), ("standard error", "1"), ("repeats", "1"),
    ]  # fmt: skip
    assert {len(column.data) for column in table.columns} == {30}


@given(st.data())
@settings(max_examples=100)
def test_any_pairs(data: st.DataObject) -> None:
    size = data.draw(st.integers(0, 8))
    columns = [data.draw(st.lists(st.floats(), min_size=size, max_size=size)) for _ in range(5)]
    first, second, interval, u_first, u_second = columns
    found = paired_pulse_index(
        first, second, interval, IN_PULSE, u_first=u_first, u_second=u_second
    )
    lengths = {len(x) for x in (found.interval, found.index, found.sigma, found.repeats)}
    assert len(lengths) == 1
    assert sum(found.repeats) <= size
    assert all(np.isfinite(found.index))
