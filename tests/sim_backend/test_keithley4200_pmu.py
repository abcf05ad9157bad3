"""The virtual 4225-PMU: Segment Arb and standard pulses, its load line, its data, its refusals."""

import pytest

from sim_backend.instruments import keithley4200_errors as errors
from tests.sim_backend.rig4200 import QUIET, G, Rig4200

#: a programmed volt at the device: 50 Ohm in front of 10 kOhm, and the card expects 1 MOhm
SEEN = (1 + 50 / 1e6) / (1 + 50 * G)


@pytest.fixture
def rig() -> Rig4200:
    return Rig4200()


def ready(rig: Rig4200, kind: int = 1, full_scale: float = 1e-3, channel: int = 1) -> None:
    rig.do(f":PMU:INIT {kind}") if channel == 1 else None
    rig.do(
        f":PMU:RPM:CONFIGURE PMU1-{channel}, 0", f":PMU:MEASURE:RANGE {channel}, 2, {full_scale}"
    )


def pulse_train(rig: Rig4200, loops: int, *, measured: bool) -> None:
    ready(rig)
    window = (7e-7, 9e-7) if measured else (0, 0)
    nothing = (0, 0)
    rig.segments(
        [20e-9, 1e-6, 20e-9, 1e-6],
        [0, 1, 1, 0, 0],
        kinds=[0, int(measured), 0, 0],
        windows=[nothing, window, nothing, nothing],
        loops=loops,
    )


# -- Segment Arb ---------------------------------------------------------------------------------


def test_spot_means_of_a_train_on_the_load_line(rig):
    pulse_train(rig, 5, measured=True)
    rig.run()
    rows = rig.numbers()
    assert [v for v, _, _ in rows] == pytest.approx([SEEN] * 5, rel=1e-5)
    assert [i for _, i, _ in rows] == pytest.approx([SEEN * G] * 5, rel=1e-5)
    assert [t for _, _, t in rows] == pytest.approx([820e-9 + k * 2.04e-6 for k in range(5)])
    assert rig.tally.positive == 5
    assert {row[3] for row in rig.points()} == {"01010041"}  # RPM, spot mean, 1 mA, channel 1


def test_the_load_that_the_card_is_told_corrects_the_level(rig):
    pulse_train(rig, 1, measured=True)
    rig.do(":PMU:LOAD 1, 1e4")
    rig.run()
    ((v, i, _),) = rig.numbers()
    assert v == pytest.approx(1.0, rel=1e-5)
    assert i == pytest.approx(G, rel=1e-5)


def test_a_waveform_is_sampled_at_the_rate_asked_for(rig):
    ready(rig)
    rig.do(":PMU:SAMPLE:RATE 1e7")
    rig.segments([1e-6, 1e-6], [0, 1, 1], kinds=[2, 2], windows=[(0, 1e-6)] * 2)
    rig.run()
    rows = rig.numbers()
    assert len(rows) == 20
    assert [t for _, _, t in rows] == pytest.approx([(k + 0.5) * 1e-7 for k in range(20)])
    ramp = [min(1.0, t / 1e-6) * SEEN for _, _, t in rows]
    assert [v for v, _, _ in rows] == pytest.approx(ramp, rel=1e-4)
    assert {row[3] for row in rig.points()} == {"01020041"}


@pytest.mark.parametrize("most", [600, pytest.param(65_536, marks=pytest.mark.long)])
def test_too_many_samples_lower_the_rate(rig, most, monkeypatch):
    monkeypatch.setattr("sim_backend.instruments.keithley4200_card.MOST_POINTS", most)
    ready(rig)
    rig.segments([1e-3] * 2, [0, 1, 1], kinds=[2, 2], windows=[(0, 1e-3)] * 2)
    rig.run()
    assert 0.95 * most < int(rig.ask(":PMU:DATA:COUNT? 1")) <= most
    assert rig.ask(":PMU:DATA:GET 1").count(";") == min(2048, most) - 1


