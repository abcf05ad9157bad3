"""The trigger model of the virtual 2450 family: blocks, templates, sweeps, timers, lines."""

from __future__ import annotations

import pytest

from tests.sim_backend.rig2450 import Rig2450


@pytest.fixture
def rig() -> Rig2450:
    made = Rig2450()
    made.send("SENS:NPLC 0.1;:SENS:AZER OFF;:SENS:CURR:RANG 1e-3;:SOUR:VOLT:ILIM 1e-3")
    return made


# -- programs from the manual ---------------------------------------------------------------------


def test_counters_nest(rig: Rig2450) -> None:
    rig.program(
        """
        TRIG:LOAD "EMPTY"
        TRIG:BLOC:BUFF:CLEAR 1
        TRIG:BLOC:MEAS 2
        TRIG:BLOC:BRAN:COUN 3, 5, 2
        TRIG:BLOC:DEL:CONS 4, 1
        TRIG:BLOC:BRAN:COUN 5, 3, 2
        """
    )
    assert rig.ask("TRIG:STAT?") == "BUILDING;BUILDING;0"
    assert rig.ask("TRIG:BLOC:LIST?") == (
        "1) BUFFER_CLEAR BUFFER: defbuffer1\n2) MEASURE BUFFER: defbuffer1 COUNT: 1\n"
        "3) BRANCH_COUNTER VALUE: 5 BRANCH_BLOCK: 2\n4) DELAY_CONSTANT DELAY: 1.000000000\n"
        "5) BRANCH_COUNTER VALUE: 3 BRANCH_BLOCK: 2"
    )
    rig.send("INIT")
    assert rig.ask("TRIG:STAT?").startswith("RUNNING;RUNNING;")
    rig.clock.advance(1.1)
    assert rig.ask("TRIG:BLOC:BRAN:COUN:COUN? 5") == "1"
    rig.send("*WAI")
    assert rig.send("TRAC:ACT?", "TRIG:STAT?") == ["15", "IDLE;IDLE;5"]
    assert rig.clock.now_s == pytest.approx(3.0 + 15 * 4.3e-3, rel=0.02)
    assert rig.codes() == []


def test_a_timer_paces_readings(rig: Rig2450) -> None:
    rig.program(
        """
        TRIG:TIM4:DEL 0.5
        TRIG:TIM4:STAR:STIM NOT8
        TRIG:TIM4:STAR:GEN OFF
        TRIG:TIM4:COUN 20
        TRIG:TIM4:STAT ON
        TRIG:LOAD "Empty"
        TRIG:BLOC:BUFF:CLEAR 1, "defbuffer1"
        TRIG:BLOC:NOT 2, 8
        TRIG:BLOC:WAIT 3, TIM4
        TRIG:BLOC:MEAS 4, "defbuffer1"
        TRIG:BLOC:BRAN:COUN 5, 20, 3
        INIT
        *WAI
        """
    )
    assert rig.ask("TRAC:ACT?") == "20"
    times = rig.values('TRAC:DATA? 1, 20, "defbuffer1", REL')
    assert times[1:] == pytest.approx([0.5 * k for k in range(1, 20)], abs=1e-5)


def test_configuration_lists_make_pulses(rig: Rig2450) -> None:
    rig.program(
        """
        SOUR:CONF:LIST:CRE "ampLevel"
        SOUR:CONF:LIST:CRE "biasLevel"
        SOUR:VOLT:LEV 5;:SOUR:VOLT:DEL 0
        SOUR:CONF:LIST:STORE "ampLevel"
        SOUR:VOLT:LEV 0
        SOUR:CONF:LIST:STORE "biasLevel"
        TRIG:BLOC:SOUR:STATE 1, ON
        TRIG:BLOCK:CONF:RECALL 2, "ampLevel", 1
        TRIG:BLOC:DEL:CONS 3, 0.1
        TRIG:BLOCK:MEAS 4
        TRIG:BLOCK:CONF:RECALL 5, "biasLevel", 1
        TRIG:BLOCK:DEL:CONS 6, 0.2
        TRIG:BLOCK:BRAN:COUN 7,19,2
        INIT;*WAI
        """
    )
    assert rig.ask("TRAC:ACT?") == "19"
    levels = rig.front.levels()
    highs = [t for t, level in levels if level == 5.0]
    lows = [t for t, level in levels if level == 0.0][1:]
    assert len(highs) == 19
    for high, low in zip(highs, lows, strict=False):
        assert low - high == pytest.approx(0.1 + 2 * 2.152e-3 + 265e-6, abs=20e-6)
    assert rig.codes() == []


