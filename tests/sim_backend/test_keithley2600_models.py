"""The models of the series: ranges, limits, ports, interlock, extended pulses, sensing."""

from __future__ import annotations

import pytest

from sim_backend.clock import Clock
from sim_backend.instruments.keithley26_family import MODELS
from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from tests.sim_backend.rig import Rig

AREA = {"0": (40.0, 3.0), "1": (200.0, 1.5), "3": (200.0, 1.5)}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_says_who_it_is_and_has_its_channels(name: str) -> None:
    rig = Rig(model=name)
    assert f"Model {name}," in rig.send("*IDN?")[0]
    two = name in ("2602B", "2604B", "2612B", "2614B", "2634B", "2636B")
    assert rig.ask("type(smua), type(smub)") == ["table", "table" if two else "nil"]
    with_ports = not name.endswith("4B")
    assert (rig.ask("type(digio)") == ["table"]) == with_ports
    assert (rig.ask("type(smua.contact)") == ["table"]) == with_ports
    assert (rig.ask("type(smua.pulser)") == ["table"]) == (name == "2601B-PULSE")
    assert rig.codes() == []


@pytest.mark.parametrize("name", MODELS)
def test_ranges_and_limits_are_the_model_s(name: str) -> None:
    rig = Rig(model=name)
    volts, amperes = AREA[name[2]]
    rig.send(f"smua.source.rangev = {volts}")
    assert rig.number("smua.source.rangev") == volts
    rig.send(f"smua.source.levelv = {1.02 * volts} smua.source.leveli = {1.02 * amperes}")
    assert rig.codes() == [1101, 1101]
    lowest = 1e-9 if name[2] == "3" else 100e-9
    assert rig.number("smua.source.lowrangei") == lowest
    least = {"2634B": 1e-9, "2635B": 100e-12, "2636B": 100e-12}.get(name, 100e-9)
    assert rig.number("smua.measure.lowrangei") == least
    default = (40.0, 1.0) if name[2] == "0" else (20.0, 0.1)
    assert (rig.number("smua.source.limitv"), rig.number("smua.source.limiti")) == default
    small = 100e-12 if name[2] == "3" else 10e-9
    rig.send(f"smua.source.limiti = {small}")
    assert rig.codes() == []
    rig.send(f"smua.source.limiti = {small / 2}")
    assert rig.codes() == [1102]


@pytest.mark.parametrize("name", MODELS)
def test_specifications_ascend_and_say_where_they_are_from(name: str) -> None:
    spec = MODELS[name].spec
    for table in (spec.v_source, spec.i_source, spec.v_measure, spec.i_measure):
        scales = [r.full_scale for r in table]
        assert scales == sorted(scales)
        assert all(r.offset_error > 0 and r.noise > 0 and r.settling > 0 for r in table)
    assert spec.model == name
    assert "data sheet" in spec.source
    for region in MODELS[name].pulses:
        assert 0 < region.duty < 1
        assert all(region.v > v or region.i > i for v, i in spec.dc_area)


def test_every_model_is_on_the_roster() -> None:
    laboratory = lab({"driver": "keithley2600", "model": "2636B"})
    assert laboratory.instruments["smu"].model == "2636B"
    laboratory.close()


def lab(section: dict[str, str], **simulation: object) -> VirtualLaboratory:
    bench = {
        "instruments": {"smu": {"address": "TCPIP0::a::INSTR", **section}},
        "terminals": {"top": "smu.a"},
        "simulation": {
            "device": {"family": "resistor", "preset": "10k"},
            "noise": {"instrument": False},
            **simulation,
        },
    }
    return open_laboratory(bench, 1, None, 0.0)


# -- interlock and output enable ------------------------------------------------------------------


def test_high_voltage_needs_the_interlock() -> None:
    rig = Rig(model="2612B")
    assert rig.number("status.measurement.condition") == 2048
    rig.smu.interlock = False
    assert rig.number("status.measurement.condition") == 0
    rig.send("smua.source.limiti = 1e-3 smua.source.rangev = 200 smua.source.output = 1")
    assert rig.codes() == [802]
    assert not rig.a.on
    rig.send("smua.source.rangev = 20 smua.source.output = 1")
    assert rig.codes() == []
    rig.send("smua.source.rangev = 200")
    assert rig.codes() == [802]
    assert rig.number("smua.source.rangev") == 20