def test_averages_are_one_reading_for_all_loops(rig):
    ready(rig)
    rig.do(":PMU:SAMPLE:RATE 1e6")
    rig.segments([1e-6, 1e-6], [0, 1, 0], kinds=[3, 4], windows=[(5e-7, 1e-6), (0, 1e-6)], loops=50)
    rig.run()
    first, second = rig.numbers()
    assert first[0] == pytest.approx(0.75 * SEEN, rel=1e-4)
    assert second[0] == pytest.approx(0.5 * SEEN, rel=1e-4)


def test_two_channels_share_the_clock_and_the_device():
    rig = Rig4200({"top": "pmu1", "bottom": "pmu2"})
    for channel, level in ((1, 1.0), (2, -0.5)):
        ready(rig, channel=channel)
        rig.segments(
            [1e-7, 1e-6, 1e-7], [0, level, level, 0], kinds=[0, 1, 0],
            windows=[(0, 0), (5e-7, 9e-7), (0, 0)], loops=3, channel=channel,
        )  # fmt: skip
    rig.run(1, 2)
    expected = 1.5 * (1 + 50 / 1e6) / (1 + 100 * G)
    for channel, sign in ((1, 1), (2, -1)):
        rows = rig.numbers(channel)
        assert [i for _, i, _ in rows] == pytest.approx([sign * expected * G] * 3, rel=1e-4)
    assert rig.tally.positive == 3


def test_a_list_plays_sequences_in_its_order(rig):
    ready(rig)
    for number, level in ((1, 1.0), (7, -1.0)):
        rig.do(
            f":PMU:SARB:SEQ:TIME 1, {number}, 1e-7, 1e-6, 1e-7",
            f":PMU:SARB:SEQ:STARTV 1, {number}, 0, {level}, {level}",
            f":PMU:SARB:SEQ:STOPV 1, {number}, {level}, {level}, 0",
        )
    rig.do(":PMU:SARB:WFM:SEQ:LIST 1, 1, 2, 7, 3", ":PMU:SARB:WFM:SEQ:LIST:ADD 1, 1, 4")
    rig.run()
    assert (rig.tally.positive, rig.tally.negative) == (6, 3)


def test_long_arrays_are_sent_in_pieces(rig):
    ready(rig)
    times, levels = ["1e-6"] * 300, [str((k % 3) / 10) for k in range(301)]
    for key, values in (("TIME", times), ("STARTV", levels[:-1]), ("STOPV", levels[1:])):
        for at in range(0, 300, 100):
            add = ":ADD" if at else ""
            rig.do(f":PMU:SARB:SEQ:{key}{add} 1, 1, {', '.join(values[at : at + 100])}")
    assert rig.refused(f":PMU:SARB:SEQ:TIME 1, 1, {', '.join(['1e-6'] * 129)}") == errors.TOO_MANY
    rig.do(":PMU:SARB:WFM:SEQ:LIST 1, 1, 1")
    rig.run()
    assert rig.clock.now_s == pytest.approx(300e-6, abs=1e-7)


def test_an_open_relay_isolates_the_device(rig):
    ready(rig)
    rig.segments([30e-6, 30e-6, 30e-6], [1, 1, 1, 1], kinds=[1] * 3, windows=[(1e-5, 3e-5)] * 3)
    rig.do(":PMU:SARB:SEQ:SSR 1, 1, 1, 0, 1")
    rig.run()
    assert [i for _, i, _ in rig.numbers()] == pytest.approx([SEEN * G, 0, SEEN * G], abs=1e-11)


def test_a_million_pulses_are_passed_together(rig):
    pulse_train(rig, 1_000_000, measured=False)
    before = rig.clock.now_s
    rig.run()
    assert rig.clock.now_s - before == pytest.approx(2.04, rel=1e-6)
    assert rig.tally.positive == 1_000_000
    assert rig.tally.charge == pytest.approx(1e6 * 1.02e-6 * SEEN * G, rel=1e-4)


