"""What every waveform source must do, whether an instrument stands in between or not.

The same suite runs on each driver over a resistor of 10 kOhm without noise: the bench drivers
through the wire to their virtual instruments, and the device model played directly. Durations are
multiplied by what suits an instrument, and compared as closely as it can time them.
"""

import math
from collections.abc import Iterator
from itertools import pairwise
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import pytest

from instruments import (
    agilent33500,
    b1500,
    keithley2400,
    keithley2450,
    keithley2600,
    keithley4200,
    wgfmu,
)
from labctl.bounds import faults
from labctl.capability import Identity, Limits, Setup
from labctl.errors import InstrumentFault, Refused
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import Node, pulse, read, rest, ticks, train
from sim_backend import direct
from sim_backend.laboratory import open_laboratory

G = 100e-6  # S
ADDRESS = "GPIB0::26::INSTR"
USB = "USB0::0x0957::0x2C07::MY57800001::INSTR"
SOCKET = "TCPIP0::192.168.0.42::1225::SOCKET"


class Amperes(NamedTuple):
    """What a source that drives terminals by a current is asked for, and over which resistor."""

    level: float = 100e-6  #: A
    conductance: float = G  #: S
    limit: float = 5.0  #: V
    compliance: float = 1e-3  #: A
    width: float = 300e-6  #: of a pulse, s; times `Offer.slow`
    rest: float = 1e-3  #: after it, s; times `Offer.slow`
    holds: bool = True  #: a voltage at its limit; else it ends the step with a fault


class Offer(NamedTuple):
    """A driver, its section of a bench file, and what it is good at."""

    driver: ModuleType
    section: dict[str, Any]
    channel: str  #: that drives the terminal
    slow: float = 1.0  #: durations of the suite are multiplied by this
    close: float = 0.0  #: how far a duration may be from what was asked for, relative
    train: tuple[float, int] = (1e-3, 4000)  #: period, s, and pulses of one that can be stopped
    holds: bool = True  #: a current at its compliance; else the user accepts that it does not
    stamp: float = 2e-6  #: how exact the times that it tells are, s
    behind: float = 0.0  #: resistance in series with the device, besides an output's own, Ohm
    amperes: Amperes = Amperes()  #: asked for where the driver has ``currents``


def _series_2400(model: str) -> Offer:
    """A list has one step for all durations, so they come in multiples of it."""
    section = {"driver": "keithley2400", "model": model, "address": ADDRESS, "tick": "1 ms"}
    return Offer(keithley2400, section, "front", slow=20.0, close=0.05, train=(0.2, 1000))


def _generator(driver: str, model: str, reader: str = "", read_by: str = "") -> Offer:
    """The generator's second output triggers the readings of the source-meter."""
    meter = {"model": "2602B", "address": ADDRESS}
    if reader:
        meter |= {"driver": reader, "model": read_by}
    section = {"driver": driver, "model": model, "address": USB, "meter": meter}
    slow = 20.0 if reader else 1.0  # of the apertures
    return Offer(
        agilent33500, section, "1", slow=slow, close=1e-3, train=(10e-3 * slow, 1000),
    )  # fmt: skip


def _scope(driver: str, model: str, reader: str, pulses: int, **wired: str) -> Offer:
    """Nothing but resistors limits a current that an oscilloscope reads."""
    meter = {"driver": "keysightdsox", "model": reader, "address": ADDRESS, **wired}
    section = {"driver": driver, "model": model, "address": USB, "meter": meter}
    return Offer(
        agilent33500, section, "1", close=1e-3, train=(10e-3, pulses), holds=False, behind=50.0,
    )  # fmt: skip


def capabilities(driver: ModuleType) -> tuple[str, ...]:
    """Return what a driver says that it can."""
    return getattr(driver, "CAPABILITIES", ("waveforms",))


