"""Whatever the data: a believable fit, or a sentence that says why not; never a crash."""

import math
from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.analysis.arrhenius import fit_arrhenius
from labctl.analysis.bcm import BCM, bcm_threshold, compete_bcm, fit_bcm
from labctl.analysis.conduction import (
    conduction_by_range,
    fit_conduction,
    sweep,
)
from labctl.analysis.conduction_laws import LAWS
from labctl.analysis.conduction_sanity import check_conduction, linearised
from labctl.analysis.drift import drift_by_state, fit_drift
from labctl.analysis.film import Film
from labctl.analysis.life import LIVES, fit_life, lifetimes
from labctl.analysis.probability_plot import plot_life, probability_table
from labctl.analysis.retention import fit_retention
from labctl.analysis.stdp import WINDOWS, fit_stdp
from labctl.analysis.switching import KINETICS, fit_switching, fit_switching_probability
from labctl.analysis.update_curves import UPDATES
from labctl.analysis.updates import branches, fit_updates, update_metrics
from labctl.results import Fit

FILM = Film(thickness=2e-9, area=1e-10)
Data = tuple[list[float], list[float], list[float] | None]


def believable(fit: Fit) -> None:
    """Hold for every fit, whatever the data were."""
    for value in fit.values.values():
        assert math.isfinite(value.value)
        assert value.sigma is None or (math.isfinite(value.sigma) and value.sigma >= 0)
        assert value.low is None or (math.isfinite(value.low) and value.low <= value.value)
        assert value.high is None or (math.isfinite(value.high) and value.value <= value.high)
    assert fit.identifiable or fit.note
    assert fit.values or (fit.note and not fit.identifiable)
    assert msgspec.json.decode(msgspec.json.encode(fit), type=Fit) == fit


anything = st.floats(width=64)
tame = st.floats(-10, 10)
positive = st.floats(1e-3, 1e3)
few = st.sampled_from((0.0, 1.0, 2.0, 1.0, -1.0))  # constants, duplicates, saturation


@st.composite
def messy(draw: st.DrawFn) -> Data:
    size = draw(st.integers(0, 10))
    kind = draw(st.sampled_from((anything, tame, positive, few)))
    t, y = (draw(st.lists(kind, min_size=size, max_size=size)) for _ in range(2))
    sigma = draw(st.none() | st.lists(kind, min_size=size, max_size=size))
    return t, y, sigma


FITS: dict[str, Callable[..., Fit]] = {
    **{f"stdp {k}": lambda t, y, s, k=k: fit_stdp(t, y, s, k) for k in WINDOWS},
    "stdp with a baseline": lambda t, y, s: fit_stdp(t, y, s, "hebbian", "free"),
    **{f"bcm {k}": lambda t, y, s, k=k: fit_bcm(t, y, s, k) for k in BCM},
    "drift": lambda t, y, s: fit_drift(t, y, s),
    "drift of G": lambda t, y, s: fit_drift(t, y, s, 3.0, "G"),
    "arrhenius": lambda t, y, s: fit_arrhenius(t, y, s, 300.0),
    **{f"switching {k}": lambda t, y, s, k=k: fit_switching(t, y, s, k) for k in KINETICS},
    "neel_brown": lambda t, y, s: fit_switching_probability(t, y, s or [5.0] * len(t), 1e-7),
    **{f"life {k}": lambda t, y, s, k=k: fit_life(t, np.array(y) > 1, s, k) for k in LIVES},
    **{f"update {k}": lambda t, y, s, k=k: fit_updates(branches(t, y), k) for k in UPDATES},
    "update by one branch": lambda t, y, s: fit_updates(branches(t, (), pulses=(y, ()))),
    **{
        f"conduction {k}": lambda t, y, s, k=k: fit_conduction(sweep(t, y, s), k, FILM)
        for k in LAWS
    },
    "conduction, both signs": lambda t, y, s: fit_conduction(
        sweep(t, y, s, polarity="both"), "brinkman", FILM
    ),
}


@given(name=st.sampled_from(sorted(FITS)), data=messy())
@settings(max_examples=20)
def test_some_fits(name: str, data: Data) -> None:
    believable(FITS[name](*data))


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", FITS)
@given(data=messy())
@settings(max_examples=300)
def test_every_fit(name: str, data: Data) -> None:
    believable(FITS[name](*data))


@given(data=messy())
@settings(max_examples=4)
def test_retention(data: Data) -> None:
    found = fit_retention(*data)
    for fit in found.competition.fits.values():
        believable(fit)
    assert found.metric is not None or found.note or found.competition.verdict


@given(data=messy())
@settings(max_examples=4)
def test_thresholds(data: Data) -> None:
    found = compete_bcm(*data, shapes=("bcm_quadratic", "log_parabola"))
    for fit in found.fits.values():
        believable(fit)
    metric, _ = bcm_threshold(found)
    assert metric is None or math.isfinite(metric.value)


@given(data=messy())
@settings(max_examples=10)
def test_drift_by_state(data: Data) -> None:
    t, y, sigma = data
    found = drift_by_state(t, y, np.arange(len(t)) % 2, sigma)
    assert found.same is None or 0 <= found.same <= 1
    for fit in found.fits.values():
        believable(fit)


@given(data=messy())
@settings(max_examples=4)
def test_ranges_and_what_is_said_of_them(data: Data) -> None:
    chosen = sweep(*data)
    found = conduction_by_range(chosen, film=FILM)
    for one in found.ranges:
        for fit in one.competition.fits.values():
            believable(fit)
            check_conduction(fit, FILM)
        linearised(chosen, one.law, one.competition.fits, FILM)
    assert found.ranges or found.note


@given(data=messy())
@settings(max_examples=20)
def test_probability_plots(data: Data) -> None:
    t, y, until = data
    devices = lifetimes(t, np.array(y) > 1, until)
    columns: Any = probability_table(devices).columns
    assert all(0 <= share <= 1 for share in columns[1].data)
    plot_life(devices, {"weibull": fit_life(t, np.array(y) > 1, until)})


@given(data=messy())
@settings(max_examples=10)
def test_figures_of_updates(data: Data) -> None:
    made = branches(data[0], data[1])
    for metric in update_metrics(made, fit_updates(made)).values():
        assert math.isfinite(metric.value)