def test_loops_passed_together_leave_the_device_as_single_ones_do():
    results = []
    for apart in (False, True):
        device = {"family": "ftj", "preset": "bto-nsto", "conductance": "200 uS"}
        rig = Rig4200(device=device)
        ready(rig)
        kinds, windows = ([1, 0, 0, 0], [(0, 2e-6), *[(0, 0)] * 3]) if apart else (None, None)
        rig.segments(
            [2e-6, 2e-5, 2e-6, 2e-5], [0, 0.9, 0.9, 0, 0], kinds=kinds, windows=windows, loops=200
        )
        rig.run()
        results.append(rig.laboratory.device.conductance)
    assert results[0] == pytest.approx(results[1], rel=2e-3)
    assert results[0] != pytest.approx(200e-6, rel=1e-2)


# -- a test that goes on -------------------------------------------------------------------------


def test_data_come_while_it_runs_and_an_abort_is_exact(rig):
    pulse_train(rig, 100_000, measured=False)
    rig.do(":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE")
    start = rig.clock.now_s
    rig.clock.advance(0.1)
    assert rig.ask(":PMU:TEST:STATUS?") == "1"
    assert rig.ask("SP") == "16"
    assert rig.refused(":PMU:EXECUTE") == errors.RUNNING
    assert rig.refused(":PMU:LOAD 1, 100") == errors.RUNNING
    rig.do(":PMU:ABORT")
    assert rig.ask(":PMU:TEST:STATUS?") == "0"
    played = (rig.clock.now_s - start) / 2.04e-6
    assert rig.tally.positive == pytest.approx(played, abs=1.5)
    assert not rig.instrument.channel_state("pmu1")["output"]
    before = rig.tally.throughput
    rig.clock.advance(1.0)
    assert rig.tally.throughput == before


def test_an_abort_keeps_the_readings_so_far(rig):
    pulse_train(rig, 20_000, measured=True)
    rig.do(":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE")
    rig.clock.advance(5e-3)
    count = int(rig.ask(":PMU:DATA:COUNT? 1"))
    assert count == pytest.approx(5e-3 / 2.04e-6, abs=1.5)
    rig.do(":PMU:ABORT")
    assert int(rig.ask(":PMU:DATA:COUNT? 1")) == count
    assert rig.tally.positive == pytest.approx(count, abs=1.5)


def test_switching_an_output_off_ends_a_test(rig):
    pulse_train(rig, 100_000, measured=False)
    rig.do(":PMU:OUTPUT:STATE 1, 1", ":PMU:EXECUTE")
    rig.clock.advance(1e-3)
    rig.do(":PMU:OUTPUT:STATE 1, 0")
    assert rig.ask(":PMU:TEST:STATUS?") == "0"


def test_settings_outlive_a_test_only_when_they_are_retained(rig):
    pulse_train(rig, 2, measured=True)
    rig.run()
    assert rig.refused(":PMU:EXECUTE") == errors.NO_SEQUENCE
    pulse_train(rig, 2, measured=True)
    rig.do(":PMU:RETAIN:CONFIG 1, 1")
    rig.run()
    rig.do(":PMU:EXECUTE")
    rig.finish()
    assert rig.tally.positive == 6
    assert len(rig.points()) == 2


# -- meters --------------------------------------------------------------------------------------


def test_a_current_beyond_the_range_is_shown_at_its_edge_and_is_not_limited(rig):
    ready(rig, full_scale=1e-5)
    rig.segments([1e-7, 1e-4], [0, -1, -1], kinds=[0, 1], windows=[(0, 0), (5e-5, 9e-5)])
    before = rig.tally.charge
    rig.run()
    ((v, i, _),) = rig.numbers()
    assert v == pytest.approx(-SEEN, rel=1e-5)
    assert i == pytest.approx(-1.02e-5)
    assert rig.points()[0][3] == "01010421"  # negative current overflow, 10 uA
    assert rig.tally.charge - before == pytest.approx(-SEEN * G * 1.0005e-4, rel=1e-3)


