"""Noise: power spectral density, its band and integral, and the 1/f fit, on random truths."""

from contextlib import suppress

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from labctl.analysis.flicker import fit_flicker, flicker_density
from labctl.analysis.noise import Spectrum, draw_spectrum, integrated_noise, spectrum
from labctl.errors import BadInput
from labctl.results import Fit

Array = NDArray[np.float64]


def coloured(
    rng: np.random.Generator, n: int, dt: float, alpha: float, level: float, white: float
) -> Array:
    """Return samples with S = level^2 f^-alpha + white^2, cut from a record eight times as long."""
    m = 8 * n
    f = np.fft.rfftfreq(m, dt)
    f[0] = np.inf
    density = level**2 * f**-alpha + white**2
    density[0] = 0.0
    parts = rng.normal(size=(2, len(f))) * np.sqrt(density * m / (4 * dt))
    whole = parts[0] + 1j * parts[1]
    whole[-1] = whole[-1].real * np.sqrt(2)
    return np.fft.irfft(whole, m)[:n]


def trial(rng: np.random.Generator) -> tuple[dict[str, float], Fit]:
    n = int(2 ** rng.uniform(12, 14))
    dt, alpha = 10 ** rng.uniform(-4, -2), rng.uniform(0.6, 1.8)
    corner = 0.5 / dt * 10 ** rng.uniform(-1.7, -0.5)
    level = 1e-9
    white = level * corner ** (-alpha / 2)
    x = coloured(rng, n, dt, alpha, level, white)
    fit = fit_flicker(spectrum(x, dt, segment=n // int(rng.choice([4, 8, 16]))))
    return {"alpha": alpha, "level": level, "white": white, "corner": corner}, fit


def coverage(draws: int, seed: int) -> dict[str, float]:
    rng = np.random.default_rng(seed)
    held: dict[str, list[bool]] = {}
    for _ in range(draws):
        truth, fit = trial(rng)
        for name, number in truth.items():
            value = fit.values[name]
            low = -np.inf if value.low is None else value.low
            high = np.inf if value.high is None else value.high
            held.setdefault(name, []).append(bool(low <= number <= high))
    return {name: float(np.mean(entries)) for name, entries in held.items()}


class TestSpectrum:
    def test_white_noise_has_its_density_and_its_integral_is_the_variance(self) -> None:
        x = np.random.default_rng(1).normal(0, 2e-9, 100_000)
        found = spectrum(x, 1e-3)
        assert np.mean(found.psd) == pytest.approx(2 * 4e-18 * 1e-3, rel=0.01)
        rms = integrated_noise(found)
        assert rms.unit == "A"
        assert rms.sigma is not None
        assert rms.value == pytest.approx(2e-9, abs=4 * rms.sigma)
        assert rms.sigma == pytest.approx(2e-9 / np.sqrt(2 * 100_000), rel=0.3)

    def test_agrees_with_the_definition_for_one_segment(self) -> None:
        rng = np.random.default_rng(2)
        x = rng.normal(size=64)
        found = spectrum(x, 0.5, segment=64, window="boxcar")
        line = np.polynomial.polynomial.polyfit(np.arange(64), x, 1)
        flat = x - np.polynomial.polynomial.polyval(np.arange(64), line)
        density = 2 * 0.5 / 64 * np.abs(np.fft.rfft(flat)) ** 2
        assert found.psd[:-1] == pytest.approx(density[1:-1])
        assert found.psd[-1] == pytest.approx(density[-1] / 2)
        assert found.dof[0] == pytest.approx(2)

    @pytest.mark.parametrize("overlap", [0.0, 0.5, 0.75])
    def test_the_band_covers_as_often_as_it_says(self, overlap: float) -> None:
        rng = np.random.default_rng(3)
        inside = []
        for _ in range(60):
            found = spectrum(rng.normal(size=4096), 1.0, segment=512, overlap=overlap)
            inside.append((found.low[3:-1] <= 2.0) & (found.high[3:-1] >= 2.0))
        assert np.mean(inside) == pytest.approx(0.95, abs=0.012)

    def test_neighbouring_estimates_are_correlated_as_stated(self) -> None:
        rng = np.random.default_rng(4)
        rows = np.array([spectrum(rng.normal(size=2048), 1.0, segment=256).psd for _ in range(500)])
        stated = spectrum(rng.normal(size=2048), 1.0, segment=256)
        relative = rows[:, 10:110] / 2.0 - 1
        for m in range(4):
            product = np.mean(relative[:, : 100 - m] * relative[:, m:])
            expected = stated.correlation[m] * 2 / stated.dof[20]
            assert product == pytest.approx(expected, abs=0.006)

    def test_the_integral_of_a_band_has_its_uncertainty(self) -> None:
        rng = np.random.default_rng(5)
        found = [
            integrated_noise(spectrum(rng.normal(size=4096), 1e-3, unit="V"), 50, 100)
            for _ in range(200)
        ]
        values = np.array([metric.value for metric in found])
        assert np.mean(values**2) == pytest.approx(0.1, rel=0.08)
        assert np.std(values) == pytest.approx(np.mean([m.sigma or 0 for m in found]), rel=0.2)

    def test_times_may_be_given_and_scale_the_frequencies(self) -> None:
        x = np.random.default_rng(6).normal(size=1000)
        t = 5.0 + 0.01 * np.arange(1000)
        assert spectrum(x, t=t).f == pytest.approx(spectrum(x, 0.01).f)

    def test_the_panel_has_no_prefix_before_a_square(self) -> None:
        found = spectrum(np.random.default_rng(7).normal(size=4096), 1e-3)
        panel = draw_spectrum(found, flicker_density(fit_flicker(found, floor=False), found.f))
        assert panel.y_unit == "1"
        assert "A^2/Hz" in panel.y_label
        assert len(panel.traces) == 4


class TestBadSamples:
    good = np.random.default_rng(8).normal(size=500)

    @pytest.mark.parametrize(
        ("x", "given", "says"),
        [
            ([1.0, 2.0] * 4, {"dt": 1.0}, "8 samples were given"),
            (np.where(np.arange(500) == 3, np.nan, good), {"dt": 1.0}, "1 of 500 samples are not"),
            (np.ones(500), {"dt": 1.0}, "the meter did not resolve the noise"),
            (good, {"dt": -1.0}, "it must be positive"),
            (good, {}, "it must be positive"),
            (good, {"t": np.arange(499)}, "499 times for 500 samples"),
            (good, {"t": np.arange(500) ** 1.1}, "the times are not even"),
            (good, {"t": -np.arange(500)}, "the times are not even"),
            (good, {"t": np.full(500, np.nan)}, "all of them finite"),
            (good, {"dt": 1.0, "segment": 501}, "allowed are 16 to 500"),
            (good, {"dt": 1.0, "overlap": 1.0}, "it must lie in 0 to 0.95"),
            (good, {"dt": 1.0, "window": "none such"}, "is unknown"),
        ],
    )
    def test_is_refused_in_a_sentence(self, x: Array, given: dict[str, object], says: str) -> None:
        with pytest.raises(BadInput, match=says):
            spectrum(x, **given)  # type: ignore[arg-type]

    def test_a_band_without_frequencies(self) -> None:
        found = spectrum(self.good, 1.0)
        with pytest.raises(BadInput, match="no frequency of the spectrum"):
            integrated_noise(found, 0.7, 0.8)
        with pytest.raises(BadInput, match="frequencies are left"):
            fit_flicker(found, 0.1, 0.11)

    @given(
        st.lists(st.floats(allow_nan=True, allow_infinity=True), max_size=40),
        st.floats(allow_nan=True),
    )
    @settings(max_examples=60)
    def test_anything_gives_a_spectrum_or_a_sentence(self, x: list[float], dt: float) -> None:
        found = None
        with suppress(BadInput), np.errstate(all="ignore"):
            found = spectrum(x, dt)
        assert found is None or not np.any(np.isnan(found.psd))


class TestFlicker:
    def test_recovers_random_truths_as_often_as_it_says(self) -> None:
        held = coverage(30, 10)
        # 30 draws of 95 %: four standard deviations are 0.16
        assert all(share >= 0.79 for share in held.values()), held

    @pytest.mark.long
    @pytest.mark.timeout(1800)
    def test_coverage(self) -> None:
        held = coverage(1000, 7)
        assert all(0.93 <= share <= 0.97 for share in held.values()), held

    def test_a_line_through_logarithms_would_be_biased_and_this_is_not(self) -> None:
        rng = np.random.default_rng(11)
        mine, naive = [], []
        for _ in range(40):
            found = spectrum(coloured(rng, 1024, 1.0, 1.0, 1.0, 0.0), 1.0, segment=1024)
            mine.append(fit_flicker(found, floor=False).level.value ** 2)
            line = np.polynomial.polynomial.polyfit(
                np.log(found.f[3:-1]), np.log(found.psd[3:-1]), 1
            )
            naive.append(np.exp(line[0]))
        assert np.mean(np.log(mine)) == pytest.approx(0.0, abs=0.2)
        assert np.mean(np.log(naive)) == pytest.approx(-0.577, abs=0.2)  # Euler's constant

    def test_a_floor_that_is_not_seen_is_a_bound(self) -> None:
        x = coloured(np.random.default_rng(12), 8192, 1e-3, 1.0, 1e-9, 0.0)
        fit = fit_flicker(spectrum(x, 1e-3))
        assert not fit.identifiable
        assert fit.white.low is None
        assert fit.white.high is not None
        assert fit.corner.high is None
        assert fit.alpha.low is not None
        assert fit.alpha.low <= 1.0 <= (fit.alpha.high or 0)
        assert "not identifiable in this band" in fit.note

    def test_another_shape_is_said_and_widens_the_errors(self) -> None:
        rng = np.random.default_rng(13)
        t = np.arange(16384) * 1e-3
        hum = coloured(rng, 16384, 1e-3, 1.0, 1e-9, 1e-10) + 3e-9 * np.sin(2 * np.pi * 50 * t)
        fit = fit_flicker(spectrum(hum, 1e-3))
        assert "not of this shape" in fit.note
        assert fit.chi2_reduced is not None
        assert fit.chi2_reduced > 2

    def test_units_follow_the_samples(self) -> None:
        x = coloured(np.random.default_rng(14), 8192, 1e-3, 1.0, 1e-9, 1e-10)
        fit = fit_flicker(spectrum(x, 1e-3, unit="V"))
        assert fit.level.unit == "V/sqrt(Hz)"
        assert fit.corner.unit == "Hz"
        scaled = fit_flicker(spectrum(1e6 * x, 1e-3, unit="V"))
        assert scaled.level.value == pytest.approx(1e6 * fit.level.value, rel=1e-4)
        assert scaled.alpha.value == pytest.approx(fit.alpha.value, abs=1e-5)

    def test_the_curve_of_an_empty_fit_is_refused(self) -> None:
        with pytest.raises(BadInput, match="without values"):
            flicker_density(Fit("flicker", ""), [1.0])


@pytest.mark.parametrize(("alpha", "share"), [(1.0, 0.04), (0.8, 0.5), (1.5, 0.9)])
def test_what_sampling_folds_back_is_allowed_for(alpha, share):
    """A density without scatter, folded by hand: the law comes back, without that it does not."""
    dt = 20e-3
    f = np.arange(1, 201) / (400 * dt)
    orders = np.arange(-5000, 5001)[:, None]
    places = np.abs(f + orders / dt)
    folded = np.sum(places**-alpha * np.sinc(places * share * dt) ** 2, axis=0)
    made = Spectrum(
        f, 1e-6 * folded, 1e-6 * folded, 1e-6 * folded, np.full(len(f), 50.0), np.array([1.0]),
        f[0], 25, 10000, "1",
    )  # fmt: skip
    fit = fit_flicker(made, sampled=(dt, share * dt), floor=False)
    assert fit.alpha.value == pytest.approx(alpha, abs=0.02)
    assert fit.level.value == pytest.approx(1e-3, rel=0.03)
    plain = fit_flicker(made, floor=False)
    assert abs(plain.alpha.value - alpha) > abs(fit.alpha.value - alpha)
    with pytest.raises(BadInput, match="part of the interval"):
        fit_flicker(made, sampled=(dt, 2 * dt))