def test_user_delays(rig: Rig2450) -> None:
    rig.program(
        """
        SOUR:VOLT:DEL:USER1 5
        SENS:CURR:DEL:USER2 2
        TRIG:BLOC:SOUR:STAT 1, ON
        TRIG:BLOC:DEL:DYN 2, SOUR1
        TRIG:BLOC:DEL:DYN 3, MEAS2
        TRIG:BLOC:SOUR:STAT 4, OFF
        INIT;*WAI
        """
    )
    assert rig.clock.now_s == pytest.approx(7.0, abs=0.01)
    assert rig.ask("OUTP?") == "0"
    assert rig.ask("SOUR:VOLT:DEL:USER1?;:SENS:CURR:DEL:USER2?") == "5.000000E+00;2.000000E+00"


# -- branches -------------------------------------------------------------------------------------


def run(rig: Rig2450, *blocks: str) -> list[str]:
    """Run blocks between marks in the log; returns the marks that were met."""
    rig.send("*CLS", 'TRIG:LOAD "Empty"', *blocks, "INIT;*WAI")
    found = []
    while not (row := rig.ask("SYST:EVEN:NEXT?")).startswith("0,"):
        found.append(row.split('"')[1].split(";")[0])
    return [text for text in found if text in ("yes", "no", "again")]


YES, NO = 'TRIG:BLOC:LOG:EVEN {}, INFO1, "yes"', 'TRIG:BLOC:LOG:EVEN {}, WARN2, "no"'


@pytest.mark.parametrize(
    ("branch", "met"),
    [
        ("LIM:CONS 2, ABOV, 0, 5e-5, 4", True),
        ("LIM:CONS 2, ABOV, 0, 5e-4, 4", False),
        ("LIM:CONS 2, BEL, 5e-4, 0, 4", True),
        ("LIM:CONS 2, IN, 2e-4, 5e-5, 4", True),
        ("LIM:CONS 2, OUT, 5e-5, 2e-4, 4, 1", False),
        ("LIM:DYN 2, IN, 1, 4", True),
        ("LIM:DYN 2, OUT, 2, 4", True),
        ("ALW 2, 4", True),
        ("ONCE 2, 4", True),
        ("ONCE:EXCL 2, 4", False),
        ("DELT 2, 1e-6, 4", False),  # one reading has no difference yet
    ],
)
def test_branches(rig: Rig2450, branch: str, met: bool) -> None:
    rig.send("SOUR:VOLT 1;:OUTP ON", "CALC2:CURR:LIM2:LOW 1;UPP 2")
    blocks = ["TRIG:BLOC:MEAS 1", f"TRIG:BLOC:BRAN:{branch}", NO.format(3), YES.format(4)]
    assert run(rig, *blocks) == (["yes"] if met else ["no", "yes"])
    assert rig.codes() == []


def test_a_delta_branch_ends_when_readings_agree(rig: Rig2450) -> None:
    rig.send("SOUR:VOLT 1;:OUTP ON")
    rig.send('TRIG:LOAD "Empty"', "TRIG:BLOC:MEAS 1", "TRIG:BLOC:BRAN:DELT 2, 1e-6, 4")
    rig.send("TRIG:BLOC:BRAN:ALW 3, 1", "TRIG:BLOC:NOP 4", "INIT")
    rig.clock.advance(1.0)
    assert rig.ask("TRIG:STAT?;:TRAC:ACT?") == "IDLE;IDLE;4;2"


