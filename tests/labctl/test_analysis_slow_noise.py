"""Slow noise: intervals of a decay hold its truth although its readings are correlated."""

from __future__ import annotations

import math

import numpy as np
import pytest

from labctl.analysis.competition import compete
from labctl.analysis.decay import fit_decay
from labctl.analysis.drift import drift_curve, fit_drift
from labctl.analysis.joint import BOLTZMANN_EV, DecayCurve, fit_arrhenius_decays, fit_jointly
from labctl.analysis.retention import fit_retention
from labctl.analysis.slow_curves import with_slow_noise
from labctl.analysis.slow_noise import criterion, spread
from labctl.errors import BadInput
from labctl.results import Value

LOG = np.geomspace(1e-3, 10.0, 33)
EVEN = 1e-3 + 5e-3 * np.arange(120)
TIMES = 10.0 ** np.arange(-4.0, 4.0, 0.25)  # of the relaxations that make 1/f noise together


def one_over_f(t: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Return 1/f noise, unit variance a decade: many relaxations, each followed exactly.

    Its spectrum is a sum of Lorentzians even in the logarithm of time, and owes nothing to the
    covariance that the fit assumes.
    """
    x = random.normal(size=len(TIMES))
    found = [x.sum()]
    for gap in np.diff(t):
        kept = np.exp(-gap / TIMES)
        x = kept * x + np.sqrt(1 - kept**2) * random.normal(size=len(x))
        found.append(x.sum())
    return 0.5 * np.array(found)


def holds(value: Value, truth: float) -> bool:
    low = -math.inf if value.low is None else value.low
    return low <= truth <= (math.inf if value.high is None else value.high)


def covered(
    model: str, t: np.ndarray, slow: float, white: float, draws: int, seed: int = 1
) -> tuple[float, float]:
    """Return how often the hidden time is in its interval, with slow noise known of and not."""
    random = np.random.default_rng(seed)
    hits = []
    for _ in range(draws):
        tau = math.exp(random.uniform(math.log(0.03), math.log(0.3)))
        beta = random.uniform(0.5, 0.9) if model == "stretched_decay" else 1.0
        g = 200e-6 + 100e-6 * np.exp(-((t / tau) ** beta))
        g *= 1 + slow * one_over_f(t, random) + white * random.normal(size=len(t))
        name = "tau" if model == "stretched_decay" else "tau1"
        fits = [
            fit_decay(t, g, g, model, "free", absolute=False, slow=size) for size in (g, None)
        ]  # fmt: skip
        hits.append([holds(fit.values[name], tau) for fit in fits])
    found = np.mean(hits, axis=0)
    return float(found[0]), float(found[1])


def test_hidden_times_are_covered_although_readings_are_correlated():
    known, _ = covered("single_decay", LOG, 1e-3, 3e-4, 16)
    assert known >= 14 / 16


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("model", ["single_decay", "stretched_decay"])
@pytest.mark.parametrize("t", [LOG, EVEN], ids=["log", "even"])
@pytest.mark.parametrize(("slow", "white"), [(1e-3, 1e-6), (1e-3, 2e-3)])
def test_hidden_times_are_covered_as_often_as_said(model, t, slow, white):
    known, unknown = covered(model, t, slow, white, 200)
    assert 0.90 <= known <= 0.985, known
    assert unknown < 0.91  # what independent readings would promise is not kept


@pytest.mark.long
def test_white_noise_alone_keeps_its_intervals():
    known, unknown = covered("single_decay", LOG, 0.0, 1e-3, 200)
    # that there is no slow noise is not known: they may hold it more often, but not less
    assert 0.92 <= unknown <= known


def test_errors_of_white_noise_hardly_change():
    random = np.random.default_rng(5)
    ratios = []
    for _ in range(10):
        y = 1 + np.exp(-LOG / 0.1) + 1e-2 * random.normal(size=len(LOG))
        plain, slow = (fit_decay(LOG, y, None, "single_decay", "free", slow=s) for s in (None, 1.0))
        assert slow.tau1.value == pytest.approx(plain.tau1.value, rel=1e-9)
        ratios.append(slow.tau1.sigma / plain.tau1.sigma)
    assert all(ratio >= 1 - 1e-9 for ratio in ratios)
    assert np.median(ratios) < 1.3


def test_the_definition_says_so_and_the_covariance_goes_with_the_errors():
    random = np.random.default_rng(6)
    y = (1 + np.exp(-LOG / 0.1)) * (1 + 5e-3 * one_over_f(LOG, random))
    fit = fit_decay(LOG, y, None, "single_decay", "free", slow=y)
    plain = fit_decay(LOG, y, None, "single_decay", "free")
    assert "interval-with-slow-noise" in fit.definition
    assert "slow" not in plain.definition
    assert fit.tau1.sigma > 1.2 * plain.tau1.sigma
    assert fit.covariance[0][0] == pytest.approx(fit.tau1.sigma**2)
    assert fit.tau1.high - fit.tau1.low > plain.tau1.high - plain.tau1.low
    found = compete(LOG, y, None, ("single_decay",), "free", slow=y)
    assert found.fits["single_decay"].tau1 == fit.tau1


def test_many_readings_are_grouped_and_say_the_same():
    random = np.random.default_rng(7)
    t = np.sort(random.uniform(0.0, 1.0, 290))
    line = np.column_stack((np.ones(len(t)), np.exp(-t / 0.2)))
    noise = one_over_f(t, random)
    left = noise - line @ np.linalg.lstsq(line, noise, rcond=None)[0]
    whole = spread(t, line, left, np.ones(len(t)))
    # every reading three times: no more is known of the slow noise than before
    again = [np.repeat(part, 3, axis=0) for part in (t, line, left, np.ones(len(t)))]
    again[0] = again[0] + np.tile([-1e-7, 0.0, 1e-7], len(t))
    grouped = spread(*again)
    errors = [np.sqrt(np.diag(found.covariance)) for found in (whole, grouped)]
    assert errors[1] == pytest.approx(errors[0], rel=0.35)


def test_what_cannot_be_said_is_left_alone():
    t = np.arange(4.0)
    assert spread(t, np.ones((4, 2)), np.zeros(4), np.ones(4)) is None  # too few
    t = np.arange(9.0)
    assert spread(t, np.ones((9, 2)), np.zeros(9), np.ones(9)) is None  # not independent
    assert spread(t, np.ones((9, 1)), np.zeros(9), np.zeros(9)) is None  # no size


@pytest.mark.parametrize("option", [{"robust": True}, {"bounds": {"tau1": (1e-3, 1.0)}}])
def test_what_excludes_slow_noise_is_said(option):
    with pytest.raises(BadInput, match="leave one of them out"):
        fit_decay(LOG, np.exp(-LOG), None, "single_decay", slow=1.0, **option)


def drifted(random: np.random.Generator) -> tuple[bool, bool]:
    nu = random.uniform(0.02, 0.1)
    r = 1e6 * (LOG / 0.1) ** nu * (1 + 3e-3 * one_over_f(LOG, random))
    plain = fit_drift(LOG, r, r, 0.1, absolute=False)
    fit = with_slow_noise(drift_curve(0.1), plain, LOG, r, r, r)
    assert fit.values["nu"].sigma >= plain.values["nu"].sigma
    return holds(fit.values["nu"], nu), holds(plain.values["nu"], nu)


def test_a_hidden_drift_is_covered():
    random = np.random.default_rng(8)
    assert sum(drifted(random)[0] for _ in range(30)) >= 26


@pytest.mark.long
def test_hidden_drifts_are_covered_as_often_as_said():
    random = np.random.default_rng(9)
    known, unknown = np.mean([drifted(random) for _ in range(300)], axis=0)
    assert 0.90 <= known <= 0.985
    assert unknown < 0.9


def test_a_law_carried_on_is_less_sure_with_slow_noise():
    random = np.random.default_rng(10)
    g = 1e-4 * (LOG / 0.1) ** -0.05 * (1 + 3e-3 * one_over_f(LOG, random))
    ends = [
        fit_retention(LOG, g, g, 1e6, ("power",), 0.1, absolute=False, slow=slow).metric
        for slow in (None, g)
    ]
    assert ends[1].value == ends[0].value
    assert ends[1].sigma > ends[0].sigma


def test_a_fit_without_values_stays_as_it_is():
    empty = fit_drift([1.0], [1.0], None)
    assert with_slow_noise(drift_curve(), empty, [1.0], [1.0], None, 1.0) is empty


# choosing a law ---------------------------------------------------------------------------------

LAWS = ("single_decay", "stretched_decay", "double_decay")
COUNTS = (3, 5)  # parameters of polynomials in ln t


def plain_criterion(left: np.ndarray, parameters: int) -> float:
    n, q = len(left), parameters + 1
    return n * math.log(left @ left / n) + 2 * q + 2 * q * (q + 1) / (n - q - 1)


def chosen(noise: np.ndarray) -> tuple[int, int]:
    """Return how many parameters a noisy parabola has, by either criterion."""
    x = np.log(LOG / LOG[0]) / np.log(LOG[-1] / LOG[0])
    y = 1 + x - 3 * x**2 + noise
    known, unknown = {}, {}
    for count in COUNTS:
        slopes = np.vander(x, count)
        left = y - slopes @ np.linalg.lstsq(slopes, y, rcond=None)[0]
        known[count] = criterion(LOG, slopes, left, np.ones(len(x)))
        unknown[count] = plain_criterion(left, count)
    return min(known, key=known.get), min(unknown, key=unknown.get)


def test_the_right_polynomial_is_chosen_although_readings_are_correlated():
    random = np.random.default_rng(11)
    slow = np.mean([np.array(chosen(0.05 * one_over_f(LOG, random))) == 3 for _ in range(60)], 0)
    white = np.mean([np.array(chosen(0.1 * random.normal(size=33))) == 3 for _ in range(60)], 0)
    # slow noise of 5 % a decade of time is about 10 % to see in four decades
    assert slow[0] >= white[1] - 2 * math.sqrt(2 * 0.9 * 0.1 / 60)
    assert slow[1] < slow[0] - 0.05
    assert white[0] >= white[1] - 0.05


def right_choices(t: np.ndarray, draws: int, seed: int) -> dict[str, float]:
    """Return how often the true law wins, in white noise and in slow noise of the same size.

    The size is what is to be seen of it in the record: the standard deviation, 1 %.
    """
    random = np.random.default_rng(seed)
    seen = np.sqrt(np.mean([np.var(one_over_f(t, random)) for _ in range(300)]))
    right: dict[str, list[bool]] = {"white": [], "unknown": [], "known": []}
    for k in range(draws):
        law, tau = LAWS[k % 3], math.exp(random.uniform(math.log(0.03), math.log(0.3)))
        beta = random.uniform(0.4, 0.7) if law == "stretched_decay" else 1.0
        g = np.exp(-((t / tau) ** beta))
        g = 200e-6 + 100e-6 * (g if law != "double_decay" else (g + np.exp(-t / tau / 8)) / 2)
        for noise, names in (
            (random.normal(size=len(t)), ("white",)),
            (one_over_f(t, random) / seen, ("unknown", "known")),
        ):  # fmt: skip
            y = g * (1 + 1e-2 * noise)
            for name in names:
                size = y if name == "known" else None
                best = compete(t, y, y, LAWS, "free", absolute=False, slow=size).best
                right[name].append(best == law)
    return {name: float(np.mean(each)) for name, each in right.items()}


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("t", "worse"), [(LOG, 0.0), (EVEN, 0.1)], ids=["log", "even"])
def test_the_right_law_is_chosen_nearly_as_often_as_with_white_noise(t, worse):
    # read evenly, slow noise of the same size is mostly in the times in which the laws differ
    found = right_choices(t, 210, 12)
    slack = 2 * math.sqrt(2 * 0.85 * 0.15 / 210)  # two standard errors of the difference
    assert found["known"] >= found["white"] - worse - slack, found
    assert found["known"] > found["unknown"], found


def test_a_criterion_of_nothing_is_none():
    t = np.arange(9.0)
    ones, noise = np.ones((9, 1)), np.random.default_rng(1).normal(size=9)
    assert criterion(t, ones, noise, np.zeros(9)) is None  # in proportion to nothing
    assert criterion(t[:4], ones[:4], noise[:4], np.ones(4)) is None  # too few
    # a parameter twice is a parameter more, and describes nothing more
    once, twice = (criterion(t, np.ones((9, p)), noise, np.ones(9)) for p in (1, 2))
    assert twice > once + 2


# several temperatures ---------------------------------------------------------------------------

KELVIN = (280.0, 300.0, 320.0, 340.0)
STEPS = np.geomspace(1e-3, 10.0, 25)


def energies_covered(draws: int, seed: int) -> tuple[float, float]:
    """Return how often the hidden energy is in its interval, with slow noise known of and not."""
    random = np.random.default_rng(seed)
    hits = []
    for _ in range(draws):
        energy, tau = random.uniform(0.2, 0.5), random.uniform(0.05, 0.3)
        curves = []
        for kelvin in KELVIN:
            here = tau * math.exp(energy / BOLTZMANN_EV * (1 / kelvin - 1 / 310.0))
            g = 200e-6 + 100e-6 * np.exp(-STEPS / here)
            g *= 1 + 2e-3 * one_over_f(STEPS, random)
            curves.append(DecayCurve(STEPS, g, g, f"{kelvin:g}K", g))
        fits = [
            fit_arrhenius_decays(own, KELVIN, "single_decay", "free", absolute=False)
            for own in (curves, [curve._replace(slow=None) for curve in curves])
        ]
        hits.append([holds(fit.values["ea1"], energy) for fit in fits])
    known, unknown = np.mean(hits, axis=0)
    return float(known), float(unknown)


def test_hidden_energies_are_covered_although_readings_are_correlated():
    known, _ = energies_covered(3, 13)
    assert known >= 2 / 3


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_many_hidden_energies_are_covered_although_readings_are_correlated():
    known, unknown = energies_covered(200, 14)
    assert 0.90 <= known <= 0.985, known
    assert unknown < known - 0.05, unknown


def test_curves_of_a_joint_fit_share_the_size_of_slow_noise_and_not_the_noise():
    random = np.random.default_rng(15)
    curves = []
    for level in (1.0, 2.0):
        y = level * (1 + np.exp(-LOG / 0.1)) * (1 + 5e-3 * one_over_f(LOG, random))
        curves.append(DecayCurve(LOG, y, y, f"{level:g}", y))
    fit = fit_jointly(curves, "single_decay", "free", absolute=False)
    plain = fit_jointly(
        [curve._replace(slow=None) for curve in curves], "single_decay", "free", absolute=False
    )
    assert "interval-with-slow-noise" in fit.definition
    assert "slow" not in plain.definition
    assert fit.tau1.value == pytest.approx(plain.tau1.value, rel=1e-9)
    assert fit.tau1.sigma > 1.2 * plain.tau1.sigma
    assert fit.covariance[0][0] == pytest.approx(fit.tau1.sigma**2)
    assert fit.aicc != plain.aicc
    with pytest.raises(BadInput, match="give it for all or for none"):
        fit_jointly([curves[0], curves[1]._replace(slow=None)], "single_decay")