def test_a_low_range_follows_slowly_and_is_noisy():
    rig = Rig4200(noise={**QUIET, "instrument": True, "read": False})
    ready(rig, full_scale=1e-4)
    rig.do(":PMU:SAMPLE:RATE 1e7")
    rig.segments([1e-7, 5e-6], [0, 0.5, 0.5], kinds=[0, 2], windows=[(0, 0), (0, 5e-6)])
    rig.run()
    currents = [i for _, i, _ in rig.numbers()]
    assert len(set(currents)) > 40
    settled = currents[-20:]
    # 0.5 % and 100 nA on 100 uA; noise 50 nA
    assert settled == pytest.approx([0.5 * SEEN * G] * 20, abs=0.5 * G * 5e-3 + 100e-9 + 250e-9)


def test_the_edge_charges_the_cable():
    rig = Rig4200(noise={**QUIET, "instrument": True, "read": False})
    ready(rig, full_scale=1e-2)
    rig.do(":PMU:SAMPLE:RATE 1e8")
    rig.segments([1e-6, 1e-6], [0, 1, 1], kinds=[2, 2], windows=[(0, 1e-6)] * 2)
    rig.run()
    rows = rig.numbers()
    rising, flat = rows[80], rows[180]
    assert rising[1] - rising[0] * G == pytest.approx(130e-12 / 1e-6, abs=2e-5 + 4e-6)
    assert flat[1] == pytest.approx(SEEN * G, abs=2e-5)


# -- standard pulses -----------------------------------------------------------------------------


def standard(rig: Rig4200, *messages: str) -> None:
    ready(rig, 0)
    rig.do(
        ":PMU:PULSE:TRAIN 1, 0.2, 1", ":PMU:PULSE:TIMES 1, 1e-5, 5e-6, 1e-7, 1e-7, 1e-6", *messages
    )
    rig.run()


def test_spot_means_of_top_and_base(rig):
    standard(rig, ":PMU:PULSE:BURST:COUNT 3")
    rows = rig.points()
    assert len(rows) == 3
    assert [len(row) for row in rows] == [8] * 3
    vh, ih, th, _, vl, il, tl, _ = map(float, rows[1])
    assert (vh, vl) == pytest.approx((SEEN, 0.2 * SEEN), rel=1e-4)
    assert (ih, il) == pytest.approx((SEEN * G, 0.2 * SEEN * G), rel=1e-4)
    # the top lasts 4.9 us from 1.1 us on, the mean is taken over 75 to 90 % of it
    assert th == pytest.approx(1e-5 + 1.1e-6 + 0.825 * 4.9e-6, abs=1e-8)
    assert tl == pytest.approx(1e-5 + 6.1e-6 + 0.825 * 3.9e-6, abs=1e-8)


def test_fields_are_chosen_and_low_is_left_out(rig):
    standard(rig, ":PMU:MEASURE:PIV 1, 1, 0", ":PMU:TIMES:PIV 1, 0.1, 0.2")
    ((_, _, t, status),) = rig.points()
    assert float(t) == pytest.approx(1.1e-6 + 0.15 * 4.9e-6, abs=1e-8)
    assert len(status) == 8
    assert rig.ask(":PMU:DATA:GET 1, 0, 1, IH, VH").count(",") == 1
    assert rig.refused(":PMU:DATA:GET 1, 0, 1, VL") == errors.OUT_OF_RANGE


def test_the_width_is_that_at_half_maximum(rig):
    standard(rig, ":PMU:MEASURE:MODE 2", ":PMU:SAMPLE:RATE 2e8", ":PMU:PULSE:TRAIN 1, 0, 1")
    rows = rig.numbers()
    above = [t for v, _, t in rows if v > SEEN / 2]
    assert above[-1] - above[0] == pytest.approx(5e-6, abs=1e-8)
    assert above[0] == pytest.approx(1.05e-6, abs=1e-8)