def test_a_counter_is_reset(rig: Rig2450) -> None:
    rig.program(
        """
        TRIG:BLOC:MEAS 1
        TRIG:BLOC:BRAN:COUN 2, 3, 1
        TRIG:BLOC:BRAN:ONCE:EXCL 3, 6
        TRIG:BLOC:BRAN:COUN:RES 4, 2
        TRIG:BLOC:BRAN:COUN 5, 2, 1
        TRIG:BLOC:NOP 6
        INIT;*WAI
        """
    )
    assert rig.ask("TRAC:ACT?") == "6"
    rig.send("TRIG:BLOC:BRAN:COUN:COUN? 1")
    assert rig.codes() == [-222]


def test_log_blocks_and_abort(rig: Rig2450) -> None:
    rig.send("*CLS", 'TRIG:BLOC:LOG:EVEN 1, ERR3, "oh"', 'TRIG:BLOC:LOG:EVEN 2, ABOR, "enough"')
    rig.send("TRIG:BLOC:MEAS 3", "INIT;*WAI")
    assert rig.ask("TRIG:STAT?;:TRAC:ACT?") == "ABORTED;ABORTED;2;0"
    assert rig.ask("SYST:ERR?").startswith('2744,"oh;1;')


# -- waiting --------------------------------------------------------------------------------------


def test_a_wait_block_waits_for_the_bus(rig: Rig2450) -> None:
    rig.send("TRIG:BLOC:WAIT 1, COMM", "TRIG:BLOC:MEAS 2", "INIT")
    rig.clock.advance(10.0)
    assert rig.ask("TRIG:STAT?;:TRAC:ACT?") == "WAITING;WAITING;1;0"
    rig.send("*TRG", "*WAI")
    assert rig.ask("TRIG:STAT?;:TRAC:ACT?") == "IDLE;IDLE;2;1"


def test_an_event_before_the_block_counts_unless_it_is_cleared(rig: Rig2450) -> None:
    rig.send("TRIG:BLOC:DEL:CONS 1, 1", "TRIG:BLOC:WAIT 2, DISP, NEV", "TRIG:BLOC:MEAS 3", "INIT")
    rig.smu.press_trigger()
    rig.send("*WAI")
    assert rig.ask("TRAC:ACT?") == "1"
    rig.send("TRIG:BLOC:WAIT 2, DISP, ENT", "INIT")
    rig.smu.press_trigger()
    rig.clock.advance(5.0)
    assert rig.ask("TRIG:STAT?") == "WAITING;WAITING;2"
    rig.smu.press_trigger()
    rig.clock.advance(1.0)
    assert rig.ask("TRAC:ACT?") == "2"


@pytest.mark.parametrize(("logic", "enough"), [("OR", 1), ("AND", 2)])
def test_events_are_combined(rig: Rig2450, logic: str, enough: int) -> None:
    rig.send(f"TRIG:BLOC:WAIT 1, DISP, NEV, {logic}, COMM", "TRIG:BLOC:NOP 2", "INIT")
    rig.smu.press_trigger()
    assert rig.smu.unit.busy is (enough == 2)
    rig.send("*TRG")
    assert not rig.smu.unit.busy


def test_waiting_for_nothing_is_refused(rig: Rig2450) -> None:
    rig.send("TRIG:BLOC:WAIT 1, NONE", "INIT", 'TRIG:LOAD "Empty"', "INIT")
    rig.send("TRIG:BLOC:WAIT 1, DIG9", "TRIG:BLOC:NOP 64", "TRIG:BLOC:BRAN:ALW 1")
    assert rig.codes() == [-221, -221, -224, -222, -109]


def test_a_program_waits_in_vain_and_is_aborted(rig: Rig2450) -> None:
    rig.send("TRIG:BLOC:WAIT 1, COMM", "INIT;*WAI", "SOUR:VOLT 1")
    assert rig.send("*IDN?") == []  # the unit waits
    assert len(rig.send("ABOR")) == 1
    assert rig.ask("TRIG:STAT?") == "ABORTED;ABORTED;1"
    assert rig.values("SOUR:VOLT?") == [1.0]


