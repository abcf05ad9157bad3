"""What distinguishes one 2600B from another: small currents, large voltages, a pulser."""

from __future__ import annotations

from typing import Any

import pytest

from instruments import keithley2600
from labctl.capability import Setup
from labctl.errors import InstrumentFault
from labctl.steps import Play
from labctl.waveform import pulse, read
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::26::INSTR"
MEGOHM = {"family": "resistor", "preset": "10k", "conductance": 1e-9}


def section(model: str) -> Setup:
    return Setup("smu", model, ADDRESS, {"top": "a"})


def connected(model: str) -> tuple[Any, Any]:
    laboratory = open_laboratory(
        {
            "name": "rig",
            "instruments": {
                "smu": {"driver": "keithley2600", "model": model, "address": ADDRESS}
            },
            "terminals": {"top": "smu.a"},
            "simulation": {
                "device": MEGOHM,
                "noise": {"instrument": False, "cycle": False, "device": False},
            },
        },
        1, None, 0.0,
    )  # fmt: skip
    setup = Setup("smu", model, ADDRESS, {"top": "a"}, laboratory.visa, laboratory)
    return laboratory, keithley2600.connect(setup)


@pytest.mark.parametrize(
    ("model", "compliance", "allowed"),
    [
        ("2602B", 1e-9, False),
        ("2612B", 1e-9, False),
        ("2636B", 1e-9, True),
        ("2636B", 1e-11, False),
    ],
)
def test_only_the_models_for_small_currents_limit_to_less_than_10_na(
    model: str, compliance: float, allowed: bool
) -> None:
    found = keithley2600.check(section(model), Play(read(0.1, 0.5), compliance))
    assert [violation.limit for violation in found] == ([] if allowed else [f"{model} compliance"])


@pytest.mark.parametrize(("model", "full_scale"), [("2602B", 1e-7), ("2636B", 1e-9)])
def test_the_smallest_range_that_reads_is_that_of_the_model(model: str, full_scale: float) -> None:
    play = Play(read(0.1, 0.5), 1e-7, {"top": 1e-9})
    forecast = keithley2600.forecast(section(model), play)
    assert forecast is not None
    assert forecast.floors[0].range == full_scale


def test_a_2636b_reads_a_tenth_of_a_nanoampere() -> None:
    _, meter = connected("2636B")
    (row,) = next(iter(meter.play(Play(read(0.1, 2.0), 1e-9), lambda: False)))
    assert row.i == pytest.approx(1e-10, abs=3 * row.u_i)
    assert row.u_i < 1e-12
    meter.close()


@pytest.mark.parametrize("model", ["2612B", "2636B"])
def test_with_the_interlock_open_a_level_above_42_v_is_an_error(model: str) -> None:
    laboratory, meter = connected(model)
    instrument = laboratory.instruments["smu"]
    high = Play(pulse(100.0, 1e-3), 1e-3)
    assert keithley2600.check(section(model), high) == []
    assert len(list(meter.play(high, lambda: False))) == 1
    instrument.interlock = False
    with pytest.raises(InstrumentFault, match="interlock"):
        list(meter.play(Play(pulse(150.0, 1e-3), 1e-3), lambda: False))
    assert not instrument.channel_state("a")["output"]
    assert laboratory.device.tally.throughput == pytest.approx(100.0 * 1e-9 * 1e-3, rel=0.01)
    meter.close()


def test_the_pulser_of_a_2601b_pulse_is_not_offered_for_voltages() -> None:
    model = "2601B-PULSE"
    idn = "Keithley Instruments Inc., Model 2601B-PULSE, 4512345, 1.7.0"
    assert keithley2600.recognise(idn) == model
    (found,) = keithley2600.check(section(model), Play(pulse(1.0, 1e-5, measured=False), 1e-3))
    assert "makes currents and no voltages" in found.remedy
    assert "\n" not in str(found)
    assert keithley2600.check(section(model), Play(pulse(1.0, 1e-4), 1e-3)) == []
    _, meter = connected(model)
    (rows,) = meter.play(Play(pulse(1.0, 1e-4), 1e-3), lambda: False)
    assert rows[0].v == pytest.approx(1.0)
    assert meter.identify().model == model
    meter.close()