#: by the name that a test shows
BENCHES = {
    "keithley2602b": Offer(
        keithley2600, {"driver": "keithley2600", "model": "2602B", "address": ADDRESS}, "a",
    ),
    "keithley2636b": Offer(
        keithley2600, {"driver": "keithley2600", "model": "2636B", "address": ADDRESS}, "a",
        train=(10e-3, 1000),
    ),
    "keithley2601b-pulse": Offer(
        keithley2600, {"driver": "keithley2600", "model": "2601B-PULSE", "address": ADDRESS}, "a",
        train=(20e-3, 1000), amperes=Amperes(0.5, 0.1, 8.0, 1.0, 20e-6, 1e-3, holds=False),
    ),
    "keithley2400": _series_2400("2400"),
    "keithley2410": _series_2400("2410"),
    "keithley2420": _series_2400("2420"),
    "keithley2430": _series_2400("2430"),
    "keithley2450": Offer(
        keithley2450, {"driver": "keithley2450", "model": "2450", "address": ADDRESS}, "front",
        slow=20.0, close=0.002, train=(0.2, 1000),
    ),
    "keithley2461": Offer(
        keithley2450, {"driver": "keithley2450", "model": "2461", "address": ADDRESS}, "front",
        slow=2.0, close=0.02,
    ),
    "keithley4200": Offer(
        keithley4200, {"driver": "keithley4200", "model": "4200A-SCS", "address": SOCKET}, "pmu1",
        holds=False,
    ),
    "agilent33500": _generator("agilent33500", "33522B"),
    "keysight81160a": _generator("keysight81160a", "81160A"),
    "agilent33500-2410": _generator("agilent33500", "33522B", "keithley2400", "2410"),
    "agilent33500-2450": _generator("agilent33500", "33522B", "keithley2450", "2450"),
    "agilent33500-scope": _scope("agilent33500", "33522B", "DSOX3024T", 150),
    "keysight81160a-scope": _scope("keysight81160a", "81160A", "DSOX1102G", 50, shunt="50 Ohm"),
    # what differs is started by the host, which takes a tenth of a second; stamps of 100 us
    "b1500": Offer(
        b1500, {"driver": "b1500", "model": "B1500A", "address": ADDRESS}, "smu1",
        slow=125.0, close=0.02, train=(0.2, 1000), stamp=250e-6,
    ),
    "wgfmu": Offer(
        wgfmu, {"driver": "wgfmu", "model": "B1530A", "address": ADDRESS}, "101",
        holds=False, train=(10e-3, 1000),
    ),
    "direct": Offer(direct, {"driver": "direct"}, "top"),
}  # fmt: skip


#: those that drive terminals by a current
DRIVEN = [name for name, offer in BENCHES.items() if "currents" in capabilities(offer.driver)]


#: what differs from another one by its figures alone
LONG = frozenset({"keysight81160a-scope"})


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.long] * (name in LONG)) for name in BENCHES]
)
def rig(request) -> Iterator[SimpleNamespace]:
    """Return a connected source with its laboratory and its driver's module."""
    yield from connected(request.param, {"preset": "10k"})


@pytest.fixture(params=DRIVEN)
def amp(request) -> Iterator[SimpleNamespace]:
    """Return a source that drives terminals by a current, over a resistor that suits it."""
    conductance = BENCHES[request.param].amperes.conductance
    yield from connected(request.param, {"preset": "10k", "conductance": f"{conductance} S"})


def connected(name: str, resistor: dict[str, str]) -> Iterator[SimpleNamespace]:
    """Yield a connected source over a resistor, and close it."""
    offer = BENCHES[name]
    driver, section, channel = offer.driver, offer.section, offer.channel
    content = {
        "name": name,
        "instruments": {"source": section},
        "terminals": {"top": f"source.{channel}"},
        "simulation": {
            "device": {"family": "resistor", **resistor},
            "noise": {"instrument": False, "cycle": False, "device": False},
        },
    }
    laboratory = open_laboratory(content, 1, None, 0.0)
    model, address = section.get("model", ""), section.get("address", "")
    options = {k: v for k, v in section.items() if k not in ("driver", "model", "address")}
    setup = Setup(
        "source", model, address, {"top": channel}, laboratory.visa, laboratory, options,
        accept_degraded=not offer.holds,
    )  # fmt: skip
    source = driver.connect(setup)
    yield SimpleNamespace(
        source=source, laboratory=laboratory, driver=driver, setup=setup,
        slow=offer.slow, close=offer.close, train=offer.train, holds=offer.holds,
        stamp=offer.stamp, behind=offer.behind, amperes=offer.amperes,
    )  # fmt: skip
    source.close()


