"""1/f and telegraph noise as functions of the age: spectra, dwell times, apertures that add up."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.errors import BadInput
from sim_backend.devices.model import Stream
from sim_backend.devices.parts import lattice
from sim_backend.devices.parts.fluctuation import (
    octaves,
    one_over_f,
    one_over_f_mean,
    telegraph,
    telegraph_mean,
)
from sim_backend.devices.parts.lattice import octave_means, octave_words
from sim_backend.devices.parts.noise import (
    pcm_read_sigma,
    pcm_share,
    per_decade,
    read_sigma,
    shot_density,
    thermal_density,
    white_density,
)
from sim_backend.devices.stream import uniforms_at

Array = NDArray[np.float64]

NOISE = Stream(5)
PATHS = ["numba", "numpy"]
ages = st.floats(0.0, 1e6) | st.floats(0.0, 1e-3)
durations = st.floats(1e-7, 1e5)


# -- 1/f ------------------------------------------------------------------------------------------


def periodograms(x: Array, dt: float) -> tuple[Array, Array]:
    """Return frequencies and one-sided spectral densities, averaged over rows (Hann window)."""
    window = np.hanning(x.shape[1])
    spectrum = np.abs(np.fft.rfft((x - x.mean(axis=1, keepdims=True)) * window, axis=1)) ** 2
    density = 2.0 * dt * spectrum.mean(axis=0) / (window**2).sum()
    return np.fft.rfftfreq(x.shape[1], dt)[1:], density[1:]


def test_the_spectrum_is_one_over_f_within_its_ripple() -> None:
    sigma, dt, points, devices = 0.1, 1e-3, 4096, 60
    t = np.arange(points) * dt
    x = one_over_f(NOISE, np.arange(devices)[:, None], t, sigma, 8 * dt, 100.0)
    f, s = periodograms(x, dt)
    flat = s * f * math.log(10.0) / sigma**2
    edges = np.geomspace(4.0 / (points * dt), 1.0 / (16 * dt), 9)
    for low, high in itertools.pairwise(edges):
        band = (f >= low) & (f < high)
        # 4 % ripple, and the scatter of the mean of so many exponential deviates
        allowed = 0.04 + 4.0 / math.sqrt(band.sum() * devices / 1.5)
        assert flat[band].mean() == pytest.approx(1.0, abs=allowed), (low, high)


def test_the_ripple_of_octaves_is_four_per_cent() -> None:
    f = np.geomspace(1.0, 2.0, 200)
    u = f[:, None] * octaves(2.0**-30, 2.0**30)
    # of an octave of unit variance: (2 pi u)^2 sinc(u)^6 h, one-sided
    density = 2 * (2 * np.pi * u) ** 2 * np.sinc(u) ** 6 * u
    flat = density.sum(axis=1) * math.log(2.0)
    assert flat.mean() == pytest.approx(1.0, abs=1e-3)
    assert np.abs(flat - 1).max() < 0.04


def test_each_decade_has_its_variance() -> None:
    x = one_over_f(NOISE, np.arange(20_000), 12.3, 0.1, 1e-3, 1e3)
    assert x.mean() == pytest.approx(0.0, abs=5 * 0.25 / math.sqrt(20_000))
    assert x.var() == pytest.approx(0.01 * 20 * math.log10(2.0), rel=0.05)
    assert ((x / x.std()) ** 4).mean() == pytest.approx(3.0, abs=0.2)
    assert len(octaves(1e-3, 1e3)) == 20


def test_processes_and_devices_are_independent() -> None:
    t = np.linspace(0.0, 1e3, 20_000)
    rows = [one_over_f(NOISE, d, t, 1.0, 0.05, 1.0, p) for d, p in ((0, 0), (1, 0), (0, 1))]
    assert np.abs(np.corrcoef(rows) - np.eye(3)).max() < 0.06


@pytest.mark.parametrize("path", PATHS)
@given(age=ages, first=durations, second=durations)
@settings(max_examples=50)
def test_apertures_add_up(path: str, age: float, first: float, second: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABCTL_KERNELS", path)
        numbers = np.arange(60)  # enough to take the compiled path
        means = [
            one_over_f_mean(NOISE, numbers, begin, length, 1.0, 1e-6, 1e6)
            for begin, length in ((age, first), (age + first, second), (age, first + second))
        ]
    whole = (means[0] * first + means[1] * second) / (first + second)
    # an age is rounded to 1e-16 of itself, in which the fastest octave moves a little
    rounding = 1e-12 + 4e-16 * (age + first) / 1e-6 * min(1.0, 1e-6 / min(first, second))
    np.testing.assert_allclose(means[2], whole, rtol=1e-9, atol=1e-9 + 10 * rounding)


def test_the_mean_is_that_of_the_values() -> None:
    t = (np.arange(200_000) + 0.5) * 1e-5
    values = one_over_f(NOISE, 7, 3.0 + t, 1.0, 1e-3, 1e3)
    mean = one_over_f_mean(NOISE, 7, 3.0, 2.0, 1.0, 1e-3, 1e3)
    assert mean == pytest.approx(float(values.mean()), abs=1e-6)


def test_a_short_aperture_sees_the_value() -> None:
    value = one_over_f(NOISE, np.arange(9), 1e5, 1.0, 1e-3, 1e3)
    mean = one_over_f_mean(NOISE, np.arange(9), 1e5, 1e-9, 1.0, 1e-3, 1e3)
    np.testing.assert_allclose(mean, value, atol=1e-4)


@pytest.mark.parametrize("duration", [0.0, 1e-4, 30.0])
def test_compiled_and_plain_noise_are_equal(
    duration: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for path in PATHS:
        monkeypatch.setenv("LABCTL_KERNELS", path)
        age = np.linspace(0.0, 1e4, 300)
        found.append(one_over_f_mean(NOISE, np.arange(300), age, duration, 0.3, 1e-4, 1e4))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-13)


def test_a_device_fluctuates_alike_alone_and_among_others() -> None:
    among = one_over_f(NOISE, np.arange(500), 77.7, 0.3, 1e-4, 1e4)
    alone = one_over_f(NOISE, 444, 77.7, 0.3, 1e-4, 1e4)
    assert alone == pytest.approx(among[444], rel=0, abs=1e-13)
    assert one_over_f(None, np.arange(3), 1.0, 0.3, 1e-4, 1e4).tolist() == [0.0, 0.0, 0.0]
    assert one_over_f(NOISE, np.arange(3), 1.0, 0.0, 1e-4, 1e4).tolist() == [0.0, 0.0, 0.0]


def test_ten_years_are_as_good_as_a_second() -> None:
    x = one_over_f(NOISE, np.arange(4000), 3.2e8, 0.1, 1e-6, 1e8)
    assert x.var() == pytest.approx(0.01 * len(octaves(1e-6, 1e8)) * math.log10(2.0), rel=0.1)


@pytest.mark.parametrize(("fastest", "slowest"), [(1.0, 1.0), (0.0, 1.0), (1.0, math.inf)])
def test_impossible_periods_are_refused(fastest: float, slowest: float) -> None:
    with pytest.raises(BadInput, match="above zero and below the slowest"):
        octaves(fastest, slowest)


# -- telegraph ------------------------------------------------------------------------------------


def test_dwell_times_are_exponential() -> None:
    capture, emission, dt = 0.7, 0.3, 2e-3
    state = telegraph(NOISE, 0, np.arange(0.0, 4000.0, dt), capture, emission)
    changes = np.flatnonzero(np.diff(state))
    dwells = np.diff(changes) * dt
    up = state[changes[:-1] + 1] == 1
    for times, mean in ((dwells[up], emission), (dwells[~up], capture)):
        # visits shorter than the sampling are not seen: 1 % or less
        assert times.mean() == pytest.approx(mean, rel=0.01 + 4 / math.sqrt(len(times)))
        share = np.arange(1, len(times) + 1) / len(times)
        distance = np.abs(1 - np.exp(-np.sort(times) / times.mean()) - share).max()
        assert distance < 1.63 / math.sqrt(len(times)) + 0.01  # Kolmogorov, 1 %, and the sampling
    assert state.mean() == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("lag", [0.05, 0.3, 1.0])
def test_the_chain_forgets_exponentially(lag: float) -> None:
    capture, emission, devices = 2.0, 0.5, 40_000
    numbers = np.arange(devices)
    before = telegraph(NOISE, numbers, 10.0, capture, emission)
    after = telegraph(NOISE, numbers, 10.0 + lag, capture, emission)
    p = emission / (capture + emission)
    kept = math.exp(-lag * (1 / capture + 1 / emission))
    assert before.mean() == pytest.approx(p, abs=5 * math.sqrt(p / devices))
    stay, rise = after[before == 1].mean(), after[before == 0].mean()
    assert stay == pytest.approx(p + (1 - p) * kept, abs=0.02)
    assert rise == pytest.approx(p * (1 - kept), abs=0.02)


@pytest.mark.parametrize("path", PATHS)
@given(age=ages, first=st.floats(1e-6, 50.0), second=st.floats(1e-6, 50.0))
@settings(max_examples=50)
def test_telegraph_apertures_add_up(path: str, age: float, first: float, second: float) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LABCTL_KERNELS", path)
        times = (np.full(40, 0.7), 0.3)
        means = [
            telegraph_mean(NOISE, np.arange(40), begin, length, *times)
            for begin, length in ((age, first), (age + first, second), (age, first + second))
        ]
    whole = (means[0] * first + means[1] * second) / (first + second)
    rounding = 1e-15 * (age + first + 100.0) / (first + second)
    np.testing.assert_allclose(means[2], whole, rtol=0, atol=1e-12 + 100 * rounding)


@pytest.mark.parametrize("duration", [0.0, 0.1, 40.0])
def test_compiled_and_plain_telegraphs_are_equal(
    duration: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for path in PATHS:
        monkeypatch.setenv("LABCTL_KERNELS", path)
        age = np.linspace(0.0, 100.0, 2200)
        found.append(telegraph_mean(NOISE, np.arange(2200), age, duration, 0.7, 0.3))
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=1e-11)


def test_the_share_of_a_time_is_that_of_the_states() -> None:
    t = 5.0 + np.arange(0.0, 20.0, 1e-4) + 5e-5
    states = telegraph(NOISE, 3, t, 0.7, 0.3)
    changes = np.abs(np.diff(states)).sum()
    share = telegraph_mean(NOISE, 3, 5.0, 20.0, 0.7, 0.3)
    assert share == pytest.approx(float(states.mean()), abs=(changes + 2) * 1e-4 / 20.0)


def test_a_long_time_has_the_stationary_share() -> None:
    assert telegraph_mean(NOISE, 3, 5.0, 1e8, 0.75, 0.25) == 0.25
    short = telegraph_mean(NOISE, np.arange(50), 5.0, 350.0, 0.75, 0.25)
    assert np.abs(short - 0.25).max() < 5 * math.sqrt(0.25 * 0.75 / 900)
    assert telegraph(None, [1, 2], 0.0, 1.0, 1.0).tolist() == [0.0, 0.0]


def test_the_spectrum_of_a_telegraph_is_lorentzian() -> None:
    capture, emission, dt = 0.05, 0.2, 5e-3
    t = np.arange(4096) * dt
    x = telegraph(NOISE, np.arange(40)[:, None], t, capture, emission)
    f, s = periodograms(x, dt)
    tau = 1 / (1 / capture + 1 / emission)
    lorentz = 4 * tau * 0.8 * 0.2 / (1 + (2 * np.pi * f * tau) ** 2)
    low = (f > 0.2) & (f < 8.0)  # above, aliases of the sampling add up
    assert (s / lorentz)[low].mean() == pytest.approx(1.0, abs=0.06)


# -- white ----------------------------------------------------------------------------------------


def test_thermal_and_shot_noise_are_the_limits() -> None:
    assert white_density(1e-3, 0.0, 300.0) == thermal_density(1e-3, 300.0)
    assert white_density(1e-3, 1.0, 300.0) == pytest.approx(shot_density(1e-3), rel=1e-9)
    assert white_density(1e-3, -1.0, 300.0) == white_density(1e-3, 1.0, 300.0)
    v = 2e-4 * 1.380649e-23 * 300.0 / 1.602176634e-19  # where the series is left
    near = white_density(1e-3, np.array([0.999999, 1.000001]) * v, 300.0)
    assert near[0] == pytest.approx(near[1], rel=1e-12)
    assert thermal_density(1e-3, 300.0) == pytest.approx(1.6567788e-23, rel=1e-9)


def test_an_aperture_halves_its_bandwidth() -> None:
    sigma = read_sigma(1e-4, 0.1, np.array([1e-3, 4e-3]), 300.0)
    assert sigma[0] == pytest.approx(2 * sigma[1])
    assert sigma[0] ** 2 == pytest.approx(float(white_density(1e-4, 0.1, 300.0)) * 500.0)


def test_phase_change_read_noise_is_a_one_over_f_noise() -> None:
    assert pcm_share(np.array([1.0, 0.001, 0.0])) == pytest.approx([0.0088, 0.2, 0.2])
    # between two times a decade apart the variance grows by that of a decade
    g, t = 0.3, np.array([1.0, 10.0])
    gained = np.diff(pcm_read_sigma(g, t) ** 2)[0]
    assert math.sqrt(gained) == pytest.approx(g * float(per_decade(pcm_share(g) ** 2)), rel=1e-6)
    assert pcm_read_sigma(g, 0.0) == 0.0


@pytest.mark.parametrize("path", ["numba", "numpy"])
@pytest.mark.parametrize("devices", [1, 150])
def test_what_is_kept_of_the_last_look_changes_nothing(
    path: str, devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forward, backward and over long times: a look is the same whatever was seen before."""
    monkeypatch.setenv("LABCTL_KERNELS", path)
    draw, numbers = np.random.default_rng(4), np.arange(devices)
    periods, age = octaves(1e-6, 1e4), np.zeros(devices)
    words = octave_words(Stream(6), numbers, len(periods), 0)
    for _ in range(40):
        length = np.full(devices, 10.0 ** draw.uniform(-7, 3)) * draw.integers(0, 2)
        found = one_over_f_mean(Stream(6), numbers, age, length, 1.0, 1e-6, 1e4)
        cells = age[:, np.newaxis] / periods + uniforms_at(words)
        means = octave_means(words, cells, length[:, np.newaxis] / periods)
        expected = means.sum(axis=-1) * math.sqrt(math.log10(2.0))
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)
        age = np.maximum(age + length * draw.choice([1.0, 1.0, 1.0, -1.0]), 0.0)


def test_few_devices_looked_at_often_are_compiled_after_a_while(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every run has the same numbers, and those of the plain path but for rounding."""
    monkeypatch.setattr(lattice, "_OFTEN", 30)
    numbers, draw = np.arange(3), np.random.default_rng(4)
    steps = 10 ** draw.uniform(-7, 2, 90)

    def looks(path: str) -> np.ndarray:
        monkeypatch.setenv("LABCTL_KERNELS", path)
        noise, age, found = Stream(11), np.zeros(3), []
        for step in steps:
            found.append(one_over_f_mean(noise, numbers, age, step, 0.01, 1e-6, 1e4))
            found.append(one_over_f(noise, numbers, age, 0.01, 1e-6, 1e4))
            age = age + step
        return np.array(found)

    compiled = looks("numba")
    np.testing.assert_array_equal(looks("numba"), compiled)
    np.testing.assert_allclose(looks("numpy"), compiled, rtol=0, atol=1e-14)