def test_a_blender_combines_lines(rig: Rig2450) -> None:
    rig.program(
        """
        DIG:LINE3:MODE TRIG, IN
        DIG:LINE5:MODE TRIG, IN
        TRIG:BLEN1:MODE OR
        TRIG:BLEN1:STIM1 DIG3
        TRIG:BLEN1:STIM2 DIG5
        TRIG:BLOC:WAIT 1, BLEN1
        TRIG:BLOC:MEAS 2
        INIT
        """
    )
    port = rig.smu.unit.port
    port.drive(5, False)
    rig.clock.advance(1.0)
    assert rig.ask("TRIG:STAT?") == "IDLE;IDLE;2"
    assert rig.send("TRIG:BLEN1:MODE?;:TRIG:BLEN1:STIM2?;:DIG:LINE5:MODE?") == ["OR;DIG5;TRIG,IN"]
    rig.send("TRIG:DIG3:IN:EDGE RIS", "TRIG:BLEN1:MODE AND", "INIT")
    port.drive(5, True)
    port.drive(5, False)
    port.drive(3, False)
    assert rig.smu.unit.busy
    port.drive(3, True)
    rig.clock.advance(1.0)
    assert not rig.smu.unit.busy
    rig.send("TRIG:BLEN1:CLE")
    assert rig.send("TRIG:BLEN1:MODE?;:TRIG:BLEN1:STIM1?") == ["AND;NONE"]


# -- lines ----------------------------------------------------------------------------------------


def test_digital_lines(rig: Rig2450) -> None:
    assert rig.ask("DIG:READ?") == "63"  # inputs float high
    rig.send(*[f"DIG:LINE{n}:MODE DIG,OUT" for n in (3, 4, 5, 6)])
    rig.send("TRIG:BLOC:DIG:IO 1, 20, 60", "INIT;*WAI")
    assert rig.ask("DIG:READ?;:DIG:LINE4:STAT?;:DIG:LINE5:STAT?") == "23;0;1"
    rig.send("DIG:WRIT 63", "DIG:LINE5:STAT 0")
    assert rig.ask("DIG:READ?") == "47"
    rig.send(
        "DIG:LINE1:STAT 0", "DIG:LINE1:MODE SYNC, OUT", "DIG:LINE1:MODE TRIG, OUT", "DIG:READ?"
    )
    assert rig.codes() == [-221, -221, -221]


def test_a_line_is_pulsed_by_an_event(rig: Rig2450) -> None:
    rig.program(
        """
        DIG:LINE1:MODE TRIG, OUT
        TRIG:DIG1:OUT:STIM NOT2
        TRIG:DIG1:OUT:PULS 1e-3
        TRIG:BLOC:NOT 1, 2
        INIT;*WAI
        """
    )
    port = rig.smu.unit.port
    assert [n for _, n in port.pulses] == [1]
    assert not port.state(1)  # negative logic
    rig.clock.advance(2e-3)
    assert port.state(1)


def test_lan_triggers_are_state_only(rig: Rig2450) -> None:
    rig.send("TRIG:LAN1:OUT:PROT MULT", 'TRIG:LAN1:OUT:IP:ADDR "192.0.32.10"')
    rig.send("TRIG:LAN1:OUT:STIM COMM", "TRIG:LAN1:OUT:CONN:STAT ON", "*TRG")
    assert rig.ask("TRIG:LAN1:OUT:PROT?;:TRIG:LAN1:OUT:IP:ADDR?") == 'MULT;"192.0.32.10"'
    assert len(rig.smu.unit.lan[1].sent) == 1
    rig.send("TRIG:BLOC:WAIT 1, LAN2", "INIT")
    rig.smu.unit.lan[2].receive()
    assert rig.ask("TRIG:STAT?") == "IDLE;IDLE;1"
    rig.send('TRIG:LAN1:OUT:IP:ADDR "1.2.3.4.5"', "TRIG:LAN9:IN:CLE")
    assert rig.codes() == [-224, -114]