def test_a_sweep_and_a_step():
    rig = Rig4200({"top": "pmu1", "bottom": "pmu2"})
    ready(rig, 0)
    ready(rig, 0, channel=2)
    rig.do(
        ":PMU:MEASURE:PIV 1, 1, 0",
        ":PMU:SWEEP:PULSE:AMPLITUDE 1, 0.5, 1, 0.25, 0, 1",
        ":PMU:STEP:DC 2, 0, 0.5, 0.5",
        ":PMU:PULSE:TIMES 1, 1e-5, 5e-6, 1e-7, 1e-7",
    )
    rig.run(1, 2)
    volts = [0.5, 0.75, 1, 1, 0.75, 0.5]
    factor = (1 + 50 / 1e6) / (1 + 100 * G) * G
    expected = [v * factor for v in volts] + [(v - 0.5) * factor for v in volts]
    currents = [float(row[1]) for row in rig.points()]
    assert currents == pytest.approx(expected, rel=1e-3, abs=1e-9)


def test_load_line_compensation_takes_pulses_first(rig):
    standard(rig, ":PMU:LLEC:CONFIGURE 1, 1", ":PMU:MEASURE:PIV 1, 1, 0")
    ((v, _, _, status),) = rig.points()
    assert float(v) == pytest.approx(1.0, rel=1e-5)
    assert status == "31010041"
    assert rig.tally.positive == 4


def test_autorange_finds_a_range(rig):
    standard(rig, ":PMU:MEASURE:RANGE 1, 0", ":PMU:MEASURE:PIV 1, 1, 0")
    assert rig.points()[0][3] == "01010031"


# -- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        ([":PMU:SARB:SEQ:TIME 1, 1, 1e-6, 1e-6"], errors.LENGTHS),
        ([":PMU:SARB:SEQ:TIME 1, 1, 2"], errors.OUT_OF_RANGE),
        ([":PMU:SARB:SEQ:TIME 1, 1, 1e-8"], errors.OUT_OF_RANGE),
        ([":PMU:SARB:SEQ:STOPV 1, 1, 11"], errors.LEVEL),
        ([":PMU:SARB:SEQ:STARTV 1, 1, 0.5", ":PMU:SARB:WFM:SEQ:LIST 1, 1, 2"], errors.NOT_SEAMLESS),
        ([":PMU:SARB:SEQ:MEAS:STOP 1, 1, 1e-6"], errors.WINDOW_WITHOUT_MEASURE),
        ([":PMU:SARB:SEQ:MEAS:TYPE 1, 1, 1"], errors.WINDOW),
        ([":PMU:SARB:WFM:SEQ:LIST 1, 2, 1"], errors.NO_SEQUENCE),
        ([":PMU:SARB:WFM:SEQ:LIST 1, 1"], errors.MISSING),
        ([":PMU:SARB:WFM:SEQ:LIST 1, 513, 1"], errors.OUT_OF_RANGE),
        ([":PMU:SARB:SEQ:SSR 1, 1, 0"], errors.RELAY_TIME),
        ([":PMU:MEASURE:RANGE 1, 0"], errors.FIXED_RANGE),
        ([":PMU:MEASURE:RANGE 1, 2, 0.05"], errors.NO_RANGE),
        ([":PMU:MEASURE:RANGE 1, 2"], errors.MISSING),
        ([":PMU:SOURCE:RANGE 1, 40"], errors.NO_RANGE),
        ([":PMU:RPM:CONFIGURE PMU1-1, 2"], errors.NOT_CONNECTED),
        ([":PMU:OUTPUT:STATE 1, 0"], errors.NOT_READY),
        ([":PMU:PULSE:TRAIN 1, 0, 1"], errors.NOT_READY),
        ([":PMU:OUTPUT:STATE 3, 1"], errors.OUT_OF_RANGE),
        ([":PMU:LOAD 1, 0.5"], errors.OUT_OF_RANGE),
        ([":PMU:SAMPLE:RATE 3e8"], errors.OUT_OF_RANGE),
        ([":PMU:SARB:SEQ:MEAS:TYPE 1, 1, 1", ":PMU:SARB:SEQ:MEAS:STOP 1, 1, 1e-6",
          ":PMU:SARB:WFM:SEQ:LIST 1, 1, 70000"], errors.TOO_MANY_POINTS),
    ],
)  # fmt: skip
def test_what_a_segment_test_cannot_be_is_refused_and_nothing_is_played(rig, messages, code):
    ready(rig)
    rig.segments([1e-6], [0, 0])
    rig.do(":PMU:OUTPUT:STATE 1, 1")
    rig.send(*messages)
    if not rig.error():
        rig.send(":PMU:EXECUTE")
    assert rig.error() == code
    assert rig.ask(":PMU:TEST:STATUS?") == "0"
    assert rig.tally.throughput == 0