def test_opening_the_interlock_switches_high_voltage_off() -> None:
    rig = Rig(model="2636B")
    rig.send("smua.source.limiti = 1e-3 smua.source.rangev = 200 smua.source.output = 1")
    rig.send("smub.source.rangev = 20 smub.source.output = 1")
    rig.smu.interlock = False
    assert (rig.a.on, rig.b.on) == (False, True)
    assert rig.codes() == [802]


def test_forty_volts_need_no_interlock() -> None:
    rig = Rig()
    rig.smu.interlock = False
    rig.send("smua.source.rangev = 40 smua.source.output = 1")
    assert (rig.a.on, rig.codes()) == (True, [])


def test_output_enable() -> None:
    rig = Rig()
    rig.send("smua.source.outputenableaction = smua.OE_OUTPUT_OFF smua.source.output = 1")
    assert (rig.a.on, rig.codes()) == (False, [5041])


# -- pulses beyond the DC area ---------------------------------------------------------------------

PULSES = """
smua.source.func = 0 smua.source.rangei = 10 smua.source.limitv = 6
smua.trigger.source.listi({{{level}}}) smua.trigger.source.limitv = {limit}
smua.trigger.source.action = 1 smua.trigger.endpulse.action = {after}
trigger.timer[1].delay = {period} trigger.timer[1].count = 2 trigger.timer[1].passthrough = true
trigger.timer[1].stimulus = smua.trigger.ARMED_EVENT_ID
trigger.timer[2].delay = {width} trigger.timer[2].stimulus = trigger.timer[1].EVENT_ID
smua.trigger.source.stimulus = trigger.timer[1].EVENT_ID
smua.trigger.endpulse.stimulus = trigger.timer[2].EVENT_ID
smua.trigger.count = 2 smua.source.output = 1 smua.trigger.initiate() waitcomplete()
"""


def pulses(**changes: float) -> Rig:
    given = {"level": 8.0, "limit": 10.0, "after": 0, "period": 0.5, "width": 1e-3, **changes}
    rig = Rig(conductance=1.0)
    rig.send(PULSES.format(**given))
    return rig


def edges(rig: Rig) -> list[tuple[float, float]]:
    return [(t, level) for t, level in rig.a.levels() if t > 0 or level]


def test_ten_amperes_are_reached_by_pulses_alone() -> None:
    rig = pulses()
    assert rig.codes() == []
    assert edges(rig) == [
        (0.0, 8.0),
        (pytest.approx(1e-3), 0.0),
        (pytest.approx(0.5), 8.0),
        (pytest.approx(0.501), 0.0),
    ]
    rig.send("smua.source.leveli = 8")
    assert rig.codes() == [1101]


def test_a_pulse_that_is_too_long_is_cut_and_the_next_waits() -> None:
    rig = pulses(width=5e-3)
    # 10 A at 10 V: 1.8 ms and 1 percent
    assert edges(rig)[:2] == [(0.0, 8.0), (pytest.approx(1.8e-3), 0.0)]
    rig = pulses(period=0.05)
    assert edges(rig)[2] == (pytest.approx(0.1), 8.0)
    assert rig.codes() == []


@pytest.mark.parametrize("changes", [{"limit": 40.0}, {"after": 1}])
def test_what_leaves_the_area_is_refused(changes: dict[str, float]) -> None:
    assert pulses(**changes).codes() == [5007]


def test_an_abort_in_an_extended_pulse_ends_it() -> None:
    rig = pulses(period=0.5)
    rig.send("smua.trigger.initiate() delay(0.5e-3) smua.abort()")
    assert rig.a.levels()[-1][1] == 0.0
    rig.send("delay(1)")
    assert rig.clock.pending() == set()


# -- contacts and sensing --------------------------------------------------------------------------


