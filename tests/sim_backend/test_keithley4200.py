"""The virtual 4200A-SCS: what belongs to the whole, its SMUs by hand and in system mode."""

import socket

import pytest

from labctl.errors import BadInput
from sim_backend.instruments import keithley4200_errors as errors
from sim_backend.server import Server
from tests.sim_backend.rig4200 import ADDRESS, QUIET, G, Rig4200


@pytest.fixture
def rig() -> Rig4200:
    return Rig4200({"top": "smu1", "bottom": "smu2"})


# -- messages ------------------------------------------------------------------------------------


def test_who_it_is_and_what_is_installed(rig):
    assert rig.ask("*IDN?").startswith("KEITHLEY INSTRUMENTS,KI4200A,")
    assert rig.ask("*OPT?") == "SMU1,SMU2,PMU1RPM1-1,PMU1RPM1-2"
    assert rig.ask("ID") == "KI4200A V1.14"
    bare = Rig4200(options={"smus": 0, "rpm": False})
    assert bare.ask("*OPT?") == "PMU1-1,PMU1-2"


def test_every_message_is_answered_once(rig):
    assert rig.send("US;DV2,0,0,1e-2", "DV1,0,0.5,1e-3", "TV1;TI1", "") == [
        "ACK", "ACK", "NAV+5.0000E-01;NAI+5.0000E-05",
    ]  # fmt: skip


def test_either_terminator_ends_a_message(rig):
    rig.instrument.write(b"US\n")
    rig.instrument.write(b"SP\0*OPT?\0\n")
    assert [reply.split(b",")[0] for reply in rig.instrument.replies()] == [
        b"ACK\0", b"0\0", b"SMU1",
    ]  # fmt: skip


def test_on_gpib_commands_are_not_acknowledged_and_answers_end_in_a_newline():
    rig = Rig4200(address="GPIB0::17::INSTR", options={"interface": "gpib"})
    rig.instrument.write(b"US\0")
    rig.instrument.write(b"XX\0")
    rig.instrument.write(b"*OPT?\0")
    assert rig.instrument.replies() == [b"SMU1,SMU2,PMU1RPM1-1,PMU1RPM1-2\n"]


def test_the_last_error_is_kept_until_it_is_cleared(rig):
    assert rig.ask(":ERROR:LAST:GET") == ""
    assert rig.send("XX", "US;DV9") == ["ACK", "ACK"]
    assert rig.ask(":ERROR:LAST:GET").endswith(f"({errors.OUT_OF_RANGE})")
    rig.ask("SP")
    assert rig.ask(":ERROR:LAST:GET") != ""
    assert rig.send(":ERROR:LAST:CLEAR", ":ERROR:LAST:GET") == ["ACK", ""]


def test_every_error_has_a_text():
    names = [n for n in dir(errors) if n.isupper() and isinstance(getattr(errors, n), int)]
    assert {getattr(errors, name) for name in names} == set(errors.TEXTS)


def test_the_status_byte_tells_data_syntax_error_and_busy(rig):
    assert rig.ask("SP") == "0"
    rig.send("XX")
    assert rig.ask("SP") == "2"
    assert rig.ask("SP") == "0"
    rig.send(":ERROR:LAST:CLEAR", "DR1", "DE;CH1,'V','I',1,3;SS;VC1,0.1,1e-3;SM;NR 5", "MD;ME1")
    assert rig.ask("SP") == "16"
    rig.finish()
    assert rig.ask("SP") == "65"
    assert rig.ask("SP") == "0"


def test_bad_options_are_refused_in_one_sentence():
    with pytest.raises(BadInput, match=r"instruments\.k: smus = 9 is not allowed; give 0 to 8"):
        Rig4200(options={"smus": 9})
    with pytest.raises(BadInput, match='interface = "usb" is not allowed'):
        Rig4200(options={"interface": "usb"})


def test_it_is_served_on_a_socket_with_nulls():
    rig = Rig4200({"top": "smu1"})
    port = rig.laboratory.visa.port(ADDRESS)
    with Server({"k": port}) as server:
        number = int(server.addresses["k"].split("::")[2])
        with socket.create_connection(("127.0.0.1", number), timeout=5) as client:
            client.sendall(b"US\0DV1,0,1,1e-3\0TI1\n")
            got = b""
            while got.count(b"\0") < 3:
                got += client.recv(100)
    assert got == b"ACK\0ACK\0NAI+1.0000E-04\0"


# -- user mode -----------------------------------------------------------------------------------


def test_a_voltage_is_sourced_and_a_current_measured(rig):
    rig.do("US", "DV1,0,2,1e-3", "DV2,0,0.5,1e-3")
    assert rig.ask("TI1") == f"NAI{1.5 * G:+.4E}"
    assert rig.ask("TI2") == f"NBI{-1.5 * G:+.4E}"
    assert rig.ask("TV2") == "NBV+5.0000E-01"
    state = rig.instrument.channel_state("smu1")
    assert (state["output"], state["level"], state["compliance"]) == (True, 2.0, 1e-3)
    rig.do("DV1")
    assert not rig.instrument.channel_state("smu1")["output"]


