"""What every waveform source must do, whether an instrument stands in between or not.

The same suite runs on each driver over a resistor of 10 kOhm without noise: the bench driver of the
2602B through the wire to the virtual instrument, and the device model played directly.
"""

from collections.abc import Iterator
from itertools import pairwise
from types import SimpleNamespace

import pytest

from instruments import keithley2600
from labctl.capability import Identity, Limits, Setup
from labctl.readings import Flag, Row
from labctl.steps import Play
from labctl.waveform import pulse, read, rest, ticks, train
from sim_backend import direct
from sim_backend.laboratory import open_laboratory

G = 100e-6  # S
ADDRESS = "GPIB0::26::INSTR"
#: driver, its section of a bench file, the channel that drives the terminal
BENCHES = {
    "keithley2602b": (
        keithley2600, {"driver": "keithley2600", "model": "2602B", "address": ADDRESS}, "a",
    ),
    "direct": (direct, {"driver": "direct"}, "top"),
}  # fmt: skip


@pytest.fixture(params=BENCHES)
def rig(request) -> Iterator[SimpleNamespace]:
    """Return a connected source with its laboratory and its driver's module."""
    driver, section, channel = BENCHES[request.param]
    content = {
        "name": request.param,
        "instruments": {"source": section},
        "terminals": {"top": f"source.{channel}"},
        "simulation": {
            "device": {"family": "resistor", "preset": "10k"},
            "noise": {"instrument": False, "cycle": False, "device": False},
        },
    }
    laboratory = open_laboratory(content, 1, None, 0.0)
    model, address = section.get("model", ""), section.get("address", "")
    setup = Setup("source", model, address, {"top": channel}, laboratory.visa, laboratory)
    source = driver.connect(setup)
    yield SimpleNamespace(source=source, laboratory=laboratory, driver=driver, setup=setup)
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
    width = max(limits.min_width, 100 * limits.resolution)
    gap = max(limits.min_gap, limits.resolution)
    waveform = (pulse(1.0, width) + rest(gap)) * 20
    assert rig.source.check(Play(waveform, 1e-3)) == []
    assert rig.driver.check(rig.setup, Play(waveform, 1e-3)) == []
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
    play = Play(train(pulse(1.0, 100e-6), 1e-3, 10**9), 1e-3)
    for violation in rig.source.check(play):
        assert "10" in violation.asked


# -- timing --------------------------------------------------------------------------------------


def test_intervals_and_widths_are_those_asked_for(rig):
    grid = rig.source.limits.resolution
    waveform = rest(1e-3) + pulse(1.0, 200e-6)
    for k in range(1, 8):
        waveform = waveform + rest(k * 1.7e-3) + pulse(1.0, 200e-6)
    rows = rows_of(rig, waveform + rest(1e-3))
    assert [row.width for row in rows] == pytest.approx([200e-6] * 8, rel=1e-12)
    steps = [late.t - early.t for early, late in pairwise(rows)]
    assert steps == pytest.approx([200e-6 + k * 1.7e-3 for k in range(1, 8)], abs=1.1 * grid)


def test_a_reading_lies_in_its_window(rig):
    level = read(0.1, 10e-3)
    (window,) = level.windows
    first, second = rows_of(rig, pulse(1.0, 1e-3) + rest(1e-3) + level)
    middle_of_pulse = 0.825e-3
    to_middle = 2e-3 + (window.start + window.stop) / 2 / ticks(1.0) - middle_of_pulse
    assert second.t - first.t == pytest.approx(to_middle, abs=0.2e-3)


def test_loops_repeat_exactly(rig):
    body = pulse(1.0, 100e-6) + rest(900e-6) + read(0.1, 1e-3) + rest(1e-3)
    rows = rows_of(rig, body * 50)
    assert [row.role for row in rows] == ["pulse", "read"] * 50
    starts = [row.t for row in rows[::2]]
    assert starts == pytest.approx([starts[0] + 3e-3 * k for k in range(50)], abs=2e-6)


def test_the_device_gets_the_charge_of_the_waveform(rig):
    before = throughput(rig)
    waveform = (pulse(1.0, 100e-6) + rest(1e-3) + pulse(-0.5, 200e-6) + rest(1e-3)) * 40
    rows_of(rig, waveform)
    assert throughput(rig) - before == pytest.approx(40 * (1e-4 + 1e-4) * G, rel=0.01)


def test_time_counts_from_connecting_and_never_goes_back(rig):
    times = []
    for _ in range(4):
        times += [row.t for row in rows_of(rig, pulse(1.0, 100e-6) + rest(0.25) + read(0.1, 1e-3))]
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
    assert row.i == pytest.approx(level * G, abs=1e-12 + 3 * row.u_i)
    assert row.terminal == "top"
    assert row.role == "read"
    assert not row.flags & (Flag.COMPLIANCE | Flag.OVERRANGE)
    assert row.u_v >= 0
    assert row.u_i >= 0


def test_a_segment_without_a_window_gives_no_reading(rig):
    assert rows_of(rig, pulse(1.0, 1e-3, measured=False)) == []
    rows = rows_of(rig, pulse(1.0, 1e-3, measured=False) + rest(1e-3) + read(0.1, 1e-3))
    assert [row.role for row in rows] == ["read"]


# -- compliance ----------------------------------------------------------------------------------


def test_the_current_stays_at_the_compliance_and_is_flagged(rig):
    limited, free = rows_of(rig, pulse(1.0, 2e-3) + rest(2e-3) + pulse(0.1, 2e-3), 30e-6)
    assert limited.flags & Flag.COMPLIANCE
    assert limited.i == pytest.approx(30e-6, rel=0.03)
    assert limited.v == pytest.approx(0.3, rel=0.03)
    assert limited.v_set == 1.0
    assert not free.flags & Flag.COMPLIANCE
    assert free.i == pytest.approx(10e-6, rel=0.03)


# -- stop and safety -----------------------------------------------------------------------------


def test_a_stop_request_ends_the_step_and_leaves_the_device_alone(rig):
    asked = iter([False, False])
    waveform = train(pulse(1.0, 100e-6), 1e-3, 4000)
    rows = rows_of(rig, waveform, stop=lambda: next(asked, True))
    assert len(rows) < 4000
    assert left_alone(rig)
    assert len(rows_of(rig, pulse(1.0, 1e-3))) == 1


def test_closing_the_readings_early_leaves_the_device_alone(rig):
    chunks = rig.source.play(Play(train(pulse(1.0, 100e-6), 1e-3, 4000), 1e-3), never)
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