def never() -> bool:
    return False


def rows_of(rig, waveform, compliance=1e-3, stop=never) -> list[Row]:
    return [row for rows in rig.source.play(Play(waveform, compliance), stop) for row in rows]


def throughput(rig) -> float:
    """Return the charge that has passed the device in either direction, C."""
    return rig.laboratory.device.tally.throughput


def left_alone(rig) -> bool:
    """Whether no current flows while nothing is played."""
    before = throughput(rig)
    rig.laboratory.clock.advance(10.0)
    return throughput(rig) == before


# -- limits --------------------------------------------------------------------------------------


def test_limits_are_numbers_that_make_sense(rig):
    limits = rig.source.limits
    assert isinstance(limits, Limits)
    assert limits.model
    assert limits.source
    for value in (limits.max_v, limits.max_i, limits.min_width, limits.min_aperture):
        assert value > 0
    assert limits.min_gap >= 0
    assert 0 < limits.resolution <= limits.min_width
    assert limits.max_points >= 1000
    assert limits.max_readings >= 1000


def test_what_is_within_the_limits_is_not_objected_to_and_plays(rig):
    limits = rig.source.limits
    # a pulse is measured over a quarter of its top
    width = max(limits.min_width, 100 * limits.resolution, 4 * limits.min_aperture)
    gap = max(limits.min_gap, limits.resolution)
    waveform = (pulse(1.0, width) + rest(gap)) * 20
    compliance = 1e-3 if rig.holds else limits.max_i  # no less than it guarantees
    assert rig.source.check(Play(waveform, compliance)) == []
    assert rig.driver.check(rig.setup, Play(waveform, compliance)) == []
    assert len(rows_of(rig, waveform)) == 20


def test_each_breach_is_named_with_asked_allowed_and_remedy_and_moves_nothing(rig):
    limits = rig.source.limits
    before = rig.laboratory.clock.now_s
    breaches = [Play(pulse(limits.max_v * 1.1, 1e-3), 1e-3), Play(pulse(0.1, 1e-3), 0.0)]
    if limits.min_width > 1e-9:
        breaches.append(Play(pulse(0.1, limits.min_width / 2), 1e-3))
    if not limits.ramps:
        breaches.append(Play(pulse(0.1, 1e-3, edge=1e-4), 1e-3))
    for play in breaches:
        found = rig.source.check(play)
        assert found == rig.driver.check(rig.setup, play)
        assert found
        for violation in found:
            assert violation.limit
            assert violation.asked
            assert violation.allowed
            assert violation.remedy
            assert "\n" not in str(violation)
    assert rig.laboratory.clock.now_s == before


def test_a_train_of_any_length_is_checked_at_once(rig):
    play = Play(train(pulse(1.0, 100e-6 * rig.slow), 1e-3 * rig.slow, 10**9), 1e-3)
    for violation in rig.source.check(play):
        assert "10" in violation.asked


# -- timing --------------------------------------------------------------------------------------


def test_intervals_and_widths_are_those_asked_for(rig):
    grid, s = rig.source.limits.resolution, rig.slow
    waveform = rest(1e-3 * s) + pulse(1.0, 200e-6 * s)
    for k in range(1, 8):
        waveform = waveform + rest(k * 1.7e-3 * s) + pulse(1.0, 200e-6 * s)
    rows = rows_of(rig, waveform + rest(1e-3 * s))
    assert [row.width for row in rows] == pytest.approx([200e-6 * s] * 8, rel=1e-12 + rig.close)
    steps = [late.t - early.t for early, late in pairwise(rows)]
    asked = [(200e-6 + k * 1.7e-3) * s for k in range(1, 8)]
    assert steps == pytest.approx(asked, abs=1.1 * grid, rel=rig.close)