def test_a_current_is_sourced_and_a_voltage_measured(rig):
    rig.do("US;DV2,0,0,1e-2", "DI1,6,50e-6,10")
    assert rig.ask("TV1") == "NAV+5.0000E-01"
    assert rig.instrument.channel_state("smu1")["range"] == 1e-4


def test_compliance_is_told_for_the_channel_and_the_others(rig):
    rig.do("US;DV2,0,0,1e-2", "DV1,0,1,20e-6")
    assert rig.ask("TI1")[:3] == "CAI"
    assert float(rig.ask("TI1")[3:]) == pytest.approx(20e-6, rel=1e-3)
    assert rig.ask("TI2")[:3] == "TBI"


def test_digits_and_integration_time(rig):
    rig.do("US;DV1,0,0.3,1e-3;DV2,0,0,1e-3", "RS7", "IT3")
    before = rig.clock.now_s
    assert rig.ask("TI1") == "NAI+3.000000E-05"
    assert rig.clock.now_s - before == pytest.approx(10 / 50, abs=1e-3)
    rig.do("IT1", "IT4,1,1,0.5")
    before = rig.clock.now_s
    rig.ask("TI1")
    assert rig.clock.now_s - before == pytest.approx(0.5 / 50)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("DV1,0,211,1e-3", errors.OUT_OF_RANGE),
        ("DV1,1,22,1e-3", errors.OUT_OF_RANGE),
        ("DV1,0,1,0.2", errors.OUT_OF_RANGE),
        ("DV1,0,1,0", errors.OUT_OF_RANGE),
        ("DV1,0,1", errors.MISSING),
        ("DI1,1,1e-10,1", errors.NO_RANGE),
        ("DI1,10,0.1,1", errors.NO_RANGE),
        ("DV3,0,1,1e-3", errors.OUT_OF_RANGE),
        ("TI9", errors.OUT_OF_RANGE),
        ("IT4", errors.MISSING),
        ("VC1,1,1e-3", errors.PAGE),
    ],
)
def test_what_an_smu_cannot_do_is_refused(rig, message, code):
    rig.do("US")
    assert rig.refused(message) == code
    assert not rig.instrument.channel_state("smu1")["output"]


def test_a_reset_switches_off(rig):
    rig.do("US;DV1,0,1,1e-3", "*RST")
    assert not rig.instrument.channel_state("smu1")["output"]
    assert rig.instrument.interpreter.page == "US"


# -- system mode ---------------------------------------------------------------------------------

SWEEP = (
    "DE", "CH1,'VA','IA',1,1", "CH2,'VB','IB',1,3",
    "SS", "VR1,0,1,0.25,1e-3", "VC2,0,1e-2", "HT 0.5", "DT 0.01",
    "SM", "DM2", "LI 'VA','IA'",
)  # fmt: skip


def data(rig: Rig4200, name: str) -> list[float]:
    return [float(part.lstrip("NCTVX")) for part in rig.ask(f"DO '{name}'").split(",")]


def test_a_sweep_measures_every_point(rig):
    rig.do(*SWEEP, "MD", "ME1")
    rig.finish()
    assert data(rig, "VA") == [0.0, 0.25, 0.5, 0.75, 1.0]
    assert data(rig, "IA") == pytest.approx([v * G for v in data(rig, "VA")], abs=1e-9)
    assert data(rig, "IB") == pytest.approx([-v * G for v in data(rig, "VA")], abs=1e-9)
    assert rig.ask("DO 'CH1S'") == "N,N,N,N,N"
    times = data(rig, "CH1T")
    assert times[0] == pytest.approx(0.5 + 0.01)
    assert times[1] - times[0] == pytest.approx(0.01 + 2 / 50)  # delay, and two apertures
    assert rig.ask("RD 'IA', 3") == "+5.0000E-05"
    assert rig.ask("RD 'IA', 6") == "0"
    assert not rig.instrument.channel_state("smu1")["output"]


def test_steps_are_outside_and_lists_are_played_as_they_are(rig):
    rig.do("DE", "CH1,'VA','IA',1,1", "CH2,'VB','IB',1,2")
    rig.do("SS", "VL1,1,1e-3,0.1,-0.2,0.3", "VP 0,0.5,2,1e-2", "DT 0", "HT 0", "MD;ME1")
    rig.finish()
    assert data(rig, "VA") == [0.1, -0.2, 0.3] * 2
    assert data(rig, "VB") == [0.0] * 3 + [0.5] * 3
    expected = [(a - b) * G for a, b in zip(data(rig, "VA"), data(rig, "VB"), strict=True)]
    assert data(rig, "IA") == pytest.approx(expected, abs=1e-9)