# -- timers ---------------------------------------------------------------------------------------


def test_a_timer_starts_at_its_alarm(rig: Rig2450) -> None:
    zero = int(rig.ask("SYST:TIME?"))
    rig.send(f"TRIG:TIM1:STAR:SEC {zero + 60}", "TRIG:TIM1:STAR:FRAC 0.5", "TRIG:TIM1:DEL 1")
    rig.send("TRIG:TIM1:STAT ON", "TRIG:BLOC:WAIT 1, TIM1", "TRIG:BLOC:MEAS 2", "INIT;*WAI")
    assert rig.clock.now_s == pytest.approx(61.5, abs=0.02)


def test_a_timer_may_also_generate_at_its_start_and_counts_overruns(rig: Rig2450) -> None:
    rig.send("TRIG:TIM2:DEL 1;COUN 2;STAR:STIM COMM;GEN ON", "TRIG:TIM2:STAT ON")
    rig.send("TRIG:BLOC:WAIT 1, TIM2", "TRIG:BLOC:BRAN:COUN 2, 3, 1", "INIT", "*TRG", "*WAI")
    assert rig.clock.now_s == pytest.approx(2.0, abs=1e-3)
    rig.send("*TRG", "*TRG")
    assert rig.ask("TRIG:TIM2:STAR:OVER?") == "1"
    rig.send("TRIG:TIM2:CLE")
    assert rig.ask("TRIG:TIM2:STAR:OVER?;:TRIG:TIM2:STAT?;COUN?") == "0;1;2"


# -- templates ------------------------------------------------------------------------------------


def test_simple_loop(rig: Rig2450) -> None:
    rig.send('TRAC:MAKE "buf100", 100', 'TRIG:LOAD "SimpleLoop", 5, 0.1, "buf100"')
    rig.send("SOUR:VOLT 0.35;:OUTP ON", "INIT", "*WAI")
    values = rig.values('TRAC:DATA? 1, 5, "buf100", READ, SOUR, REL')
    assert values[:2] == pytest.approx([3.5e-5, 0.35])
    assert values[5] > 0.1
    rig.send('TRIG:LOAD "SimpleLoop"', 'TRIG:LOAD "Nothing"', 'TRIG:LOAD "SimpleLoop",1,0,"x"')
    assert rig.codes() == [-109, -224, 1115]


def test_duration_loop(rig: Rig2450) -> None:
    rig.send('TRIG:LOAD "DurationLoop", 1, 0.01', "OUTP ON", "INIT;*WAI")
    assert rig.clock.now_s == pytest.approx(1.0, abs=0.02)
    assert int(rig.ask("TRAC:ACT?")) == pytest.approx(1.0 / 14.3e-3, abs=2)


def test_configuration_list_template(rig: Rig2450) -> None:
    rig.program(
        """
        SOUR:CONF:LIST:CRE "S"
        SENS:CONF:LIST:CRE "M"
        SOUR:VOLT 1
        SOUR:CONF:LIST:STORE "S"
        SENS:CURR:RANG 1e-3
        SENS:CONF:LIST:STOR "M"
        SOUR:VOLT 5
        SOUR:CONF:LIST:STORE "S"
        SENS:CURR:RANG 10e-3
        SENS:CONF:LIST:STOR "M"
        TRIG:LOAD "ConfigList", "M", "S", 0.001
        INIT;*WAI
        """
    )
    assert rig.values('TRAC:DATA? 1, 2, "defbuffer1", READ') == pytest.approx([1e-4, 5e-4])
    assert rig.values("SENS:CURR:RANG?") == [1e-2]
    assert rig.ask("OUTP?") == "0"


