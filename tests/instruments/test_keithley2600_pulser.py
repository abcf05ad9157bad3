"""The pulser of a 2601B-PULSE: what it plays, how it is set, and how it ends."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from instruments import keithley2600
from instruments.keithley2600_limits import MODELS, limits_of
from instruments.keithley2600_program import Program, Unit
from instruments.keithley2600_pulser import PulseProgram, compile_step
from instruments.keithley2600_pulser_limits import PULSERS
from instruments.pieces import Compiled
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Node, pulse, read, rest, train
from sim_backend import direct
from sim_backend.instruments.keithley2601b_pulse import PULSER
from sim_backend.laboratory import open_laboratory
from tests.instruments.conftest import Rig, never

MODEL = "2601B-PULSE"
CAN = PULSERS[MODEL]
G = 0.1  # S
UNIT = Unit(MODELS[MODEL], limits_of(MODELS[MODEL], 50.0), 50.0, {"top": "a"})
DEVICE = {"family": "resistor", "preset": "10k", "conductance": "100 mS"}
EVERY = {"instrument": True, "cycle": True, "device": True}
TRAIN = train(pulse(0.5, 20e-6), 1e-3, 20)


def step(waveform: Node, *, limit: float = 8.0, compliance: float = 1.0, **more: Any) -> Play:
    return Play(waveform, compliance, voltage_limits={"top": limit}, **more)


def made(waveform: Node, use: str = "always", **more: Any) -> Compiled[Program]:
    return compile_step(step(waveform, **more), UNIT, use)


def program_of(waveform: Node, **more: Any) -> PulseProgram:
    compiled = made(waveform, **more)
    assert compiled.violations == []
    assert isinstance(compiled.program, PulseProgram)
    return compiled.program


def pulse_rig(**simulation: Any) -> Rig:
    return Rig(model=MODEL, **{"device": DEVICE, **simulation})


@pytest.fixture
def rig() -> Rig:
    return pulse_rig()


@pytest.fixture
def meter(rig: Rig) -> Iterator[Any]:
    connected = rig.connect()
    yield connected
    connected.close()


def rows_of(meter: Any, play: Play, stop: Any = never) -> list[Row]:
    return [row for chunk in meter.play(play, stop) for row in chunk]


def safe(rig: Rig) -> bool:
    """Whether the output is off at zero, and the pulser disabled."""
    panel, pulser = rig.panel(), rig.instrument.channels["a"].pulser
    return not (panel.output or panel.level or panel.sweeping or pulser.enable)


# -- from a waveform to a program ------------------------------------------------------------------


def test_a_train_of_equal_pulses_is_timed_by_the_pulser() -> None:
    program = program_of(TRAIN)
    assert (program.width, program.delay) == (20, 14)
    assert program.aperture == pytest.approx(5e-6)
    assert (program.widths, program.repeats, program.periods) == ((20,), 20, (1000,))
    (track,) = program.tracks
    assert (track.source.full_scale, track.limit, program.range_v) == (1.0, 8.0, 10.0)


def test_loops_are_kept() -> None:
    program = program_of(train(pulse(0.5, 20e-6, measured=False), 1e-3, 10**6))
    assert (len(program.widths), program.repeats) == (1, 10**6)


def test_levels_of_one_width_need_one_setting() -> None:
    ladder = rest(1e-3)
    for k in range(1, 6):
        ladder = ladder + pulse(0.1 * k, 20e-6) + rest(k * 1e-3)
    program = program_of(ladder)
    assert (program.width, program.delay) == (20, 14)
    assert program.tracks[0].levels == pytest.approx((0.1, 0.2, 0.3, 0.4, 0.5))


def test_a_mixed_sequence_is_timed_by_timers() -> None:
    body = pulse(0.5, 40e-6, measured=False) + rest(2e-3) + read(0.1, 200e-6) + rest(10e-3)
    program = program_of(body * 100)
    assert (program.width, program.delay) == (0, 0)
    assert program.widths == (40, 200)
    offsets = program.tracks[0].offsets
    assert sum(offsets) >= 50 * len(offsets)
    assert program.tracks[0].roles == (None, "read")


def test_pulses_that_nobody_measures_do_not_change_how_the_others_are_timed() -> None:
    body = (pulse(0.5, 20e-6, measured=False) + rest(1e-3)) * 9 + pulse(0.5, 20e-6) + rest(1e-3)
    program = program_of(body * 10)
    assert (program.width, program.delay) == (20, 14)
    assert program.tracks[0].roles == (*[None] * 9, "pulse")


def test_the_range_holds_the_largest_level_and_what_is_asked_for() -> None:
    scale = [
        program_of(pulse(level, 20e-6), compliance=10.0).tracks[0].source.full_scale
        for level in (0.9, 1.0, 1.1, -4.9, 9.0)
    ]
    assert scale == [1.0, 1.0, 5.0, 5.0, 10.0]
    assert program_of(TRAIN, ranges={"top": 3.0}).tracks[0].source.full_scale == 5.0


@pytest.mark.parametrize(("limit", "range_", "force"), [(0.5, 5, 2), (5, 5, 5), (6, 10, 6)])
def test_the_voltage_limit_becomes_the_protection(
    limit: float, range_: float, force: float
) -> None:
    program = program_of(pulse(0.02, 20e-6), limit=limit)
    assert (program.tracks[0].limit, program.range_v, program.force) == (limit, range_, force)


REFUSED = {
    "ramps": (pulse(0.5, 50e-6, edge=10e-6), {}, "a constant level", "zero"),
    "short": (pulse(0.5, 9e-6), {}, "at least 10 us", "longer"),
    "long": (pulse(0.5, 1e-3), {}, "at most 500 us", "never"),
    "duty": (train(pulse(0.5, 20e-6), 400e-6, 3), {}, "at most 4%", "rest for 480 us"),
    "current": (pulse(11.0, 20e-6), {"compliance": 20.0}, "at most 10 A", "lower"),
    "compliance": (pulse(0.5, 20e-6), {"compliance": 0.1}, "compliance of the step", "lower"),
    "limit": (pulse(0.5, 20e-6), {"limit": 0.1}, "250 mV to 10 V", "inside"),
    "high": (pulse(0.5, 20e-6), {"limit": 12.0}, "250 mV to 10 V", "inside"),
    "range": (pulse(0.5, 20e-6), {"ranges": {"top": 20.0}}, "up to 10 A", "smaller"),
    "terminals": (pulse(0.5, 20e-6) | pulse(0.5, 20e-6, terminal="gate"), {}, "one", "another"),
    "grid": (pulse(0.5, 20.5e-6), {}, "microseconds", "round"),
    "widths": (
        pulse(0.5, 20e-6) + rest(1e-3) + pulse(0.5, 30e-6), {}, "on average", "the same width",
    ),
    "rate": (
        pulse(0.5, 100e-6, measured=False) + rest(3e-3)
        + (read(0.0, 60e-6) + rest(60e-6)) * 200,
        {}, "67 us", "more time",
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", REFUSED)
def test_what_it_cannot_play_is_refused_in_one_sentence_with_a_remedy(kind: str) -> None:
    waveform, more, allowed, remedy = REFUSED[kind]
    compiled = made(waveform, **more)
    assert compiled.program is None
    assert any(allowed in v.allowed and remedy in v.remedy for v in compiled.violations)
    for violation in compiled.violations:
        assert violation.limit.startswith("2601B-PULSE pulser")
        assert violation.asked
        assert "\n" not in str(violation)


def test_a_current_below_its_accuracy_is_played_only_where_that_is_accepted() -> None:
    compiled = made(pulse(100e-6, 20e-6))
    (violation,) = compiled.violations
    assert "100 uA" in violation.asked
    assert "2 mA" in violation.allowed
    assert "may be off by 2 mA" in violation.instead
    assert compiled.playable(degraded=True)
    assert not compiled.playable(degraded=False)


def test_the_source_meter_plays_what_it_can_do_better() -> None:
    small, long, fast = pulse(1e-3, 200e-6), pulse(0.5, 1e-3), pulse(0.5, 20e-6)
    for waveform in (small, long):
        chosen = made(waveform, "auto")
        assert chosen.violations == []
        assert chosen.program is not None
        assert not isinstance(chosen.program, PulseProgram)
    assert isinstance(made(fast, "auto").program, PulseProgram)
    assert not isinstance(made(pulse(0.5, 200e-6), "never").program, PulseProgram)
    # what neither can do is said of the one that is nearer
    assert "at least 100 us" in made(fast, "never").violations[0].allowed
    assert made(pulse(1e-3, 20e-6), "auto").violations[0].instead
    assert (
        made(pulse(4.0, 1e-3), "auto", compliance=10.0)
        .violations[0]
        .limit.startswith("2601B-PULSE pulser")
    )
    assert "voltage limit" in made(small, "auto", limit=100.0).violations[0].limit


def test_voltages_are_played_by_the_source_meter() -> None:
    for use in ("auto", "always", "never"):
        made_of_volts = compile_step(Play(pulse(1.0, 1e-3), 1e-3), UNIT, use)
        assert made_of_volts.program is not None
        assert not isinstance(made_of_volts.program, PulseProgram)


def test_the_data_are_those_of_the_virtual_instrument() -> None:
    """The figures that are to be checked stand in two places; they are the same."""
    sources = PULSER.spec.i_source[2:]
    for ours, theirs in zip(CAN.source, sources, strict=True):
        assert (ours.full_scale, ours.gain, ours.offset, ours.settling) == (
            theirs.full_scale, theirs.gain_error, theirs.offset_error, theirs.settling,
        )  # fmt: skip
    meters = [*PULSER.spec.v_measure, *PULSER.spec.i_measure]
    for ours, theirs in zip([*CAN.v_meter, *CAN.i_meter], meters, strict=True):
        assert (ours.full_scale, ours.gain, ours.offset) == (
            theirs.full_scale, theirs.gain_error, theirs.offset_error,
        )  # fmt: skip
        for nplc in (5e-5, 1e-3, 1.0):
            assert ours.derated(nplc) == pytest.approx(3 * theirs.rms_noise(nplc))
    assert CAN.widths == pytest.approx([1e6 * width for width in PULSER.width])
    assert CAN.duty == PULSER.duty
    assert CAN.least_limit == PULSER.sense[0]
    assert CAN.force == PULSER.force
    assert CAN.apertures == pytest.approx([1e6 * aperture for aperture in PULSER.aperture])
    assert CAN.longest_delay == pytest.approx(1e6 * PULSER.delay)


# -- through the wire ------------------------------------------------------------------------------


def test_rows_are_what_was_achieved(meter: Any) -> None:
    rows = rows_of(meter, step(TRAIN))
    assert len(rows) == 20
    for row in rows:
        assert math.isnan(row.v_set)
        assert (row.i, row.v) == pytest.approx((0.5, 0.5 / G))
        assert (row.terminal, row.role, row.width, row.flags) == ("top", "pulse", 20e-6, 0)
        assert 0 < row.u_i < 2e-3
        assert 0 < row.u_v < 20e-3
    steps = [late.t - early.t for early, late in pairwise(rows)]
    assert steps == pytest.approx([1e-3] * 19, abs=1e-9)


def test_the_shortest_pulses_ask_nothing_of_the_timers_that_they_cannot(
    rig: Rig, meter: Any
) -> None:
    asked, timers = [], rig.instrument.timers
    for timer in timers:

        def watched(delays: Any, keep: Any = timer.set_delays) -> None:
            asked.append(min(delays))
            keep(delays)

        timer.set_delays = watched
    rows = rows_of(meter, step(train(pulse(0.5, 10e-6), 250e-6, 50)))
    assert [row.i for row in rows] == pytest.approx([0.5] * 50)
    assert min(asked) >= 8e-6
    assert (timers[1].stimulus.event, timers[2].stimulus.event) == (0, 0)


def test_the_device_gets_the_charge_of_the_waveform(rig: Rig, meter: Any) -> None:
    body = (pulse(0.5, 40e-6, measured=False) + rest(2e-3)) * 3
    body = body + pulse(-0.3, 200e-6) + rest(5e-3) + read(0.1, 60e-6) + rest(4e-3)
    rows = rows_of(meter, step(body * 4))
    assert [row.role for row in rows] == ["pulse", "read"] * 4
    assert [row.i for row in rows] == pytest.approx([-0.3, 0.1] * 4)
    charge = 4 * (3 * 0.5 * 40e-6 + 0.3 * 200e-6 + 0.1 * 60e-6)
    assert rig.laboratory.device.tally.throughput == pytest.approx(charge, rel=1e-6)


def test_an_open_circuit_can_be_read(meter: Any) -> None:
    body = pulse(0.5, 100e-6, measured=False) + rest(5e-3) + read(0.0, 1e-3) + rest(1e-3)
    (row,) = rows_of(meter, step(body))
    assert (row.i, row.v) == pytest.approx((0.0, 0.0), abs=1e-9)


def test_readings_come_while_it_runs(meter: Any) -> None:
    chunks = list(meter.play(step(train(pulse(0.5, 20e-6), 0.5, 20)), never))
    assert len(chunks) > 3
    assert sum(map(len, chunks)) == 20


def test_values_and_uncertainties_are_those_of_a_real_instrument() -> None:
    rig = pulse_rig(noise=EVERY)
    meter = rig.connect()
    rows = rows_of(meter, step(train(pulse(0.8, 50e-6), 2e-3, 200), limit=10.0))
    passed = rig.laboratory.device.tally.throughput
    assert passed == pytest.approx(200 * 0.8 * 50e-6, rel=2e-3 + 2e-3 / 0.8 + 0.4 * 50e-6 / 4e-5)
    for row in rows:
        assert abs(row.i - 0.8) < 1e-3 * 0.8 + 2e-3 + 3 * row.u_i
        assert abs(row.v - row.i / G) < 3 * (row.u_v + row.u_i / G)
        assert not row.flags
    assert len({row.v for row in rows}) > 100
    meter.close()


def test_the_protection_is_set_before_the_output_goes_on(rig: Rig, meter: Any) -> None:
    channel, seen = rig.instrument.channels["a"], []
    switch = channel.source.set_output

    def watched(value: int) -> None:
        if value:
            pulser = channel.pulser
            seen.append((pulser.enable, pulser.sense_v, pulser.force_v, pulser.range["i"]))
        switch(value)

    channel.source.set_output = watched
    rows_of(meter, step(TRAIN, limit=6.0))
    assert seen == [(1, 6.0, 6.0, 1.0)]


@pytest.mark.parametrize(
    ("held", "value", "said"),
    [
        ("sense_v", 10.0, "protection of the sense terminals"),
        ("force_v", 40.0, "protection of the force terminals"),
        ("width", 100e-6, "pulse width"),
        ("aperture", 1e-6, "aperture"),
    ],
)
def test_a_setting_that_reads_back_otherwise_keeps_the_output_off(
    rig: Rig, meter: Any, held: str, value: float, said: str
) -> None:
    pulser = rig.instrument.channels["a"].pulser
    stuck = type("Stuck", (type(pulser),), {
        held: property(lambda _: value, lambda _, given: None)
    })  # fmt: skip
    pulser.__class__ = stuck
    with pytest.raises(InstrumentFault, match=said):
        rows_of(meter, step(TRAIN))
    assert rig.laboratory.device.tally.throughput == 0
    assert safe(rig)


def test_too_high_a_voltage_ends_the_step_and_says_so(rig: Rig, meter: Any) -> None:
    with pytest.raises(InstrumentFault, match=r"more than 4 V.*5127 Output protection"):
        rows_of(meter, step(train(pulse(0.5, 100e-6), 10e-3, 100), limit=4.0))
    assert rig.laboratory.device.tally.throughput <= 0.5 * 3.1e-6
    assert safe(rig)
    assert len(rows_of(meter, step(TRAIN))) == 20


def test_a_duty_cycle_is_kept_from_step_to_step(meter: Any) -> None:
    for _ in range(3):
        assert len(rows_of(meter, step(pulse(0.5, 500e-6)))) == 1
        assert len(rows_of(meter, step(pulse(0.5, 10e-6)))) == 1


def test_steps_of_volts_and_of_either_source_of_amperes_follow_each_other(
    rig: Rig, meter: Any
) -> None:
    for _ in range(2):
        (volts,) = rows_of(meter, Play(pulse(0.5, 1e-3), 0.2))
        assert (volts.v, volts.i) == pytest.approx((0.5, 0.5 * G))
        (fast,) = rows_of(meter, step(pulse(0.5, 20e-6)))
        assert (fast.v, fast.i) == pytest.approx((5.0, 0.5))
        (small,) = rows_of(meter, step(pulse(1e-3, 1e-3)))
        assert (small.v, small.i) == pytest.approx((10e-3, 1e-3))
        assert safe(rig)


@pytest.mark.parametrize("order", ["uru", "mru", "urmr", "ummu"])
def test_pulses_that_are_not_measured_follow_any_other_step(meter: Any, order: str) -> None:
    steps = {
        "u": step(pulse(0.5, 20e-6, measured=False)),
        "m": step(pulse(0.5, 20e-6)),
        "r": Play(rest(1e-3) + read(0.1, 10e-3), 0.1),
    }
    for name in order:
        rows = rows_of(meter, steps[name])
        assert len(rows) == (0 if name == "u" else 1)
        assert all(row.i == pytest.approx(0.5 if name == "m" else 0.01, rel=0.02) for row in rows)


def test_a_stop_leaves_the_device_alone(rig: Rig, meter: Any) -> None:
    asked = iter([False, False])
    play = step(train(pulse(0.5, 20e-6), 0.1, 1000))
    rows = rows_of(meter, play, stop=lambda: next(asked, True))
    assert 0 < len(rows) < 1000
    assert safe(rig)
    before = rig.laboratory.device.tally.throughput
    rig.laboratory.clock.advance(10.0)
    assert rig.laboratory.device.tally.throughput == before
    assert len(rows_of(meter, step(TRAIN))) == 20


def test_make_safe_disables_a_pulser_that_somebody_left_on(rig: Rig, meter: Any) -> None:
    meter.write("smua.pulser.enable = 1 smua.source.leveli = 10e-3 smua.source.output = 1")
    assert not safe(rig)
    meter.make_safe()
    assert safe(rig)
    assert len(rows_of(meter, step(TRAIN))) == 20


def test_a_pulser_found_enabled_gives_way(rig: Rig) -> None:
    meter = rig.connect()
    meter.write("smua.pulser.enable = 1")
    (row,) = rows_of(meter, Play(pulse(0.5, 1e-3), 0.2))
    assert row.i == pytest.approx(0.5 * G)
    meter.close()


def test_the_snapshot_has_its_settings(meter: Any) -> None:
    rows_of(meter, step(TRAIN, limit=6.0))
    shot = meter.snapshot()
    assert float(shot["smua.pulser.protect.sensev"]) == 6.0
    assert float(shot["smua.pulser.rangei"]) == 1.0
    assert float(shot["smua.pulser.measure.aperture"]) == pytest.approx(5e-6)
    assert shot["smua.pulser.protect.tripped"] == "false"
    assert float(shot["smua.pulser.enable"]) == 0


def test_four_wires_leave_the_contact_out(rig: Rig) -> None:
    fixture = rig.laboratory.fixture
    fixture.exchange(fixture.model, fixture.state, {"top": 4.0})
    meter = rig.connect()
    (row,) = rows_of(meter, step(pulse(0.5, 20e-6)))
    assert row.v == pytest.approx(0.5 * (1 / G + 4.0))
    meter.close()
    meter = rig.connect({"sense": "4-wire"})
    (row,) = rows_of(meter, step(pulse(0.5, 20e-6)))
    assert row.v == pytest.approx(0.5 / G)
    # what the leads take counts for the protection of the force terminals
    with pytest.raises(InstrumentFault, match="more than 6 V"):
        rows_of(meter, step(pulse(0.5, 20e-6), limit=6.0))
    meter.close()


def test_degraded_currents_are_played_where_the_user_accepts_them(rig: Rig) -> None:
    small = step(pulse(1e-3, 20e-6))
    meter = rig.connect()
    with pytest.raises(Refused):
        rows_of(meter, small)
    meter.close()
    meter = rig.connect(accept_degraded=True)
    (row,) = rows_of(meter, small)
    assert row.u_i > 1e-3 / 3
    assert meter.check(small)[0].instead
    meter.close()


# -- what a bench asks -----------------------------------------------------------------------------


def test_check_and_forecast_need_no_connection(rig: Rig) -> None:
    setup = rig.setup()
    assert keithley2600.check(setup, step(TRAIN)) == []
    foreseen = keithley2600.forecast(setup, step(TRAIN))
    assert foreseen is not None
    assert foreseen.mode == "pulser"
    assert foreseen.timing == pytest.approx(1e-6)
    (floor,) = foreseen.floors
    assert floor.range == 1.0
    assert floor.current == pytest.approx(CAN.source[0].offset)
    assert floor.aperture == pytest.approx(5e-6)
    slow = keithley2600.forecast(setup, step(pulse(1e-3, 1e-3)))
    assert slow is not None
    assert slow.mode == "trigger model"


def test_the_bench_file_says_what_the_pulser_is_for(rig: Rig) -> None:
    never_ = rig.setup({"pulser": "never"})
    assert "at least 100 us" in keithley2600.check(never_, step(TRAIN))[0].allowed
    always = rig.setup({"pulser": "always"})
    assert "at most 500 us" in keithley2600.check(always, step(pulse(0.5, 1e-3)))[0].allowed
    with pytest.raises(BadInput, match=r'pulser = "fast".*auto and always and never'):
        keithley2600.check(rig.setup({"pulser": "fast"}), step(TRAIN))
    with pytest.raises(BadInput, match='"pulser" is unknown'):
        keithley2600.check(Rig().setup({"pulser": "auto"}), step(TRAIN))


def test_no_flag_says_compliance() -> None:
    """A voltage that is too large ends the step: no reading is taken at a limit."""
    rig = pulse_rig(noise=EVERY)
    meter = rig.connect()
    for row in rows_of(meter, step(TRAIN, limit=6.0)):
        assert not row.flags & Flag.COMPLIANCE
    meter.close()


@pytest.mark.parametrize(
    ("device", "levels", "limit"),
    [
        (DEVICE, (0.05, -0.2, 0.8), 10.0),
        ({"family": "diode", "preset": "1n914"}, (0.02, 0.2, 0.9), 5.0),
    ],
    ids=["resistor", "diode"],
)
def test_it_agrees_with_the_direct_bench(
    device: dict[str, Any], levels: tuple[float, ...], limit: float
) -> None:
    waveform = rest(1e-3)
    for level in levels:
        waveform = waveform + pulse(level, 30e-6) + rest(3e-3)
    play = step(waveform * 5, limit=limit)
    exact = open_laboratory(
        {
            "name": "direct", "instruments": {"device": {"driver": "direct"}},
            "terminals": {"top": "device.top"},
            "simulation": {"device": device, "noise": dict.fromkeys(EVERY, False)},
        },
        1, None, 0.0,
    )  # fmt: skip
    source = direct.connect(
        Setup("device", "", "", {"top": "top"}, exact.visa, exact, {})
    )  # fmt: skip
    ideal = [row for rows in source.play(play, never) for row in rows]
    real = pulse_rig(device=device, noise={**EVERY, "cycle": False})
    meter = real.connect()
    rows = rows_of(meter, play)
    assert len(rows) == len(ideal) == 5 * len(levels)
    for got, true in zip(rows, ideal, strict=True):
        # the source is off by its own accuracy, and the voltage by what the device makes of that
        off = CAN.source[0].bound(true.i) + 3 * got.u_i
        assert abs(got.i - true.i) < off
        slope = 1 / G if device is DEVICE else 0.6 + 0.06 / true.i
        assert abs(got.v - true.v) < 3 * got.u_v + slope * off
        assert got.width == pytest.approx(true.width)
    times = [[row.t - some[0].t for row in some] for some in (rows, ideal)]
    assert times[0] == pytest.approx(times[1], abs=2e-6)
    meter.close()
