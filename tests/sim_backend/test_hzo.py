"""The ferroelectric capacitor: its switching against published data, loops, cycling and chance."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from docs.figures import hzo_polarisation
from labctl.errors import BadInput
from labctl.kernels import kernels
from sim_backend.devices import Stream, family
from sim_backend.devices.hzo_film import zones
from sim_backend.devices.hzo_switching import (
    Domains,
    Law,
    activations,
    fade,
    fill,
    mean_rate,
    normal_activations,
    switch,
    thresholds,
)
from sim_backend.devices.model import State

ROOM = 300.0
#: pulse amplitude V, width s, switched polarisation uC/cm2: digitised data of an 8.3 nm film that
#: were published with Deng et al. (2020), 10.1109/VLSITechnology18217.2020.9265014
MEASURED = (
    (0.8, 1.02e-6, 0.29), (0.8, 1.15e-5, 1.17), (0.8, 1.30e-4, 5.19), (0.8, 9.81e-4, 10.79),
    (1.0, 1.02e-6, 1.76), (1.0, 1.15e-5, 11.96), (1.0, 1.30e-4, 24.11), (1.0, 9.73e-4, 30.88),
    (1.2, 1.02e-6, 7.06), (1.2, 1.14e-5, 29.50), (1.2, 1.29e-4, 38.13), (1.2, 9.69e-4, 41.47),
    (1.5, 3.03e-7, 3.78), (1.5, 1.01e-6, 21.08), (1.5, 1.13e-5, 42.35), (1.5, 9.75e-4, 44.90),
    (1.8, 3.02e-7, 8.68), (1.8, 6.81e-7, 24.82), (1.8, 1.51e-6, 41.06), (1.8, 9.75e-4, 45.79),
)  # fmt: skip
LAW = Law(tau=446e-9, alpha=4.24, beta=1.91, reach=0.0, memory=130e-9, fading=0.2764)


class Sample:
    """One capacitor and what can be done to it."""

    def __init__(self, preset: str = "alessandri-8nm", devices: int = 1, **changes: Any) -> None:
        self.model = family("hzo").load(preset, {"pristine": 1.0, **changes})
        self.state: State = self.model.fresh(devices, Stream(0), spread=False)
        self.stream: Stream | None = None

    def apply(self, level: Any, duration: float, temperature: float = ROOM) -> float:
        """Return the charge, C."""
        levels = {"top": level}
        charge = self.model.advance(self.state, levels, duration, temperature, self.stream)
        return float(charge[0, 0])

    @property
    def polarisation(self) -> float:
        """In uC/cm2."""
        share = self.model.film.polarisation(self.state)[0]
        return float(100 * self.model.parameters.polarisation * share)


@pytest.fixture(params=["numpy", "numba"])
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Take the plain or the compiled path."""
    monkeypatch.setenv("LABCTL_KERNELS", request.param)
    return str(request.param)


# -- switching ------------------------------------------------------------------------------------


def test_switching_by_single_pulses_is_what_was_measured() -> None:
    misses = []
    for amplitude, width, measured in MEASURED:
        sample = Sample()
        before = sample.polarisation
        sample.apply(amplitude, width)
        misses.append(sample.polarisation - before - measured)
    assert np.sqrt(np.mean(np.square(misses))) < 0.6
    assert np.max(np.abs(misses)) < 1.2


def test_activation_fields_follow_their_distributions() -> None:
    fields = activations(2000, 6.7582, 1.6686, 2.0998, 1.3641)
    a, b, p, q = 6.7582, 1.6686, 2.0998, 1.3641

    def density(x: float) -> float:
        from scipy.special import beta

        return a / b * (x / b) ** (a * p - 1) / beta(p, q) / (1 + (x / b) ** a) ** (p + q)

    for k in (100, 1000, 1900):
        assert quad(density, 0, fields[k])[0] == pytest.approx((k + 0.5) / 2000, abs=1e-6)
    normal = normal_activations(2000, 2.3, 0.4)
    assert (normal.mean(), normal.std()) == pytest.approx((2.3, 0.4), rel=2e-3)


