"""Weights under identical pulses: their means on the way, and trains, compiled and plain."""

import numpy as np
import pytest

from sim_backend.devices import Stream, family
from sim_backend.devices.model import repeat_plainly
from sim_backend.devices.parts.updates import (
    exponential_step,
    exponential_step_mean,
    soft_bound_mean,
)


@pytest.mark.parametrize("moved", [1e-3, 0.08, 0.4, 3.0, 60.0, 900.0])
def test_a_weight_that_stops_at_its_limit_has_the_mean_of_its_way(moved: float) -> None:
    w, aim = np.array([0.2, 0.9, 0.99, -0.7, 0.5]), np.array([1.6, 1.05, 1.3, -1.4, 0.8])
    found = soft_bound_mean(w, aim, np.full(5, moved), np.full(5, -1.0), np.full(5, 1.0))
    at = (np.arange(20_000) + 0.5)[:, np.newaxis] / 20_000 * moved
    expected = np.clip(aim + (w - aim) * np.exp(-at), -1.0, 1.0).mean(axis=0)
    np.testing.assert_allclose(found, expected, rtol=1e-4 * max(1.0, moved / 50))
    halves = [w, np.clip(aim + (w - aim) * np.exp(-moved / 2), -1.0, 1.0)]
    parts = [
        soft_bound_mean(start, aim, np.full(5, moved / 2), np.full(5, -1.0), np.full(5, 1.0))
        for start in halves
    ]
    np.testing.assert_allclose(sum(parts) / 2, found, rtol=1e-12)


@pytest.mark.parametrize("b", [-0.097, -1.0, 0.2])
@pytest.mark.parametrize("k", [-2.5, 2.5])
@pytest.mark.parametrize("moved", [1e-3, 0.3, 2.0, 40.0, -0.5])
def test_the_mean_of_exponential_steps(b: float, k: float, moved: float) -> None:
    q = np.array([-0.8, 0.1, 0.7])
    limits = np.full(3, -1.0), np.full(3, 1.0)
    found = exponential_step_mean(q, np.full(3, moved), b, k, *limits)
    at = (np.arange(20_000) + 0.5)[:, np.newaxis] / 20_000 * moved
    expected = np.clip(exponential_step(q, at, b, k), -1.0, 1.0).mean(axis=0)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    middle = np.clip(exponential_step(q, np.full(3, moved / 2), b, k), -1.0, 1.0)
    parts = [
        exponential_step_mean(start, np.full(3, moved / 2), b, k, *limits) for start in (q, middle)
    ]
    np.testing.assert_allclose(sum(parts) / 2, found, atol=1e-9)