@pytest.mark.parametrize(
    ("message", "code"),
    [
        (":PMU:PULSE:TIMES 1, 5e-8, 4e-8, 2e-8, 2e-8", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 1e-6, 3e-8, 2e-8, 2e-8", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 1e-6, 1e-6, 2e-8, 2e-8", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 1e-6, 1e-7, 1e-8, 2e-8", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 1e-6, 1e-7, 2e-7, 2e-7", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 1e-6, 5e-7, 2e-8, 2e-8, 1e-8", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 1e-6, 5e-7, 2e-8, 2e-8, 4.5e-7", errors.PULSE_TIMES),
        (":PMU:PULSE:TIMES 1, 2, 5e-7, 2e-8, 2e-8", errors.OUT_OF_RANGE),
        (":PMU:MEASURE:PIV 1, 0, 0", errors.NOTHING_ACQUIRED),
        (":PMU:TIMES:PIV 1, 0.9, 0.7", errors.WINDOW),
        (":PMU:PULSE:BURST:COUNT 10001", errors.OUT_OF_RANGE),
        (":PMU:STEP:DC 1, 0, 1, 0.1", errors.NO_SWEEP),
        (":PMU:SWEEP:DC 1, 0, 1, 0, 0", errors.OUT_OF_RANGE),
        (":PMU:PULSE:TRAIN 1, 0, 12", errors.LEVEL),
        (":PMU:SARB:WFM:SEQ:LIST 1, 1, 1", errors.NOT_READY),
    ],
)
def test_what_pulses_cannot_be_is_refused(rig, message, code):
    ready(rig, 0)
    rig.do(":PMU:OUTPUT:STATE 1, 1")
    rig.send(message)
    if not rig.error():
        rig.send(":PMU:EXECUTE")
    assert rig.error() == code
    assert rig.ask(":PMU:TEST:STATUS?") == "0"


def test_a_card_without_modules_has_its_own_ranges():
    rig = Rig4200(options={"rpm": False})
    rig.do(":PMU:INIT 1")
    assert rig.refused(":PMU:RPM:CONFIGURE PMU1-1, 0") == errors.OUT_OF_RANGE
    rig.do(":PMU:MEASURE:RANGE 1, 2, 0.01")
    rig.segments([1e-6], [1, 1], kinds=[1], windows=[(5e-7, 9e-7)])
    rig.run()
    assert rig.points()[0][3] == "00010051"
    rig.do(":PMU:INIT 1", ":PMU:MEASURE:RANGE 1, 2, 1e-3")
    rig.segments([1e-6], [1, 1])
    rig.do(":PMU:OUTPUT:STATE 1, 1")
    assert rig.refused(":PMU:EXECUTE") == errors.NO_RANGE


def test_forty_volts(rig):
    ready(rig, full_scale=1e-2)
    rig.do(":PMU:SOURCE:RANGE 1, 40")
    rig.segments([1e-6, 1e-5], [0, 30, 30], kinds=[0, 1], windows=[(0, 0), (5e-6, 9e-6)])
    rig.run()
    ((v, _, _),) = rig.numbers()
    assert v == pytest.approx(30 * SEEN, rel=1e-4)
    assert rig.points()[0][3] == "01010055"