def test_what_is_reported_is_what_the_device_felt(rig):
    s = rig.slow
    before = throughput(rig)
    rows = rows_of(rig, (pulse(1.0, 300e-6 * s) + rest(1e-3 * s)) * 5)
    asked = sum(row.width for row in rows) * G / (1 + rig.behind * G)
    assert throughput(rig) - before == pytest.approx(asked, rel=0.005)


def test_a_reading_lies_in_its_window(rig):
    s = rig.slow
    level = read(0.1, 10e-3 * s)
    (window,) = level.windows
    first, second = rows_of(rig, pulse(1.0, 1e-3 * s) + rest(1e-3 * s) + level)
    middle_of_pulse = 0.825e-3 * s
    to_middle = 2e-3 * s + (window.start + window.stop) / 2 / ticks(1.0) - middle_of_pulse
    assert second.t - first.t == pytest.approx(to_middle, abs=0.2e-3 * s, rel=rig.close)


def test_loops_repeat_exactly(rig):
    s = rig.slow
    body = pulse(1.0, 100e-6 * s) + rest(900e-6 * s) + read(0.1, 1e-3 * s) + rest(1e-3 * s)
    rows = rows_of(rig, body * 50)
    assert [row.role for row in rows] == ["pulse", "read"] * 50
    starts = [row.t - rows[0].t for row in rows[::2]]
    period = starts[-1] / 49
    assert starts == pytest.approx([period * k for k in range(50)], abs=rig.stamp)
    assert period == pytest.approx(3e-3 * s, rel=rig.close, abs=rig.stamp / 49)


def test_the_device_gets_the_charge_of_the_waveform(rig):
    s = rig.slow
    before = throughput(rig)
    body = pulse(1.0, 100e-6 * s) + rest(1e-3 * s) + pulse(-0.5, 200e-6 * s) + rest(1e-3 * s)
    rows_of(rig, body * 40)
    asked = 40 * (1e-4 + 1e-4) * s * G
    assert throughput(rig) - before == pytest.approx(asked, rel=0.01 + rig.close)


def test_time_counts_from_connecting_and_never_goes_back(rig):
    s, times = rig.slow, []
    for _ in range(4):
        waveform = pulse(1.0, 100e-6 * s) + rest(0.25) + read(0.1, 1e-3 * s)
        times += [row.t for row in rows_of(rig, waveform)]
    assert times == sorted(times)
    assert times[0] >= 0
    assert times[-1] - times[0] >= 1.0


def test_a_rest_takes_its_time(rig):
    before = rig.laboratory.clock.now_s
    assert rows_of(rig, rest(3.0)) == []
    assert rig.laboratory.clock.now_s - before == pytest.approx(3.0, abs=0.1)


# -- amplitude -----------------------------------------------------------------------------------


@pytest.mark.parametrize("level", [-2.0, -0.1, 0.05, 1.0, 1.5])
def test_level_and_current_are_those_of_the_device(rig, level):
    (row,) = rows_of(rig, read(level, 20e-3))
    assert row.v_set == level
    assert row.v == pytest.approx(level, abs=1e-9 + 3 * row.u_v)
    # of what the device was left with, behind an output's resistance
    assert row.i == pytest.approx(row.v * G, abs=1e-12 + 3 * row.u_i)
    assert row.terminal == "top"
    assert row.role == "read"
    assert not row.flags & (Flag.COMPLIANCE | Flag.OVERRANGE)
    assert row.u_v >= 0
    assert row.u_i >= 0


def test_a_segment_without_a_window_gives_no_reading(rig):
    one = 1e-3 * rig.slow
    assert rows_of(rig, pulse(1.0, one, measured=False)) == []
    rows = rows_of(rig, pulse(1.0, one, measured=False) + rest(one) + read(0.1, one))
    assert [row.role for row in rows] == ["read"]


# -- compliance ----------------------------------------------------------------------------------