@pytest.mark.parametrize("table", [True, False])
@pytest.mark.parametrize("width", [1e-7, 3e-6, 1e-3])
def test_a_train_is_the_same_compiled_and_plain(
    width: float, table: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short pulses go four at a time, longer ones one by one; both stop weights at their limits.

    Four at a time with numbers from a table are in single precision.
    """
    model = family("rram-array").load(
        "volatile", {"step_sigma": 0.2, "m1": 0.02, "m2": 0.01, "lower_sigma": 0.0}
    )
    trains = {
        1: [({"top": 1.5}, width), ({}, 1e-3)],
        2: [({"top": 1.5}, width), ({"top": -1.4}, width), ({}, 1e-4)],
    }
    for pulses, pieces in trains.items():
        single = table and pulses == 1 and width == 1e-7
        found = []
        for path in ("numba", "numpy", "pieces"):
            monkeypatch.setenv("LABCTL_KERNELS", "numpy" if path == "pieces" else path)
            state = model.fresh(300, Stream(1), spread=True)
            if path == "pieces":
                charge = repeat_plainly(model, state, pieces, 30, 300.0, Stream(2, table=table))
            else:
                charge = model.repeat(state, pieces, 30, 300.0, Stream(2, table=table))
            found.append((charge, state.row("w").copy(), state.row("charge").copy()))
        for other in found[1:]:
            for mine, theirs in zip(found[0], other, strict=True):
                np.testing.assert_allclose(mine, theirs, rtol=2e-6 if single else 1e-9, atol=1e-20)


@pytest.mark.parametrize("sigma", [0.3, 0.03])
@pytest.mark.parametrize("step", [0.02, 0.004])
def test_long_trains_in_single_precision_keep_weights_and_charge(
    step: float, sigma: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounding neither adds up over hundreds of pulses nor takes weights anywhere else.

    The smaller spreads are below what single precision follows, so they are done in double.
    """
    changes = {
        "cycle_sigma": sigma,
        "step_up": step,
        "step_down": step,
        "step_sigma": 0.1,
        "lower_sigma": 0.0,
    }
    model = family("rram-array").load("volatile", changes)
    single = step * sigma > 2e-3
    for first in (1.5, -1.5):
        found = []
        for path in ("numba", "numpy"):
            monkeypatch.setenv("LABCTL_KERNELS", path)
            state = model.fresh(64, Stream(1), spread=True)
            pieces = [({"top": first}, 1e-7), ({}, 1e-3)]
            charge = model.repeat(state, pieces, 300, 300.0, Stream(2, table=True))
            found.append((charge[0], state.row("w").copy()))
        charge, w = (np.abs(found[0][k] / found[1][k] - 1.0) for k in (0, 1))
        assert max(charge.max(), w.max()) < (3e-6 if single else 1e-9)
        assert not single or first < 0 or w.max() > 1e-9  # it is single precision


@pytest.mark.parametrize("path", ["numba", "numpy"])
@pytest.mark.parametrize("width", [1e-14, 1e-7, 3e-6, 1e-3])
def test_turns_without_variation_add_up_as_a_series(
    path: str, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A train of equal turns in closed form is the turns one by one."""
    monkeypatch.setenv("LABCTL_KERNELS", path)
    model = family("rram-array").load("volatile", {"m1": 0.02, "m2": 0.01, "lower_sigma": 0.0})
    pieces = [({"top": 1.5}, width), ({"top": -1.4}, 0.3 * width), ({}, 1e-4)]
    once, apart = (model.fresh(40, Stream(1), spread=True) for _ in range(2))
    for state in (once, apart):
        model.advance(state, {"top": 1.4}, 3e-6, 300.0, None)
    charge = model.repeat(once, pieces, 60, 300.0, None)
    expected = repeat_plainly(model, apart, pieces, 60, 300.0, None)
    np.testing.assert_allclose(charge, expected, rtol=1e-9)
    for row in ("w", "throughput", "positive", "negative", "events"):
        np.testing.assert_allclose(once.row(row), apart.row(row), rtol=1e-9)


@pytest.mark.parametrize("table", [True, False])
def test_noise_that_reaches_the_other_limit_is_the_same_compiled_and_plain(
    table: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a draw may take a weight across its whole range, or a rare one does."""
    for sigma in (0.42, 1.5):
        changes = {"m1": 0.02, "m2": 0.01, "lower_sigma": 0.0, "cycle_sigma": sigma, "lower": 0.9}
        model = family("rram-array").load("volatile", changes)
        found = []
        for path in ("numba", "numpy"):
            monkeypatch.setenv("LABCTL_KERNELS", path)
            state = model.fresh(1500, Stream(1), spread=True)
            charge = model.repeat(
                state, [({"top": 1.5}, 1e-7), ({}, 1e-3)], 202, 300.0, Stream(2, table=table)
            )
            found.append((charge, state.row("w").copy()))
        np.testing.assert_allclose(found[0][0], found[1][0], rtol=1e-8)
        np.testing.assert_allclose(found[0][1], found[1][1], atol=1e-12)


def test_a_weight_below_the_least_conductance_is_at_it_for_its_time() -> None:
    """G = max(floor, linear), however the time is cut, on the way down and on the way back."""
    model = family("rram-array").load("volatile")
    pieces = [({"top": -1.5}, 3e-5), ({"top": -0.1}, 0.2), ({"top": 1.2}, 1e-5)]
    charges = []
    for parts in (1, 2, 400):
        state = model.fresh(5, Stream(1), spread=True)
        total = np.zeros((2, 5))
        for levels, duration in pieces:
            for _ in range(parts):
                total += model.advance(state, levels, duration / parts, 300.0, Stream(3))
        charges.append(total)
        assert np.all(model.conductance(state) >= 0.05 * model.parameters.gmin * (1 - 1e-12))
    np.testing.assert_allclose(charges[1], charges[0], rtol=1e-9)
    np.testing.assert_allclose(charges[2], charges[0], rtol=1e-9)