def test_logic_trigger(rig: Rig2450) -> None:
    rig.send('TRIG:LOAD "LogicTrigger", 1, 2, 3, ENT, 0.001, "defbuffer1"', "INIT")
    port = rig.smu.unit.port
    for _ in range(3):
        port.drive(1, False)
        port.drive(1, True)
        rig.clock.advance(0.5)
    assert rig.ask("TRAC:ACT?;:TRIG:STAT?") == "3;IDLE;IDLE;6"
    assert [n for _, n in port.pulses] == [2, 2, 2]


def test_loop_until_event(rig: Rig2450) -> None:
    rig.send('TRAC:MAKE "b", 20', 'TRAC:FILL:MODE CONT, "b"')
    rig.send('TRIG:LOAD "LoopUntilEvent", COMM, 75, 0.01, "b"', "OUTP ON", "INIT")
    rig.clock.advance(1.0)
    assert rig.smu.unit.busy
    rig.send("*TRG")
    before = rig.smu.unit.meter.taken
    rig.clock.advance(2.0)
    assert not rig.smu.unit.busy
    assert rig.smu.unit.meter.taken - before in (5, 6)


@pytest.mark.parametrize(
    ("template", "voltage", "shown"),
    [
        ("GradeBinning", 1.0, 15), ("GradeBinning", 3.0, 1), ("GradeBinning", 1.8, 2),
        ("SortBinning", 1.0, 1), ("SortBinning", 1.8, 1), ("SortBinning", 3.0, 2),
        ("SortBinning", 9.0, 12),
    ],
)  # fmt: skip
def test_binning(rig: Rig2450, template: str, voltage: float, shown: int) -> None:
    second = "1.5e-4, 0, 2" if template == "GradeBinning" else "5e-4, 2e-4, 2"
    rest = "15" if template == "GradeBinning" else "12"
    rig.send(f"SOUR:VOLT {voltage};:OUTP ON")
    rig.send(f'TRIG:LOAD "{template}", 2, 5, 1e-3, 1e-3, 2e-4, 0, 1, {rest}, {second}', "INIT")
    port = rig.smu.unit.port
    for _ in range(2):
        rig.clock.advance(0.5)
        port.drive(5, False)
        port.drive(5, True)
        rig.clock.advance(20e-3)
        assert sum(port.state(n) << (n - 1) for n in range(1, 5)) == shown
    rig.clock.advance(0.5)
    assert rig.ask("TRAC:ACT?;:TRIG:STAT?").startswith("2;IDLE")
    assert rig.codes() == []


# -- running --------------------------------------------------------------------------------------


def test_other_commands_are_executed_while_it_runs(rig: Rig2450) -> None:
    rig.send('TRIG:LOAD "SimpleLoop", 100, 0.1', "OUTP ON", "INIT", "SOUR:VOLT 2")
    assert rig.values("SOUR:VOLT?") == [2.0]
    rig.send("READ?", "INIT", "TRIG:BLOC:NOP 1")
    assert rig.codes() == [-213, -213, -213]
    rig.clock.advance(1.0)
    assert rig.values("FETC?") == [pytest.approx(2e-4)]
    rig.send("ABOR")
    assert rig.ask("TRIG:STAT?").startswith("ABORTED")
    assert rig.ask("OUTP?") == "1"


def test_operation_complete_waits_for_the_model(rig: Rig2450) -> None:
    rig.send("*CLS", 'TRIG:LOAD "SimpleLoop", 10, 0.1', "INIT;*OPC")
    assert rig.ask("*ESR?") == "0"
    rig.clock.advance(5.0)
    assert rig.ask("*ESR?") == "1"
    rig.send("INIT")
    assert rig.ask("*OPC?") == "1"
    assert not rig.smu.unit.busy


def test_it_pauses_and_goes_on(rig: Rig2450) -> None:
    rig.send('TRIG:LOAD "SimpleLoop", 10, 0.1', "INIT")
    rig.clock.advance(0.5)
    rig.send("TRIG:PAUS")
    taken = rig.ask("TRAC:ACT?")
    rig.clock.advance(5.0)
    assert rig.ask("TRIG:STAT?;:TRAC:ACT?").startswith("PAUSED;PAUSED;")
    assert abs(int(rig.ask("TRAC:ACT?")) - int(taken)) <= 1
    rig.send("TRIG:RES", "*WAI")
    assert rig.ask("TRAC:ACT?") == "10"


