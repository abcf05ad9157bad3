"""Paired pulses on the virtual bench: what must emerge, and mistakes that must not."""

from __future__ import annotations

import functools
import importlib.resources
from pathlib import Path

import numpy as np
import pytest

import labctl
from labctl.analysis.decay import fit_decay
from labctl.analysis.paired_pulses import IN_PULSE, READ
from labctl.benchfile import define_bench
from labctl.steps import Play
from labctl.units import log_spaced
from labctl.workbench import Bench
from protocols.ppf import PairedPulse

SIM = Path(str(importlib.resources.files("benches"))) / "sim-ftj.toml"
DIRECT = {
    "name": "direct",
    "instruments": {"device": {"driver": "direct"}},
    "terminals": {"top": "device.top"},
    "simulation": {
        "laboratory": "virtual",
        "device": {"family": "ftj", "preset": "bto-nsto"},
        "noise": {"instrument": False, "cycle": False, "device": False},
    },
}
INTERVALS = log_spaced(10e-3, 2.0, 16)


def quiet(tmp_path: Path) -> Path:
    """Return sim-ftj without any noise."""
    text = SIM.read_text(encoding="utf-8")
    before, _, after = text.partition("[simulation.noise]")
    rest = after[after.find("\n[") :] if "\n[" in after else ""
    path = tmp_path / "quiet.toml"
    path.write_text(
        before + "[simulation.noise]\ninstrument = false\ncycle = false\ndevice = false\n" + rest
    )
    return path


