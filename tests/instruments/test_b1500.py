"""The B1500A through the wire: which mode plays what, what is achieved, and how it ends."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from instruments import b1500
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.readings import Flag
from labctl.steps import Play
from labctl.waveform import Window, pulse, read, rest, segment, ticks, train
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::17::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}


def never() -> bool:
    return False


class Rig:
    """A virtual B1500A over 10 kOhm and the driver; what was sent is written down."""

    def __init__(self, *, faults: Any = (), wiring: Any = None, **options: Any) -> None:
        self.wiring = wiring or {"top": "smu1"}
        section = {"driver": "b1500", "model": "B1500A", "address": ADDRESS, **options}
        self.options = options
        self.laboratory = open_laboratory(
            {
                "name": "rig",
                "instruments": {"smu": section},
                "terminals": {name: f"smu.{channel}" for name, channel in self.wiring.items()},
                "simulation": {
                    "device": {"family": "resistor", "preset": "10k"},
                    "noise": QUIET,
                    "faults": [{"instrument": "smu", **fault} for fault in faults],
                },
            },
            1, None, 0.0,
        )  # fmt: skip
        self.instrument = self.laboratory.instruments["smu"]
        self.sent: list[str] = []

    def setup(self, **changes: Any) -> Setup:
        given: dict[str, Any] = {
            "name": "smu", "model": "B1500A", "address": ADDRESS, "channels": self.wiring,
            "visa": self.laboratory.visa, "laboratory": self.laboratory, "options": self.options,
        }  # fmt: skip
        return Setup(**{**given, **changes})

    def connect(self, **changes: Any) -> Any:
        driver = b1500.connect(self.setup(**changes))
        send = driver.adapter._write

        def write(command: str, **kwargs: Any) -> None:
            self.sent.append(command)
            send(command, **kwargs)

        driver.adapter._write = write
        return driver

    def safe(self) -> bool:
        states = [self.instrument.channel_state(f"smu{n}") for n in self.instrument.smus]
        return not any(s["output"] or s["level"] or s["running"] for s in states)


def rows_of(driver: Any, waveform: Any, compliance: float = 1e-3, stop: Any = never) -> list[Any]:
    return [row for chunk in driver.play(Play(waveform, compliance), stop) for row in chunk]


def mode_of(waveform: Any) -> str:
    foreseen = b1500.forecast(
        Setup("smu", "B1500A", ADDRESS, {"top": "smu1"}), Play(waveform, 1e-3)
    )
    assert foreseen is not None
    return foreseen.mode


STAIRS = [read(0.1 * k, 20e-3) for k in range(6)]
STAIRCASE = STAIRS[0] + STAIRS[1] + STAIRS[2] + STAIRS[3] + STAIRS[4] + STAIRS[5]


def sampled(spans: int = 5, length: float = 0.5) -> Any:
    """Return a level that is measured several times."""
    step = ticks(length) // spans
    windows = tuple(Window("top", k * step, k * step + step // 2, "read") for k in range(spans))
    return segment(length, {"top": 1.0}, windows=windows)


@pytest.mark.parametrize(
    ("waveform", "mode", "command"),
    [
        (train(pulse(1.0, 1e-3), 10e-3, 20), "pulsed sweep", "PWV 1,1,20,0,1,1,20,0.001"),
        (pulse(1.0, 1e-3), "pulsed spot", "PV 1,20,0,1,0.001"),
        (STAIRCASE, "staircase sweep", "WV 1,1,5,0,0.5,6,0.001"),
        (sampled(), "sampling", "MV 1,20,0,1,0.001"),
        (read(0.2, 50e-3), "host", "TDV 1,5,0.2,0.001"),
        (pulse(1.0, 1e-3) + rest(0.2) + read(0.2, 50e-3), "host", "PV 1,20,0,1,0.001"),
    ],
)
def test_each_waveform_runs_in_the_mode_that_times_it_best(
    waveform: Any, mode: str, command: str
) -> None:
    assert mode_of(waveform) == mode
    rig = Rig()
    driver = rig.connect()
    rows = rows_of(driver, waveform)
    assert any(line.startswith(command) for line in rig.sent)
    assert [row.i for row in rows] == pytest.approx([row.v_set * 1e-4 for row in rows], abs=1e-9)
    assert rig.safe()
    driver.close()


def test_a_train_is_timed_by_the_instrument_to_its_tick() -> None:
    driver = Rig().connect()
    rows = rows_of(driver, train(pulse(1.0, 0.5e-3), 5e-3, 200))
    steps = [b.t - a.t for a, b in pairwise(rows)]
    assert len(rows) == 200
    assert steps == pytest.approx([5e-3] * 199, abs=1e-4)
    assert {row.width for row in rows} == {0.5e-3}


def test_pulses_of_a_train_that_nobody_reads_are_played_all_the_same() -> None:
    rig = Rig()
    quiet, read_ = (pulse(1.0, 1e-3, measured=m) + rest(9e-3) for m in (False, True))
    waveform = (quiet * 4 + read_) * 5
    assert mode_of(waveform) == "pulsed sweep"
    assert len(rows_of(rig.connect(), waveform)) == 5
    assert rig.laboratory.device.tally.positive == 25


def test_a_pair_of_equal_pulses_keeps_its_interval_in_hardware() -> None:
    rig = Rig()
    driver = rig.connect()
    for interval in (10e-3, 0.3, 3.0):
        pair = pulse(1.0, 1e-3) + rest(interval) + pulse(1.0, 1e-3)
        assert mode_of(pair) == "pulsed sweep"
        first, second = rows_of(driver, pair)
        assert second.t - first.t == pytest.approx(interval + 1e-3, abs=1e-4)


def test_a_level_timed_by_commands_tells_how_long_it_really_was() -> None:
    rig = Rig()
    driver = rig.connect()
    before = rig.laboratory.device.tally.throughput
    waveform = read(0.5, 40e-3) + read(-0.3, 60e-3) + rest(0.2) + read(0.7, 0.1)
    rows = rows_of(driver, waveform)
    charge = sum(abs(row.v_set) * row.width * 1e-4 for row in rows)
    assert [row.width for row in rows] == pytest.approx([40e-3, 60e-3, 0.1], abs=2e-3)
    assert rig.laboratory.device.tally.throughput - before == pytest.approx(charge, rel=5e-3)


def test_stamps_keep_their_digits_over_a_long_step() -> None:
    driver = Rig().connect()
    one = pulse(1.0, 1e-3) + rest(700.0)
    rows = rows_of(driver, one + one + one + pulse(1.0, 1e-3))
    steps = [b.t - a.t for a, b in pairwise(rows)]
    assert steps == pytest.approx([700.001] * 3, abs=5e-3)
    assert len({round(row.t % 1e-3, 6) for row in rows}) > 1  # tenths of a millisecond


def test_what_was_changed_by_hand_does_not_change_a_step() -> None:
    driver = Rig().connect()
    driver.smu1.enable()
    driver.smu1.meas_op_mode = "VOLTAGE"
    driver.data_format(1)
    assert rows_of(driver, pulse(1.0, 1e-3))[0].i == pytest.approx(1e-4)


def test_the_voltage_of_a_limited_level_was_measured() -> None:
    driver = Rig().connect()
    (row,) = rows_of(driver, read(1.0, 0.1), 30e-6)
    assert row.flags & Flag.COMPLIANCE
    assert (row.v, row.i) == pytest.approx((0.3, 30e-6), rel=1e-3)
    (row,) = rows_of(driver, pulse(1.0, 1e-3), 30e-6)  # where only the current is known
    assert row.flags & Flag.COMPLIANCE
    assert row.v != row.v


def test_compliance_is_set_and_read_back_before_any_level() -> None:
    rig = Rig(wiring={"top": "smu1", "bottom": "smu2"})
    device = {"family": "resistor", "preset": "10k"}
    assert device
    driver = rig.connect()
    rows_of(driver, pulse(1.0, 1e-3), 2e-3)
    lines = [line for line in rig.sent if line]
    asked = [k for k, line in enumerate(lines) if line.startswith("*LRN? ")]
    triggered = lines.index("XE")
    for setting in ("DV 1,20,0,0.002", "DV 2,20,0,0.002"):
        assert lines.index(setting) < asked[0] < triggered
    assert "ERRX?" in lines[asked[-1] : triggered]


def test_another_compliance_read_back_is_refused_before_any_level() -> None:
    rig = Rig()
    driver = rig.connect()
    honest = rig.instrument.flex.table["DV"]
    rig.instrument.flex.table["DV"] = lambda n, code, level, _: honest(n, code, level, 5e-3)
    with pytest.raises(InstrumentFault, match="no level was forced"):
        rows_of(driver, pulse(1.0, 1e-3), 1e-4)
    assert "XE" not in rig.sent
    assert rig.laboratory.device.tally.throughput == 0


def measure(rig: Rig) -> None:
    """Connect, and play a step in two modes three times."""
    driver = rig.connect(options={"timeout": "1 s"})
    for _ in range(3):
        rows_of(driver, pulse(1.0, 1e-3) + rest(0.2) + read(0.1, 0.1))


@pytest.mark.parametrize("kind", ["mute", "close", "cut", "garbage", "error"])
@pytest.mark.parametrize("at", [9, 15, 22, 25])
def test_whatever_goes_wrong_on_the_wire_is_one_sentence(kind: str, at: int) -> None:
    code = {"code": 120} if kind == "error" else {}
    rig = Rig(faults=[{"at": at, "kind": kind, **code}])
    with pytest.raises(InstrumentFault, match=r"smu \(GPIB0::17::INSTR\)") as caught:
        measure(rig)
    assert "\n" not in str(caught.value)
    if kind in ("cut", "garbage", "error"):  # the line is alive
        assert rig.safe()


def test_a_stop_ends_a_running_sweep() -> None:
    rig = Rig()
    driver = rig.connect()
    begun = rig.laboratory.clock.now_s
    stop = lambda: rig.laboratory.clock.now_s > begun + 2.0  # noqa: E731
    rows_of(driver, train(pulse(1.0, 1e-3), 0.1, 1000), stop=stop)
    assert rig.laboratory.clock.now_s < begun + 4
    assert "AB" in rig.sent
    assert rig.safe()
    assert len(rows_of(driver, pulse(1.0, 1e-3))) == 1


def test_an_output_found_on_is_reported_and_made_safe() -> None:
    rig = Rig()
    rig.instrument.write(b"CN 1;DV 1,20,1,1E-3\n")
    driver = rig.connect()
    assert "outputs on (CN1)" in driver.snapshot()["found"]
    assert rig.safe()
    rig.instrument.write(b"CN 1;DV 1,20,1,1E-3\n")
    left = rig.connect(options={"found_on": "leave"})
    assert rig.instrument.channel_state("smu1")["level"] == 1.0
    rows_of(left, pulse(1.0, 1e-3))
    assert rig.safe()


def test_looking_changes_nothing() -> None:
    rig = Rig()
    rig.instrument.write(b"CN 1;DV 1,20,1,1E-3\n")
    driver = rig.connect(looking=True)
    assert driver.snapshot()["outputs"] == "CN1"
    assert driver.identify().options.startswith("B1517A,0;B1517A,0;B1511B")
    assert rig.instrument.channel_state("smu1")["level"] == 1.0


def test_an_open_interlock_is_an_error_and_not_a_clamp() -> None:
    rig = Rig()
    driver = rig.connect()
    with pytest.raises(InstrumentFault, match="Interlock"):
        rows_of(driver, pulse(50.0, 1e-3), 1e-3)
    assert rig.laboratory.device.tally.peak == 0
    assert rig.safe()
    closed = Rig(interlock=True)
    assert rows_of(closed.connect(), pulse(50.0, 1e-3), 10e-3)[0].i == pytest.approx(5e-3)


def test_what_it_cannot_time_is_refused_with_what_it_would_play() -> None:
    rig = Rig()
    short = pulse(1.0, 100e-6) + rest(1e-3) + read(0.1, 10e-3)
    violations = b1500.check(rig.setup(), Play(short, 1e-3))
    assert [v.instead for v in violations] == [
        "B1500A B1511B: pulses of 500 us instead of 100 us",
        "B1500A B1511B: rests of 100 ms instead of 1 ms",
    ]
    with pytest.raises(Refused):
        rows_of(rig.connect(), short)
    first, second = rows_of(rig.connect(accept_degraded=True), short)
    assert (first.width, second.role) == (0.5e-3, "read")
    unequal = read(0.1, 5e-3) + read(0.5, 5e-3) + read(0.2, 5e-3)
    (violation,) = b1500.check(rig.setup(), Play(unequal, 1e-3))
    assert "at least 20" in violation.allowed
    assert not violation.instead


def test_two_terminals_at_once_are_refused() -> None:
    both = segment(10e-3, {"top": 1.0, "bottom": -1.0})
    setup = Setup("smu", "B1500A", ADDRESS, {"top": "smu1", "bottom": "smu2"})
    (violation,) = b1500.check(setup, Play(both, 1e-3))
    assert "one terminal at a time" in violation.allowed


def test_the_module_decides_what_can_be_read() -> None:
    channels = {"top": "smu2"}
    fine = Setup("smu", "B1500A", ADDRESS, channels, options={"modules": ["", "B1517A"]})
    usual = Setup("smu", "B1500A", ADDRESS, channels)
    play = Play(read(0.1, 0.1), 1e-9, {"top": 1e-11})
    assert b1500.forecast(fine, play).floors[0].range == 1e-11  # type: ignore[union-attr]
    assert b1500.forecast(usual, play).floors[0].range == 1e-9  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"channels": {"top": "a"}}, "smu1 to smu10"),
        ({"options": {"modules": ["B1530A"]}}, "modules"),
        ({"options": {"modules": ["", "B1517A"]}}, "no SMU in that slot"),
        ({"options": {"line_frequency": "55 Hz"}}, "50 Hz or 60 Hz"),
        ({"options": {"speed": 1}}, "speed"),
        ({"model": "B1505A"}, "B1505A"),
    ],
)
def test_a_wrong_section_is_one_sentence(changes: dict[str, Any], said: str) -> None:
    given: dict[str, Any] = {"model": "B1500A", "channels": {"top": "smu1"}, **changes}
    setup = Setup(name="smu", address=ADDRESS, **given)
    with pytest.raises(BadInput, match=said):
        b1500.check(setup, Play(pulse(1.0, 1e-3), 1e-3))


def test_another_module_in_the_slot_is_refused() -> None:
    rig = Rig()
    with pytest.raises(InstrumentFault, match=r'slot 1 has "B1517A" where B1511B'):
        rig.connect(options={"modules": ["B1511B"]})


def test_work_by_hand_is_pymeasures_and_ends_off() -> None:
    rig = Rig()
    driver = rig.connect()
    with driver:
        driver.smu1.enable()
        driver.smu1.force("Voltage", "2 V", 1.0, 1e-3)
        assert rig.instrument.channel_state("smu1")["level"] == 1.0
        with pytest.raises(InstrumentFault, match="120"):
            driver.smu1.force("Voltage", "2 V", 200.0, 1e-3)
    assert rig.safe()


def test_it_is_recognised() -> None:
    assert b1500.recognise("Agilent Technologies,B1500A,0,A.05.50.2013.0613") == "B1500A"
    assert b1500.recognise("Keysight Technologies,B1500A,0,A.06.01.2019.1107") == "B1500A"
    assert b1500.recognise("Agilent Technologies,33522B,MY1,2.0") is None