def test_readings_in_the_background(rig: Rig2450) -> None:
    rig.send("TRIG:BLOC:MEAS 1, 'defbuffer1', INF", "TRIG:BLOC:DEL:CONS 2, 1", "INIT;*WAI")
    assert int(rig.ask("TRAC:ACT?")) == pytest.approx(1.0 / 4.3e-3, abs=250)
    assert "COUNT: INFINITE" in rig.ask("TRIG:BLOC:LIST?")
    taken = rig.ask("TRAC:ACT?")
    rig.clock.advance(1.0)
    assert rig.ask("TRAC:ACT?") == taken


def test_a_model_that_only_goes_round_does_not_hold_up_the_laboratory(rig: Rig2450) -> None:
    rig.send("TRIG:BLOC:BRAN:ALW 1, 1", "INIT", "*OPC")
    rig.clock.advance(10.0)
    assert rig.smu.unit.busy
    rig.send("*WAI")  # parked: it may go on for ever
    rig.send("ABOR")
    assert not rig.smu.unit.busy


def test_a_model_that_fails_says_so(rig: Rig2450) -> None:
    rig.smu.set_interlock(False)
    rig.send("SOUR:VOLT 100", "TRIG:BLOC:SOUR:STAT 1, ON", "INIT")
    assert rig.ask("TRIG:STAT?") == "FAILED;FAILED;1"
    assert rig.codes() == [5074]


# -- sweeps ---------------------------------------------------------------------------------------


def test_a_linear_sweep(rig: Rig2450) -> None:
    rig.send("SENS:CURR:RANG 1e-3", "SOUR:SWE:VOLT:LIN 0, 10, 21, 1e-3, 1, FIXED")
    assert rig.codes() == []
    rig.send("SOUR:VOLT:RANG 20", "SOUR:SWE:VOLT:LIN 0, 10, 21, 1e-3, 1, FIXED", "INIT", "*WAI")
    assert rig.values('TRAC:DATA? 1, 21, "defbuffer1", SOUR') == pytest.approx(
        [0.5 * k for k in range(21)]
    )
    assert rig.values("TRAC:DATA? 1, 21")[20] == pytest.approx(1e-3)
    assert {c.range for c in rig.front.changes[-20:-2]} == {20.0}
    rig.send("SOUR:VOLT:RANG:AUTO ON", "SOUR:SWE:VOLT:LIN 0, 10, 21", "INIT;*WAI")
    assert {c.range for c in rig.front.changes[-20:-2]} == {20.0}  # one range for all
    assert rig.ask("SOUR:VOLT:RANG:AUTO?") == "1"
    rig.send("SOUR:SWE:VOLT:LIN 0, 10, 21, 0, 1, AUTO", "INIT;*WAI")
    assert {c.range for c in rig.front.changes[-20:-2]} == {2.0, 20.0}
    assert rig.ask("OUTP?;:SOUR:CONF:LIST:SIZE? 'VoltLinearSweepList'") == "0;21"


def test_a_sweep_there_and_back_three_times(rig: Rig2450) -> None:
    rig.send("SOUR:SWE:VOLT:LIN:STEP 0, 2, 0.5, 0, 3, AUTO, OFF, ON", "INIT", "*WAI")
    once = [0.0, 0.5, 1.0, 1.5, 2.0, 1.5, 1.0, 0.5, 0.0]
    assert rig.values('TRAC:DATA? 1, 27, "defbuffer1", SOUR') == pytest.approx(once * 3)
    highs = [t for t, level in rig.front.levels() if level == 2.0]
    assert len(highs) == 3