@pytest.mark.parametrize(("low", "high"), [(0.2, 3.0), (1.0, 1.0), (1.5, 1.5005), (0.0, 1.2)])
def test_the_rate_on_a_ramp_is_its_integral(low: float, high: float, path: str) -> None:
    fields = activations(20, 6.7582, 1.6686, 2.0998, 1.3641)[:, np.newaxis]
    ends = np.array([low]), np.array([high])
    if path == "numba":
        kernel = kernels("sim_backend.devices.kernels.nucleation")
        assert kernel is not None
        found = [kernel._mean(low, high, ea, LAW.alpha, 0.0) for ea in fields[:, 0]]
    else:
        found = mean_rate(fields, *ends, LAW)[:, 0].tolist()
    for ea, rate in zip(fields[:, 0], found, strict=True):
        if low == high:
            expected = np.exp(-((ea / low) ** LAW.alpha))
        else:

            def density(x: float, ea: float = ea) -> float:
                return float(np.exp(-((ea / x) ** LAW.alpha))) if x > 0 else 0.0

            expected = quad(density, low, high, epsabs=0, epsrel=1e-11)[0] / (high - low)
        assert rate == pytest.approx(expected, rel=1e-8, abs=1e-200)


@settings(max_examples=25)
@given(
    seed=st.integers(0, 1000), first=st.floats(-3, 3), share=st.floats(0, 1),
    single=st.booleans(), turns=st.floats(0.01, 30),
)  # fmt: skip
def test_both_paths_switch_alike(
    seed: int, first: float, share: float, single: bool, turns: float
) -> None:
    draw = np.random.default_rng(seed)
    last = share * first
    shape = (20, 30)
    fields = np.repeat(normal_activations(20, 1.5, 0.3)[:, np.newaxis], 30, axis=1)
    up = draw.integers(0, 2, shape).astype(float) if single else draw.uniform(size=shape)
    rows = [up, draw.uniform(0, 0.5, shape), draw.uniform(0, 0.5, shape),
            draw.exponential(size=shape), np.zeros(shape)]  # fmt: skip
    found = []
    for path in ("numpy", "numba"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LABCTL_KERNELS", path)
            domains = Domains(*(row.copy() for row in rows))
            ends = np.full(30, first), np.full(30, last)
            stream = Stream(4) if single else None
            law = LAW._replace(reach=0.4)
            switch(domains, fields, *ends, np.full(30, turns), law, stream, np.arange(30))
            found.append(np.array(domains))
    np.testing.assert_allclose(found[0], found[1], rtol=1e-9, atol=1e-12)


def test_domains_that_flip_whole_do_on_the_average_what_is_expected(path: str) -> None:
    expected = Sample()
    many = Sample(devices=400, single=1)
    many.stream = Stream(8)
    for level, width in ((1.2, 3e-6), (0.0, 5e-6), (1.2, 3e-6), (-1.0, 2e-5), (1.3, 1e-6)):
        expected.apply(level, width)
        many.apply(level, width)
        share = many.model.film.polarisation(many.state)
        spread = share.std() / np.sqrt(share.size)
        assert share.mean() == pytest.approx(
            expected.model.film.polarisation(expected.state)[0], abs=5 * spread + 1e-3
        )
    domains = many.model.film.domains(many.state)
    assert set(np.unique(domains.up)) == {0.0, 1.0}
    fresh = thresholds(Stream(8), np.arange(400), np.zeros((40, 400)))
    assert fresh.mean() == pytest.approx(1, abs=0.03)


def test_a_history_fades_as_was_found() -> None:
    """0.55 of it is left after 1 us and 0.3 after 10 us (Alessandri et al., section III.C)."""
    for pause, left in ((1e-6, 0.55), (10e-6, 0.30)):
        history = np.ones((1, 1))
        fade(history, np.zeros(1), pause, LAW)
        assert history[0, 0] == pytest.approx(left, abs=0.01)
    once, twice = Sample(), Sample()
    once.apply(1.0, 4e-6)
    for pause in (0.0, 10e-6):
        twice.apply(1.0, 2e-6)
        twice.apply(0.0, pause or 1e-9)
    assert twice.polarisation < once.polarisation  # part of the history is lost in between


def test_no_domain_moves_below_its_reach() -> None:
    free, held = Sample(reach=0.0), Sample(reach=0.9)
    for sample in (free, held):
        sample.apply(1.0, 10.0)
    model = held.model
    fields = held.state.parameters[4:, 0]
    can = (1.0 / model.parameters.thickness > 0.9 * fields).mean()
    assert held.model.film.domains(held.state).up.mean() == pytest.approx(can, abs=1e-6)
    assert free.polarisation > held.polarisation


@given(polarisation=st.floats(-1, 1), single=st.booleans())
def test_a_film_can_begin_with_any_polarisation(polarisation: float, single: bool) -> None:
    fields = normal_activations(20, 2.0, 0.5)[::-1, np.newaxis].copy()
    up = fill(fields, polarisation, single)
    assert 2 * up.mean() - 1 == pytest.approx(polarisation, abs=0.051 if single else 1e-12)
    assert np.all(np.diff(up[np.argsort(fields[:, 0]), 0]) <= 0)  # the easy ones first


# -- what is measured from the current ------------------------------------------------------------


def test_loop_pund_cycling_and_imprint_from_the_current() -> None:
    found = hzo_polarisation.measure()
    assert found["pund"] == pytest.approx(2 * 22.7186, rel=0.005)
    assert found["loop"] == pytest.approx(found["pund"], rel=0.03)
    assert 0.9 < found["coercive_field"] < 1.6  # MV/cm at 1 kHz
    cycles = found["cycles"]
    best = int(np.argmax(cycles))
    assert np.all(np.diff(cycles[: best + 1]) > 0)  # wake-up, then fatigue
    assert np.all(np.diff(cycles[best:]) < 0)
    assert 0 < best < len(cycles) - 1
    assert 0.02 < found["imprint"] < 0.12  # V, towards the polarisation it rested in
    assert 0.3 < found["energy"] < 3.0  # pJ for 1 um2
    assert hzo_polarisation.draw(found).axes


def test_the_coercive_field_rises_with_the_rate() -> None:
    crossings = []
    for rate in (1e-1, 1e-3, 1e-5):
        sample = Sample()
        for k in range(100):
            sample.apply((2.5 * k / 100, 2.5 * (k + 1) / 100), rate / 100)
            if sample.polarisation > 0:
                break
        crossings.append(2.5 * k / 100)
    assert crossings == sorted(crossings)
    assert crossings[0] < crossings[-1]


def test_imprint_is_undone_by_cycles_and_faster_when_hot() -> None:
    shifts = {}
    for temperature in (300.0, 360.0):
        sample = Sample()
        sample.apply(2.5, 1e-4)
        sample.apply(0.0, 1e4, temperature)
        shifts[temperature] = sample.model.film.trapped(sample.state)[0]
    assert 0 < shifts[300.0] < shifts[360.0] < 0.12
    for _ in range(60):
        sample.apply(-2.5, 1e-5)
        sample.apply(2.5, 1e-5)
    sample.apply(0.0, 1e-6)
    assert abs(sample.model.film.trapped(sample.state)[0]) < 0.01 * shifts[360.0]


def test_a_hot_film_switches_and_leaks_more() -> None:
    cold, hot = Sample(), Sample()
    for sample, temperature in ((cold, 300.0), (hot, 400.0)):
        sample.apply(1.0, 1e-5, temperature)
    assert hot.polarisation > cold.polarisation + 1.0
    hot.apply(0.1, 1.0)  # charges it
    ratio = hot.apply(0.1, 1.0, 350.0) / hot.apply(0.1, 1.0, 300.0)
    expected = np.exp(0.3 / 8.617333e-5 * (1 / 300 - 1 / 350))
    assert ratio == pytest.approx(expected, rel=0.05)


def test_a_film_breaks_down_when_it_has_had_enough() -> None:
    sample = Sample(breakdown_time=1e-3, breakdown_voltage=2.0, breakdown_scale=0.1)
    sample.apply(2.0, 0.5e-3)
    assert sample.model.conductance(sample.state)[0] < 1e-9
    sample.apply(2.0, 0.6e-3)
    assert sample.model.conductance(sample.state)[0] == pytest.approx(1e-3, rel=1e-3)
    assert sample.apply(1.0, 1e-3) == pytest.approx(1e-6, rel=0.01)


def test_a_voltage_that_would_switch_at_rest_is_refused() -> None:
    with pytest.raises(BadInput, match=r"together they must stay below the threshold, 0\.35 V"):
        family("hzo").load("alessandri-8nm", {"offset": 0.3})


def test_a_straight_line_is_cut_at_the_threshold() -> None:
    parts = zones(-1.0, 1.0, 2.0, 0.25)
    assert [p[:2] for p in parts] == [(-1.0, -0.25), (-0.25, 0.25), (0.25, 1.0)]
    assert sum(p[2] for p in parts) == pytest.approx(2.0)
    assert zones(0.2, -0.1, 1.0, 0.25) == [(0.2, -0.1, 1.0)]