def test_the_current_stays_at_the_compliance_and_is_flagged(rig):
    if not rig.holds:
        pytest.skip("it cannot hold a current, and says so before it plays")
    two = 2e-3 * rig.slow
    limited, free = rows_of(rig, pulse(1.0, two) + rest(two) + pulse(0.1, two), 30e-6)
    assert limited.flags & Flag.COMPLIANCE
    assert limited.i == pytest.approx(30e-6, rel=0.03)
    assert limited.v == pytest.approx(0.3, rel=0.03)
    assert limited.v_set == 1.0
    assert not free.flags & Flag.COMPLIANCE
    assert free.i == pytest.approx(10e-6, rel=0.03)


# -- stop and safety -----------------------------------------------------------------------------


def test_a_stop_request_ends_the_step_and_leaves_the_device_alone(rig):
    asked = iter([False, False])
    waveform = train(pulse(1.0, 100e-6 * rig.slow), *rig.train)
    rows = rows_of(rig, waveform, stop=lambda: next(asked, True))
    assert len(rows) < rig.train[1]
    assert left_alone(rig)
    assert len(rows_of(rig, pulse(1.0, 1e-3))) == 1


def test_closing_the_readings_early_leaves_the_device_alone(rig):
    waveform = train(pulse(1.0, 100e-6 * rig.slow), *rig.train)
    chunks = rig.source.play(Play(waveform, 1e-3), never)
    next(chunks)
    chunks.close()
    assert left_alone(rig)


def test_after_a_step_the_device_is_left_alone(rig):
    rows_of(rig, pulse(1.0, 1e-3))
    assert left_alone(rig)


def test_make_safe_can_be_asked_for_at_any_time(rig):
    rig.source.make_safe()
    rows_of(rig, pulse(1.0, 1e-3))
    rig.source.make_safe()
    rig.source.make_safe()
    assert left_alone(rig)
    assert len(rows_of(rig, pulse(1.0, 1e-3))) == 1


def test_close_never_raises(rig):
    rig.source.close()
    rig.source.close()


# -- identity and snapshot -----------------------------------------------------------------------


def test_identity_and_snapshot_are_text_for_the_record(rig):
    identity = rig.source.identify()
    assert isinstance(identity, Identity)
    assert identity.name == "source"
    assert identity.idn
    assert identity.model
    shot = rig.source.snapshot()
    assert shot
    assert all(isinstance(key, str) and isinstance(value, str) for key, value in shot.items())


def test_a_snapshot_changes_nothing(rig):
    before = rows_of(rig, read(0.1, 5e-3))[0]
    rig.source.snapshot()
    after = rows_of(rig, read(0.1, 5e-3))[0]
    assert (before.i, before.v, before.u_i) == (after.i, after.v, after.u_i)


# -- terminals driven by a current -----------------------------------------------------------------


def driven_by(waveform: Node, ask: Amperes, limit: float = 0.0) -> Play:
    """Return a step that drives the terminal by a current."""
    return Play(waveform, ask.compliance, voltage_limits={"top": limit or ask.limit})


def flow(amp, waveform: Node, stop=never, limit: float = 0.0) -> list[Row]:
    """Play amperes."""
    play = driven_by(waveform, amp.amperes, limit)
    return [row for rows in amp.source.play(play, stop) for row in rows]


def one(amp, level: float = 0.0, *, measured: bool = True) -> Node:
    """Return a pulse of a current and its rest."""
    ask = amp.amperes
    current = pulse(level or ask.level, ask.width * amp.slow, measured=measured)
    return current + rest(ask.rest * amp.slow)


def test_a_driver_that_drives_by_a_current_says_so():
    assert {"direct", "keithley2602b", "keithley2601b-pulse"} <= set(DRIVEN)
    for name, offer in BENCHES.items():
        assert "waveforms" in capabilities(offer.driver), name


@pytest.mark.parametrize("share", [1.0, -1.0, 0.2])
def test_current_and_voltage_are_those_of_the_device(amp, share):
    level = share * amp.amperes.level
    (row,) = flow(amp, one(amp, level))
    assert math.isnan(row.v_set)
    assert row.i == pytest.approx(level, abs=3 * row.u_i + 1e-12)
    assert row.v == pytest.approx(level / amp.amperes.conductance, abs=3 * row.u_v + 1e-9)
    assert (row.terminal, row.role) == ("top", "pulse")
    assert row.width == pytest.approx(amp.amperes.width * amp.slow, rel=1e-9 + amp.close)
    assert not row.flags & (Flag.COMPLIANCE | Flag.OVERRANGE)
    assert row.u_i >= 0
    assert row.u_v >= 0