def over_contact(ohms: float) -> VirtualLaboratory:
    laboratory = lab({"driver": "keithley2600", "model": "2602B"})
    fixture = laboratory.fixture
    fixture.exchange(fixture.model, fixture.state, {"top": ohms})
    laboratory.instruments["smu"].write(
        b"smua.source.rangev = 6 smua.source.limiti = 1e-2 smua.measure.rangei = 1e-3 "
        b"smua.source.levelv = 1 smua.source.output = 1 format.asciiprecision = 8"
    )
    return laboratory


def told(laboratory: VirtualLaboratory, expression: str) -> list[float]:
    smu = laboratory.instruments["smu"]
    smu.write(f"print({expression})".encode())
    (reply,) = smu.replies()
    return [float(x) for x in reply.split(b"\t")]


def test_two_wires_see_the_leads_and_four_do_not() -> None:
    laboratory = over_contact(2500.0)
    assert told(laboratory, "smua.measure.r()") == pytest.approx([12_500.0], rel=1e-4)
    laboratory.instruments["smu"].write(b"smua.sense = smua.SENSE_REMOTE")
    i, v = told(laboratory, "smua.measure.iv()")
    assert (v, v / i) == (pytest.approx(1.0), pytest.approx(10_000.0, rel=1e-4))
    laboratory.instruments["smu"].write(b"smua.sense = smua.SENSE_LOCAL")
    assert told(laboratory, "smua.measure.r()") == pytest.approx([12_500.0], rel=1e-4)
    laboratory.close()


def test_a_current_source_shows_the_drop_in_the_leads_with_two_wires() -> None:
    laboratory = over_contact(2500.0)
    smu = laboratory.instruments["smu"]
    smu.write(b"smua.source.func = 0 smua.source.leveli = 1e-4 smua.source.limitv = 6")
    assert told(laboratory, "smua.measure.v()") == pytest.approx([1.25], rel=1e-3)
    smu.write(b"smua.sense = 1")
    assert told(laboratory, "smua.measure.v()") == pytest.approx([1.0], rel=1e-3)
    smu.write(b"smua.reset()")
    assert not laboratory.fixture.drives[0].remote
    laboratory.close()


def test_contact_check() -> None:
    laboratory = over_contact(80.0)
    smu = laboratory.instruments["smu"]
    smu.write(b"smua.source.output = 0 t = timer.measure.t()")
    assert told(laboratory, "smua.contact.r()") == [80.0, 0.0]
    assert told(laboratory, "timer.measure.t() - t")[0] == pytest.approx(1.2e-3, abs=1e-6)
    smu.write(
        b"print(smua.contact.check()) smua.contact.threshold = 100 print(smua.contact.check())"
    )
    assert smu.replies() == [b"false\n", b"true\n"]
    smu.write(b"smua.source.offlimiti = 1e-4 smua.contact.check()")
    smu.write(b"smua.source.offmode = smua.OUTPUT_HIGH_Z smua.contact.check()")
    assert [smu.errors.next().code for _ in range(2)] == [5066, 5048]
    laboratory.close()


def test_pulser_ranges() -> None:
    rig = Rig(model="2601B-PULSE")
    rig.send("smua.pulser.rangei = 3 smua.pulser.rangev = 7 smua.pulser.measure.aperture = 1e-6")
    assert (rig.number("smua.pulser.rangei"), rig.number("smua.pulser.rangev")) == (5, 10)
    rig.send("smua.pulser.rangei = 11 smua.pulser.measure.aperture = 1 smua.pulser.enable = 2")
    assert rig.codes() == [1101, 1101, -224]


def test_the_clock_leaps_with_what_is_due() -> None:
    clock, seen = Clock(), []
    clock.after(1.0, lambda: seen.append(clock.now_s))
    clock.after(2.0, lambda: seen.append(clock.now_s)).cancel()
    assert len(clock.pending()) == 1
    clock.leap(10.0)
    assert clock.now_s == 10.0
    clock.advance(0.5)
    assert seen == []
    clock.advance(1.0)
    assert seen == [11.0]