@functools.cache
def own_relaxation(amplitude: float, baseline: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the index of a device that starts every pair at its baseline, by both definitions.

    A fresh device for each interval, no instrument, no waiting, no writing back: the truth.
    """
    pair = PairedPulse(amplitude=amplitude, intervals=INTERVALS).pair
    found = []
    for interval in INTERVALS:
        content = {**DIRECT, "simulation": {**DIRECT["simulation"]}}
        device = {**content["simulation"]["device"], "conductance": f"{baseline} S"}
        content["simulation"]["device"] = device
        with Bench(define_bench(content, "test"), content) as bench:
            rows = bench.play(pair(interval), 10e-3)
        i = [row.i for row in rows if row.role == "pulse"]
        g = [row.i / row.v for row in rows if row.role == "read"]
        found.append((i[1] / i[0] - 1, g[1] / g[0] - 1))
    current, conductance = np.array(found).T
    return current, conductance


@pytest.mark.parametrize(
    ("amplitude", "baseline", "published"),
    [(1.0, 200e-6, (69e-3, 240e-3)), (-1.0, 500e-6, (66e-3, 380e-3))],
)
def test_the_fit_returns_the_devices_own_relaxation(tmp_path, amplitude, baseline, published):
    run = labctl.run(
        "ppf", bench=quiet(tmp_path), out=tmp_path / "runs", repeats=1,
        intervals=INTERVALS, amplitude=amplitude, baseline=baseline, within=0.003,
    )  # fmt: skip
    assert run.metrics["returned"].value == 1.0
    truths = own_relaxation(amplitude, baseline)
    for truth, suffix, definition in zip(truths, ("", "_read"), (IN_PULSE, READ), strict=True):
        own = fit_decay(INTERVALS, truth, model="double_decay")
        fit = run.fits[f"double_decay{suffix}"]
        assert fit.identifiable
        for name in ("tau1", "tau2"):
            value = fit.values[name]
            assert value.low <= own.values[name].value <= value.high, (definition, name)
    # S4.5, S4.6: the paper's times, of the conductance just after the pulses
    for name, tau in zip(("tau1", "tau2"), published, strict=True):
        assert own.values[name].value == pytest.approx(tau, rel=0.05)


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return labctl.run("ppf", bench="sim-ftj", out=out, repeats=2, seed=1), out


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(noisy):
    run, out = noisy
    again = labctl.run("ppf", bench="sim-ftj", out=out, repeats=2, seed=1)
    other = labctl.run("ppf", bench="sim-ftj", out=out, repeats=2, seed=2)
    first = (run.folder / "readings.csv").read_bytes()
    assert (again.folder / "readings.csv").read_bytes() == first
    assert (other.folder / "readings.csv").read_bytes() != first


def test_the_index_falls_with_the_interval(noisy):
    run, _ = noisy
    index = np.array(run.results.tables[0].columns[1].data)
    assert index[:5].mean() > index[12:17].mean() > index[-5:].mean()
    assert index[:5].mean() > 0.3
    assert abs(index[-5:].mean()) < 0.1


def test_every_number_says_its_definition_and_uncertainty(noisy):
    run, _ = noisy
    assert run.metrics["index"].definition == IN_PULSE
    assert run.metrics["index_read"].definition == READ
    energy = run.metrics["energy"]
    # 1 V, 100 us and about a fifth of a milliampere, known to a few percent on the 1 mA range
    assert 15e-9 < energy.value < 60e-9
    assert 0 < energy.sigma < 0.2 * energy.value


def test_every_pulse_has_its_energy_with_uncertainty(noisy):
    run, _ = noisy
    table = run.results.tables[2]
    assert [column.unit for column in table.columns] == ["s", "J", "J", "J", "J"]
    _, first, u_first, second, _ = (np.array(column.data) for column in table.columns)
    assert len(first) == 60
    (_, readings), *_ = run.where(part="pair")
    row = readings.where(role="pulse")[0]
    assert first[0] == pytest.approx(row.v * row.i * row.width)
    assert u_first[0] == pytest.approx(
        first[0] * np.hypot(row.u_i / row.i, row.u_v / row.v), rel=1e-6
    )
    assert np.mean([first, second]) == pytest.approx(run.metrics["energy"].value)


def test_pairs_come_in_random_order_from_a_verified_baseline(noisy):
    run, _ = noisy
    asked = [step.label["interval"] for step, _ in run.where(part="pair")]
    assert len(asked) == 60
    assert asked != sorted(asked)
    baselines = np.array([step.label["baseline"] for step, _ in run.where(part="pair")])
    returned = np.array([step.label["returned"] for step, _ in run.where(part="pair")])
    assert returned.mean() > 0.9
    first = baselines[0]
    assert np.all(np.abs(baselines[returned] / first - 1) <= 0.01 + 1e-12)


def test_a_baseline_that_is_not_met_is_recorded(tmp_path):
    # waiting alone cannot bring back what a pair leaves for good
    run = labctl.run(
        "ppf", bench="sim-ftj", out=tmp_path, repeats=1, restore="wait", intervals="10 ms, 20 ms",
        longest_wait="5 s",
    )  # fmt: skip
    assert run.metrics["returned"].value < 1
    assert any("away from the baseline" in note for note in run.results.notes)


def test_the_interval_is_spent_at_zero():
    pair = PairedPulse(intervals=(0.5,)).pair(0.5)
    t, levels = pair.sample(100e-6)
    high = np.abs(levels["top"]) > 0.5
    assert high.sum() == 2
    starts = t[high]
    assert starts[1] - starts[0] == pytest.approx(0.5 + 100e-6)
    between = (t > 2e-3) & (t < 0.5)
    assert not levels["top"][between].any()


def test_achieved_intervals_not_requested_ones_are_fitted(noisy):
    run, _ = noisy
    interval = np.array(run.results.tables[0].columns[0].data)
    requested = np.array(log_spaced(10e-3, 3.0, 30))
    # the instrument keeps time in whole microseconds; what it did is in the table
    assert np.abs(interval - requested).max() < 5e-6
    assert not np.array_equal(interval, requested)


def test_every_pulse_is_as_wide_as_asked(noisy):
    run, _ = noisy
    for step, readings in run.where(part="pair"):
        assert isinstance(step.what, Play)
        assert readings.where(role="pulse").width == pytest.approx(100e-6, abs=2e-6)