def test_a_logarithmic_sweep(rig: Rig2450) -> None:
    rig.send("SOUR:SWE:VOLT:LOG 0.1, 10, 3, 0, 1, BEST, OFF, OFF, 'defbuffer2'", "INIT", "*WAI")
    assert rig.values('TRAC:DATA? 1, 3, "defbuffer2", SOUR') == pytest.approx([0.1, 1.0, 10.0])
    rig.send("SOUR:SWE:VOLT:LOG -1, 1, 3")
    rig.send("SOUR:SWE:VOLT:LOG -1, 1, 3, 0, 1, BEST, OFF, OFF, 'defbuffer1', -2", "INIT", "*WAI")
    assert rig.values('TRAC:DATA? 1, 3, "defbuffer1", SOUR') == pytest.approx(
        [-1.0, -2 + 3**0.5, 1.0]
    )
    assert rig.codes() == [-221]


def test_a_sweep_ends_at_the_limit(rig: Rig2450) -> None:
    rig.send("SENS:CURR:RANG 1e-3", "SOUR:VOLT:ILIM 5e-4", "SOUR:SWE:VOLT:LIN 1, 10, 10", "INIT")
    rig.send("*WAI")
    assert rig.ask("TRAC:ACT?;:OUTP?") == "6;0"
    rig.send("SOUR:SWE:VOLT:LIN 1, 10, 10, 0, 1, BEST, OFF", "INIT;*WAI")
    assert rig.ask("TRAC:ACT?") == "10"


def test_lists_of_levels(rig: Rig2450) -> None:
    values = ",".join(f"{0.01 * k:g}" for k in range(100))
    rig.send(f"SOUR:LIST:VOLT {values}")
    for _ in range(24):
        rig.send(f"SOUR:LIST:VOLT:APP {values}")
    assert rig.ask("SOUR:LIST:VOLT:POIN?") == "2500"
    rig.send("SOUR:LIST:VOLT:APP 1", f"SOUR:LIST:VOLT {values},1", "SOUR:LIST:VOLT 300")
    assert rig.codes() == [-223, -223, -222]
    rig.send("SOUR:SWE:VOLT:LIST 2451, 1e-3, 1, OFF, 'defbuffer2'", "INIT;*WAI")
    assert rig.values('TRAC:DATA? 1, 50, "defbuffer2", SOUR')[-1] == pytest.approx(0.99)
    rig.send("SOUR:LIST:VOLT 1,2,3")
    assert rig.values("SOUR:LIST:VOLT?") == [1.0, 2.0, 3.0]


def test_a_sweep_over_a_list_of_ones_own(rig: Rig2450) -> None:
    rig.program(
        """
        SOUR:CONF:LIST:CRE "biasLevel"
        SOUR:VOLT:LEV 5
        SOUR:CONF:LIST:STORE "biasLevel"
        SOUR:SWE:VOLT:LIST 1, .001, 1, 1, "defbuffer2", "biasLevel"
        INIT
        *WAI
        """
    )
    assert rig.values('TRAC:DATA? 1, 1, "defbuffer2", SOUR') == [5.0]
    rig.send("SOUR:SWE:VOLT:LIST 2, 0, 1, ON, 'defbuffer1', 'biasLevel'")
    rig.send("SOUR:SWE:CURR:LIST 1", "SOUR:SWE:VOLT:LIN 0, 300, 3", "SOUR:SWE:VOLT:LIN 0, 1, 1")
    assert rig.codes() == [-222, 2790, -222, -222]


def test_a_long_sweep_is_kept_small_and_runs(rig: Rig2450) -> None:
    rig.send("SENS:NPLC 0.01", "TRAC:POIN 3000", "SOUR:SWE:VOLT:LIN 0, 1, 3000, 0", "INIT;*WAI")
    assert rig.ask("TRAC:ACT?") == "3000"
    per_point = rig.values('TRAC:DATA? 3000, 3000, "defbuffer1", REL')[0] / 2999
    # readback and reading, recalling the index, the autodelay that a new level takes is off
    assert per_point == pytest.approx(2 * 352e-6 + 265e-6 + 1e-3, rel=0.05)