def test_a_logarithmic_sweep_and_one_tied_to_it(rig):
    rig.do("DE", "CH1,'VA','IA',1,1", "CH2,'VB','IB',1,4")
    rig.do("SS", "VR2,0.01,1,1e-3", "RT 0.5", "FS 0.1", "MD;ME1")
    rig.finish()
    va = data(rig, "VA")
    assert len(va) == 21
    assert va[10] == pytest.approx(0.1, rel=1e-4)
    assert data(rig, "VB") == pytest.approx([0.5 * v + 0.1 for v in va], rel=1e-3)


def test_without_a_sweep_readings_come_at_intervals(rig):
    rig.do("DE", "CH1,'VA','IA',1,3", "CH2,'VB','IB',3,3")
    rig.do("SS", "VC1,0.2,1e-3", "SM", "NR 4", "IN 0.5", "WT 1", "MD;ME1")
    rig.finish()
    assert data(rig, "IA") == pytest.approx([2e-5] * 4)
    times = data(rig, "CH1T")
    assert times[0] == pytest.approx(1.0)
    assert times[2] - times[1] == pytest.approx(0.5 + 2 / 50, rel=1e-3)


def test_a_test_is_aborted_and_its_data_stay(rig):
    rig.do(*SWEEP, "MD", "ME1")
    rig.clock.advance(0.6)
    assert rig.refused("US;DV1,0,1,1e-3") == errors.RUNNING
    rig.do("MD", "ME4")
    count = len(data(rig, "VA"))
    assert 0 < count < 5
    assert rig.ask("SP") == "3"
    assert not rig.instrument.channel_state("smu1")["output"]
    rig.do("MD;ME3")
    rig.finish()
    assert len(data(rig, "VA")) == count + 5


def test_a_test_ends_in_compliance_when_it_is_told_to(rig):
    rig.do(*SWEEP, "SS", "VR1,0,1,0.25,30e-6", "EC1", "MD;ME1")
    rig.finish()
    assert rig.ask("DO 'CH1S'") == "N,N,C"


def test_an_smu_as_a_voltmeter(rig):
    rig.do("DE", "CH1,'VA','IA',1,3", "VM2,'VB'", "SS", "VC1,0.4,1e-3", "MD;ME1")
    rig.finish()
    assert data(rig, "VB") == pytest.approx([0.4], abs=1e-3)


@pytest.mark.parametrize(
    ("messages", "code"),
    [
        (["MD;ME1"], errors.NOT_READY),
        (["SS;VC1,1,1e-3"], errors.NOT_READY),
        (["DO 'NO'"], errors.OUT_OF_RANGE),
        (["SS;VR1,0,1,0,1e-3"], errors.OUT_OF_RANGE),
        (["SS;VR1,0,10,1e-4,1e-3"], errors.TOO_MANY_POINTS),
        (["SS;VR2,-1,1,1e-3"], errors.OUT_OF_RANGE),
        (["DE;CH1,'TOOLONG','I',1,1"], errors.NOT_A_NUMBER),
        (["DE;CH1,'V','I',4,1"], errors.OUT_OF_RANGE),
        (["DE;CH1,'V','I',1,3", "SS;VC1,100,0.105", "VC1,1,0"], 0),
        (["SM;NR 5000"], errors.OUT_OF_RANGE),
    ],
)
def test_what_a_test_cannot_be_is_refused(rig, messages, code):
    rig.send(*messages)
    assert rig.error() == code


def test_noise_and_errors_are_those_of_the_specification():
    rig = Rig4200({"top": "smu1"}, noise={**QUIET, "instrument": True})
    rig.do("US", "RS7", "DV1,0,1,1e-3")
    values = [float(rig.ask("TI1")[3:]) for _ in range(20)]
    assert len(set(values)) > 1
    # 0.033 % and 3 nA of the meter on 100 uA, 0.02 % and 0.3 mV of the source on 2 V
    assert values == pytest.approx([G] * 20, abs=G * 5.3e-4 + 3e-9 + 0.3e-3 * G + 5e-9)


def test_with_a_pace_a_test_goes_on_with_the_wall_clock():
    rig = Rig4200({"top": "smu1"}, pace=50.0)
    try:
        unit = rig.manager().open_resource(ADDRESS, read_termination="\0", write_termination="\0")
        query = unit.query  # type: ignore[attr-defined]
        for message in ("DE;CH1,'V','I',1,1", "SS;VR1,0,1,0.5,1e-3;HT 1", "MD;ME1"):
            assert query(message) == "ACK"
        assert query("SP") == "16"
        while query("SP") == "16":
            pass
        assert query("DO 'V'") == "N+0.0000E+00,N+5.0000E-01,N+1.0000E+00"
        assert query("US;DV1,0,1,1e-3;TI1") == "NAI+1.0000E-04"
    finally:
        rig.laboratory.close()