def test_the_device_gets_the_charge_of_the_currents(amp):
    before, ask = throughput(amp), amp.amperes
    rows = flow(amp, (one(amp, measured=False) + one(amp, -ask.level / 2)) * 10)
    assert len(rows) == 10
    asked = 10 * 1.5 * ask.level * ask.width * amp.slow
    assert throughput(amp) - before == pytest.approx(asked, rel=0.01 + amp.close)


def test_currents_follow_each_other_as_asked_for(amp):
    rows = flow(amp, one(amp) * 30)
    period = (amp.amperes.width + amp.amperes.rest) * amp.slow
    starts = [row.t - rows[0].t for row in rows]
    asked = [period * k for k in range(30)]
    assert starts == pytest.approx(asked, abs=amp.stamp, rel=1e-9 + amp.close)


def test_a_current_above_the_compliance_is_refused_before_anything_moves(amp):
    before = amp.laboratory.clock.now_s
    play = driven_by(one(amp, 2.0 * amp.amperes.compliance), amp.amperes)
    found = amp.source.check(play)
    assert found == amp.driver.check(amp.setup, play)
    assert all(v.asked and v.remedy for v in [*found, *faults(play, ())])
    assert list(faults(play, ()))  # on any bench
    if found:
        with pytest.raises(Refused):
            list(amp.source.play(play, never))
    assert amp.laboratory.clock.now_s == before


def test_a_voltage_limit_is_held_or_ends_the_step(amp):
    ask = amp.amperes
    limit = 0.5 * ask.level / ask.conductance
    if ask.holds:
        (row,) = flow(amp, one(amp), limit=limit)
        assert row.flags & Flag.COMPLIANCE
        assert row.v == pytest.approx(limit, rel=0.03)
        assert row.i == pytest.approx(limit * ask.conductance, rel=0.03)
        assert math.isnan(row.v_set)
    else:
        with pytest.raises(InstrumentFault, match=f"{limit:g} V"):
            flow(amp, one(amp), limit=limit)
        assert throughput(amp) < 0.5 * ask.level * ask.width
    assert left_alone(amp)
    (row,) = flow(amp, one(amp))
    assert not row.flags & Flag.COMPLIANCE


def test_after_currents_the_device_is_left_alone(amp):
    flow(amp, one(amp))
    assert left_alone(amp)


def test_a_stop_request_ends_a_step_of_currents(amp):
    asked = iter([False, False])
    width = min(amp.amperes.width, 100e-6) * amp.slow
    waveform = train(pulse(amp.amperes.level, width), *amp.train)
    rows = flow(amp, waveform, stop=lambda: next(asked, True))
    assert len(rows) < amp.train[1]
    assert left_alone(amp)
    chunks = amp.source.play(driven_by(waveform, amp.amperes), never)
    next(chunks)
    chunks.close()
    assert left_alone(amp)
    assert len(flow(amp, one(amp))) == 1


def test_currents_and_voltages_follow_each_other(amp):
    ask = amp.amperes
    volts = Play(read(0.1, 20e-3), ask.compliance)
    for _ in range(2):
        (row,) = flow(amp, one(amp))
        assert row.i == pytest.approx(ask.level, rel=0.01)
        (row,) = (row for rows in amp.source.play(volts, never) for row in rows)
        assert row.v_set == 0.1
        assert row.i == pytest.approx(0.1 * ask.conductance, abs=3 * row.u_i + 1e-12)


def test_a_snapshot_between_currents_changes_nothing(amp):
    first = flow(amp, one(amp))[0]
    assert all(isinstance(value, str) for value in amp.source.snapshot().values())
    second = flow(amp, one(amp))[0]
    assert (second.i, second.u_i) == pytest.approx((first.i, first.u_i), rel=1e-9)
