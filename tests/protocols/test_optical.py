"""Light up, voltage down: the device's own spectrum, dose, times and modes come back."""

from __future__ import annotations

import copy
import math
import random

import msgspec
import numpy as np
import pytest
from pydantic import ValidationError

from labctl.analysis.quantiles import student_95
from labctl.benchfile import read_bench
from labctl.readings import Flag, Readings
from labctl.rehearsal import Rehearsed, rehearse
from labctl.results import Results
from protocols.optical import Optical
from protocols.optical_results import MODES

#: a device that forgets by one exponential and keeps nothing
SIMPLE = {"g_slow": 0.0, "g_keep": 0.0, "prompt": 0.0}


def content(name: str = "direct-optoelectronic", noise: dict | None = None, **device: object):
    made = copy.deepcopy(read_bench(name)[1])
    made["simulation"]["noise"] |= noise or {}
    made["simulation"]["device"] |= device
    return made


@pytest.fixture(scope="module")
def whole():
    asked = Optical(repeats=1, flashes=4, trains="1", updates=8, rates="0.1 Hz, 0.5 Hz",
                    irradiances="10 mW/m2, 20 mW/m2, 100 W/m2, 200 W/m2")  # fmt: skip
    return rehearse(asked, content())


@pytest.fixture(scope="module")
def results(whole):
    return whole.analyse()


def test_the_spectrum_is_the_devices_own():
    asked = Optical(parts="spectrum", repeats=1, irradiance="10 mW/m2")
    found = rehearse(asked, content()).analyse()
    table = next(one for one in found.tables if one.title == "Change by one light pulse")
    response = np.array(table.columns[3].data)
    # eta of the preset at 280, 365, 405, 450, 520 and 600 nm, in straight lines between 50 nm
    at = np.array([280, 365, 405, 450, 520, 600])
    eta = np.interp(at, np.arange(250, 601, 50), [1, 0.97, 0.8, 0.45, 0.2, 0.07, 0.02, 0.005])
    # weak light: the response is proportional
    assert response == pytest.approx(eta / eta[0], rel=2e-3)
    assert found.metrics["selectivity"].value == pytest.approx(eta[0] / eta[-1], rel=2e-3)


def test_weak_light_adds_up_and_strong_light_saturates(results):
    assert results.metrics["dose_slope_low"].value == pytest.approx(1.0, abs=1e-3)
    assert results.metrics["dose_slope_high"].value < 0.95


def test_facilitation_is_that_of_the_source(results):
    # Ma et al.: 135 % after 0.1 s; the reading ends 1 ms before the light does
    index = results.metrics["index"]
    assert index.definition == "ppf-index-photocurrent-rise"
    assert index.value == pytest.approx(0.35, abs=0.01)
    assert results.metrics["left_1"].value < 0.05


def test_faster_trains_gain_more(results):
    assert results.metrics["gain_high"].value > results.metrics["gain_low"].value > 1


def test_light_raises_and_voltage_lowers(results):
    assert results.metrics["light_change"].value > 1
    assert -1 < results.metrics["voltage_change"].value < -0.5
    ll, lv, vl, vv = (results.metrics[f"mode_{mode}"].value for mode in MODES[:-1])
    assert ll > 1 > vl > lv > vv  # S2.11


def test_powers_and_energies_are_those_of_what_was_given(results):
    # 10 W/m2 on 100 um2 for 1 s
    assert results.metrics["energy_optical"].value == pytest.approx(1e-9)
    lit = results.metrics["energy_lit"].value  # 0.1 V through 160 nS for a second
    photo = (lit / 0.1 - 10e-9) / 1e-9
    assert results.metrics["responsivity"].value == pytest.approx(photo, rel=0.01)
    # a known mistake: with dt = 1 a pulse of 10 ms would seem a hundred times dearer
    assert results.metrics["energy_depression"].value < 2.0**2 * 3e-6 * 10e-3


def test_every_trial_begins_in_the_dark_of_the_first(results):
    assert results.metrics["returned"].value == 1.0


