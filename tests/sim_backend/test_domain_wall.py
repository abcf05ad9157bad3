"""The domain-wall synapse: leaving, flying, reading."""

import math

import numpy as np
import pytest
from scipy.stats import kstest

from docs.figures import domain_wall_updates
from labctl.errors import BadInput
from sim_backend.devices import Stream, family

ROOM = 300.0


def test_a_wall_leaves_its_notch_by_chance() -> None:
    """The time at a notch is exponential with the mean of the law."""
    model = family("domain-wall").load("notched-5", {"cycle_sigma": 0.0})
    voltage = 1.1
    state = model.fresh(1500, Stream(0), spread=False)
    barrier = 40 * (1 - voltage / 1.2) ** 1.5
    mean = 1e-9 * math.exp(barrier)
    for width in (0.5 * mean, 0.5 * mean, mean):
        model.advance(state, {"gate": voltage}, width, ROOM, Stream(5))
    assert (state.row("departures") > 0).mean() == pytest.approx(1 - math.exp(-2), abs=0.04)
    waits = []
    for k in range(150):
        one = model.fresh(1, Stream(0), spread=False, first=k)
        low, high = 0.0, 30 * mean
        for _ in range(25):
            middle = (low + high) / 2
            trial = model.fresh(1, Stream(0), spread=False, first=k)
            model.advance(trial, {"gate": voltage}, middle, ROOM, Stream(5))
            low, high = (low, middle) if trial.row("departures")[0] else (middle, high)
        waits.append(high)
        assert one.row("departures")[0] == 0
    assert kstest(np.array(waits) / mean, "expon").pvalue > 1e-3


def test_a_wall_flies_at_its_velocity_and_falls_into_the_nearer_notch() -> None:
    model = family("domain-wall").load("track-32")
    state = model.fresh(1, Stream(0), spread=False)
    # without chance it leaves when the rate has used up 1; at 1.5 mA that takes 1 / (1/1ns + 0.25)
    velocity = 50 * (1.5 - 0.6) / (1.2 - 0.6)
    leave = 1 / (1e9 + 0.25e9)
    model.advance(state, {"gate": 1.5}, leave + 1e-9, ROOM, None)
    assert state.row("place")[0] == pytest.approx(velocity * 1e-9 / 250e-9, rel=1e-6)
    nearest = round(float(state.row("place")[0]))
    model.advance(state, {}, 1e-12, ROOM, None)
    assert state.row("place")[0] == nearest


def test_below_the_critical_current_nothing_moves() -> None:
    model = family("domain-wall").load("notched-5", {"place": 0.5})
    state = model.fresh(50, Stream(0), spread=True)
    model.advance(state, {"gate": 0.5}, 1e6, ROOM, Stream(1))
    assert (state.row("place") == 2).all()
    assert state.tally().pulses == 0


def test_a_ramp_is_taken_closely() -> None:
    model = family("domain-wall").load("track-32")
    whole, fine = (model.fresh(1, Stream(0), spread=False) for _ in range(2))
    model.advance(whole, {"gate": (0.0, 1.6)}, 40e-9, ROOM, None)
    for k in range(4000):
        level = (1.6 * k / 4000, 1.6 * (k + 1) / 4000)
        model.advance(fine, {"gate": level}, 40e-9 / 4000, ROOM, None)
    assert whole.row("place")[0] == pytest.approx(fine.row("place")[0], abs=0.03)


def test_the_read_and_the_write_are_apart() -> None:
    model = family("domain-wall").load("notched-5", {"place": 1.0})
    state = model.fresh(1, Stream(0), spread=False)
    current = model.current(state, {"drain": 0.05, "gate": 1.0})[:, 0]
    assert current[2] == pytest.approx(1e-3)
    assert current[0] == pytest.approx(0.05 / 2e3)
    low = family("domain-wall").load("notched-5")
    g = low.conductance(low.fresh(1, Stream(0), spread=False))[0]
    assert 1 / 2e3 / g == pytest.approx(2.71, rel=1e-6)


def test_updates_states_linearity_and_energy() -> None:
    found = domain_wall_updates.measure()
    assert 3 <= found["states"] <= 5
    assert found["linearity_up"] > 0.99
    assert found["linearity_down"] > 0.99
    assert found["energy"] < 16e-12  # Siddiqui et al., 10.1021/acs.nanolett.9b04200
    assert found["ratio"] == pytest.approx(2.71, rel=0.02)
    assert found["asymmetry_tapered"] < found["asymmetry_straight"] - 0.05
    assert any(not np.array_equal(curve, found["chance"][0]) for curve in found["chance"])
    assert domain_wall_updates.draw(found).axes


def test_a_track_without_a_barrier_is_refused() -> None:
    with pytest.raises(BadInput, match="above the critical current"):
        family("domain-wall").load("notched-5", {"depinning": "0.5 mA"})


def test_a_track_opens_at_its_moment() -> None:
    changes = {"breakdown_time": "20 ns", "breakdown_voltage": "1.5 V"}
    model, charges, places = family("domain-wall").load("notched-5", changes), [], []
    for parts in (1, 4, 7):
        state = model.fresh(1, Stream(0), spread=False)
        pieces = [({"gate": 1.5}, 40e-9 / parts)] * parts
        charges.append(sum(model.advance(state, *piece, ROOM, Stream(3))[2, 0] for piece in pieces))
        places.append(state.row("place")[0])
    assert charges == pytest.approx([20e-9 * 1.5e-3] * 3, rel=1e-9)
    assert places == [places[0]] * 3
    assert 0 < places[0] == round(places[0])