def test_a_device_that_is_not_emptied_is_reported():
    asked = Optical(parts="pairs", reset=0.0, intervals="0.1 s, 0.2 s", repeats=1)
    found = rehearse(asked, content()).analyse()
    assert found.metrics["returned"].value < 1
    assert any("differed" in note for note in found.notes)


def test_a_diodes_current_says_how_much_light_there_was():
    asked = Optical(
        parts="pairs", light="led", efficiency=1000.0, compliance=20e-3, repeats=1,
        intervals="0.1 s", irradiance="1 mW/cm2",
    )  # fmt: skip
    found = rehearse(asked, content("sim-optoelectronic", {"device": False})).analyse()
    msgspec.json.encode(found)
    energy = found.metrics["energy_optical"]
    assert energy.value == pytest.approx(10 * 100e-12, rel=0.05)
    assert found.metrics["index"].value == pytest.approx(0.34, abs=0.05)


def test_the_light_is_off_between_pulses():
    # a known mistake
    t, levels = Optical().pair(0.5).sample(10e-3)
    between = (t > 1.0) & (t < 1.49)
    assert not levels["uv"][between].any()
    assert levels["uv"].max() == 10.0


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"ports": ("uv",)}, "each port its wavelength"),
        ({"erase": 1.0}, "a negative voltage"),
        ({"rates": (2.0,)}, "a rate of 2 Hz"),
        ({"period": 1.05}, "a period of"),
        ({"decay": (1e-3, 2e-3, 3e-3)}, "no room for a read"),
        ({"parts": "spectra"}, "Input should be"),
    ],
)
def test_bad_parameters_are_refused_in_one_sentence(wrong, sentence):
    with pytest.raises(ValidationError) as caught:
        Optical(**wrong)
    assert sentence in str(caught.value)


def test_an_unfinished_record_gives_what_it_has(whole):
    asked = whole.protocol
    empty = Rehearsed(asked, (), whole.readings).analyse()
    assert empty.notes == ("nothing is complete yet",)
    for count in (1, 20):
        part = Rehearsed(asked, whole.steps[:count], whole.readings).analyse()
        assert "returned" in part.metrics
        assert all(metric.definition for metric in part.metrics.values())


def test_the_order_is_that_of_the_seed():
    def order(seed: int) -> list[object]:
        return [step.label["interval"] for step in Optical(parts="pairs", seed=seed).steps()]

    assert order(1) == order(1) != order(2)
    assert order(1) != sorted(order(1))


@pytest.mark.parametrize("every", [7, 1])
def test_lost_readings_are_left_out(whole, every):
    rows = [
        row._replace(i=math.nan, flags=int(Flag.LOST)) if k % every == 0 else row
        for k, row in enumerate(whole.readings)
    ]
    found = Rehearsed(whole.protocol, whole.steps, Readings(rows)).analyse()
    # whatever is left can be stored and read again
    msgspec.json.decode(msgspec.json.encode(found), type=Results)
    assert found.notes


def covered(draw: random.Random) -> bool:
    """Measure a device with a hidden time in the dark and its own noise; is it in the interval?"""
    hidden = math.exp(draw.uniform(math.log(0.5), math.log(5.0)))
    bench = content(noise={"cycle": True, "read": True}, tau_fast=hidden, **SIMPLE)
    asked = Optical(parts="decay", trains="1", repeats=4, irradiance=100.0, dark=0.1,
                    decay="0.1 s .. 15 s, 12 log")  # fmt: skip
    tau = rehearse(asked, bench, seed=draw.randrange(10**6)).analyse().metrics["tau_1"]
    assert tau.sigma is not None
    return abs(tau.value - hidden) <= student_95(asked.repeats - 1) * tau.sigma


def test_a_hidden_time_in_the_dark_is_in_the_interval():
    assert sum(covered(random.Random(f"optical-{k}")) for k in range(3)) >= 2


@pytest.mark.long
@pytest.mark.timeout(600)
def test_hidden_times_in_the_dark_are_in_the_interval_as_often_as_it_says():
    draws = 200
    hits = sum(covered(random.Random(f"optical-{k}")) for k in range(draws))
    # 95 %: 190 +- 3.1
    assert 180 <= hits <= 199
