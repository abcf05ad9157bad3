"""The virtual SENTIO: lines, asynchronous commands, and MPI's own client where installed."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.server import Server
from tests.sim_backend.fuzzing import trail
from tests.sim_backend.peers import peer
from tests.sim_backend.rig_station import PROBER, Bench

_SPEED = 2000.0  # laboratory seconds in a second, for a client that waits


def fields(answer: str) -> tuple[int, int, int, str]:
    """Return code, status, number and message of an answer."""
    first, number, text = answer.split(",", 2)
    return int(first) & 1023, int(first) >> 10, int(number), text


def test_lines_are_answered_with_error_number_and_message() -> None:
    bench = Bench("sentio", sites=2)
    bench.bus.write("*RCS 1")  # is not answered
    assert bench.ask("*IDN?").startswith("MPI Corporation,SENTIO")
    assert bench.ask("map:step_first_die") == "0,0,1,1,0"
    assert bench.ask("move_chuck_contact") == "0,0,5020.00"
    assert bench.screen()["touching"]
    assert fields(bench.ask("map:subsite:step_next")) == (0, 2, 0, "1,1,1")
    assert fields(bench.ask("map:step_die 3, 3, 0")) == (0, 1, 0, "3,3,0")
    assert fields(bench.ask("map:step_next_die"))[0] == 11
    assert fields(bench.ask("map:step_die 9, 9"))[0] == 8
    assert fields(bench.ask("brew_coffee"))[0] == 4
    assert fields(bench.ask("move_chuck_xy H, 1"))[0] == 7
    assert fields(bench.ask("move_chuck_xy H, one, 2"))[0] == 6
    assert bench.ask("clear_contact").startswith("0,0,")
    assert fields(bench.ask("move_chuck_contact"))[0] == 23


def test_stepping_modes_say_where_the_chuck_ends() -> None:
    bench = Bench("sentio")
    bench.ask("map:step_first_die")
    ends = {}
    for mode in ("BackToContact", "StepToSeparation", "LockContact"):
        bench.ask(f"set_stepping_contact_mode {mode}")
        bench.ask("move_chuck_contact")
        code = fields(bench.ask("map:step_next_die"))[0]
        ends[mode] = (code, bench.screen()["level"])
    assert ends == {
        "BackToContact": (0, "contact"),
        "StepToSeparation": (0, "separation"),
        "LockContact": (38, "contact"),
    }
    assert bench.screen()["scratches"] == 0
    assert bench.current(1.0) == pytest.approx(1e-4, rel=1e-3)


def test_overtravel_beyond_contact_height_is_refused() -> None:
    bench = Bench("sentio")
    assert fields(bench.ask("move_chuck_z C, 10"))[0] == 120
    bench.ask("enable_chuck_overtravel True")
    assert bench.ask("move_chuck_z C, 10") == "0,0,5030.00"
    assert bench.ask("get_chuck_z C") == "0,0,10.00"
    assert bench.ask("move_chuck_z S, 0") == "0,0,4720.00"


def test_an_asynchronous_command_is_waited_for_asked_about_and_aborted() -> None:
    bench = Bench("sentio")
    code, _, number, _ = fields(bench.ask("start_move_chuck_xy H, 100000, 0"))
    assert (code, number) == (0, 1)
    assert fields(bench.ask("query_command_status 1"))[0] == 30
    begin = bench.now()
    assert fields(bench.ask("wait_complete 1, 0.5"))[0] == 19
    assert bench.now() - begin == pytest.approx(0.5, abs=0.01)
    assert fields(bench.ask("wait_complete 1, 10"))[0] == 0
    assert bench.now() - begin == pytest.approx(2.15, abs=0.02)
    assert fields(bench.ask("wait_complete 77, 1"))[0] == 32
    bench.ask("start_move_chuck_xy H, 0, 0")
    assert fields(bench.ask("abort_command 2"))[0] == 0
    assert fields(bench.ask("wait_complete 2, 10"))[0] == 31
    assert fields(bench.ask("start_brew_coffee"))[0] == 4


def test_the_chuck_heats_and_soaks() -> None:
    bench = Bench("sentio", options={"soak": "20 s"})
    assert bench.ask("status:get_chuck_temp") == "0,0,26.85"
    bench.ask("status:set_chuck_temp 60.00, False")
    assert bench.ask("status:get_chuck_thermo_state") == "0,0,Heating"
    bench.laboratory.clock.wait(140.0, lambda: False)
    assert bench.ask("status:get_chuck_thermo_state") == "0,0,Soaking"
    assert bench.laboratory.fixture.temperature == pytest.approx(333.15)
    bench.laboratory.clock.wait(20.0, lambda: False)
    assert bench.ask("status:get_chuck_thermo_state") == "0,0,Controlling"
    assert fields(bench.ask("status:set_chuck_temp 500"))[0] == 8


@pytest.fixture
def client() -> Iterator[tuple[Any, Bench]]:
    """MPI's own client, connected by TCP."""
    peer("sentio_prober_control")
    from sentio_prober_control.Sentio.ProberSentio import SentioProber

    bench = Bench("sentio", sites=2, pace=_SPEED)
    with Server({"prober": bench.laboratory.visa.port(PROBER)}) as server:
        port = server.addresses["prober"].split("::")[2]
        prober = SentioProber.create_prober("tcpip", f"127.0.0.1:{port}")
        yield prober, bench
        prober.comm._CommunicatorTcpIp__reader.close()  # its disconnect() forgets that
        prober.comm.disconnect()
    bench.close()


def test_mpis_client_walks_the_route(client: tuple[Any, Bench]) -> None:
    prober, bench = client
    steps = [prober.map.step_first_die()]
    prober.move_chuck_contact()
    while not prober.map.end_of_route():
        steps.append(prober.map.step_next_die())
        assert bench.screen()["touching"]
    assert len(set(steps)) == 9
    with pytest.raises(Exception, match="End of route") as raised:
        prober.map.step_next_die()
    assert raised.value.error() == 11


def test_mpis_client_is_understood(client: tuple[Any, Bench]) -> None:
    from sentio_prober_control.Sentio import Enumerations

    prober, _bench = client
    wafer = Enumerations.ChuckSite.Wafer
    calls = [
        lambda: prober.get_chuck_site_status(wafer),
        lambda: prober.get_chuck_site_height(wafer),
        lambda: prober.set_chuck_site_height(wafer, 5020, 300, 25, 100),
        lambda: prober.get_chuck_theta(wafer),
        lambda: prober.get_chuck_xy(wafer, Enumerations.XyReference.Home),
        lambda: prober.get_chuck_z(Enumerations.ZReference.Contact),
        lambda: prober.has_chuck_xyz(),
        lambda: prober.move_chuck_home(),
        lambda: prober.move_chuck_separation(),
        lambda: prober.move_chuck_hover(),
        lambda: prober.move_chuck_site(wafer),
        lambda: prober.move_chuck_xy(Enumerations.XyReference.Current, 10, 10),
        lambda: prober.move_chuck_index("Home", 1, 1),
        lambda: prober.move_chuck_z(Enumerations.ZReference.Separation, 0),
        lambda: prober.move_chuck_lift(),
        lambda: prober.enable_chuck_overtravel(True),
        lambda: prober.set_stepping_contact_mode(Enumerations.SteppingContactMode.BackToContact),
        lambda: prober.set_vacuum(wafer, True),
        lambda: prober.set_chuck_overtravel_gap(30),
        lambda: prober.set_chuck_separation_gap(250),
        lambda: prober.get_wafer_diameter(),
        lambda: prober.wait_complete(prober.start_initialization(), 60),
        lambda: prober.wait_all(10),
        lambda: prober.map.get_num_dies(Enumerations.DieNumber.Present),
        lambda: prober.map.get_num_cols(),
        lambda: prober.map.get_num_rows(),
        lambda: prober.map.get_index_size(),
        lambda: prober.map.set_index_size(10000, 10000),
        lambda: prober.map.get_home_die(),
        lambda: prober.map.get_die_seq(),
        lambda: prober.map.step_die(1, 1, 1),
        lambda: prober.map.step_die_seq(2, 0),
        lambda: prober.map.step_previous_die(),
        lambda: prober.map.subsites.step_next(),
        lambda: prober.map.subsites.step_previous(),
        lambda: prober.map.subsites.get_num(),
        lambda: prober.map.die.get_current_index(),
        lambda: prober.map.die.get_current_subsite(),
        lambda: prober.map.die.get_status(1, 1),
        lambda: prober.map.path.get_die(1),
        lambda: prober.map.bin_step_next_die(1),
        lambda: prober.status.get_version(),
        lambda: prober.status.get_machine_id(),
        lambda: prober.status.get_machine_status(),
        lambda: prober.status.get_chuck_temp(),
        lambda: prober.status.get_chuck_temp_setpoint(),
        lambda: prober.status.set_chuck_temp(30),
        lambda: prober.status.get_chuck_thermo_state(),
        lambda: prober.status.get_chuck_thermo_hold_mode(),
        lambda: prober.status.set_chuck_thermo_hold_mode(True),
        lambda: prober.status.get_soaking_time(30),
        lambda: prober.clear_contact(),
    ]
    failed = []
    for k, call in enumerate(calls):
        try:
            call()
        except Exception as error:  # noqa: BLE001 - all of them are wanted
            failed.append((k, repr(error)))
    assert failed == []


_BENCH = Bench("sentio", sites=2)
_NAMES = sorted([*_BENCH.station.table, "start_move_chuck_contact", "start_map:step_next_die"])
_SOME = ["", "0", "1", "-1", "2", "1e400", "nan", "H", "Zero", "C", "True", "Wafer", "5020", "x,y"]
_WORDS = st.sampled_from(_SOME)
_LINES = st.one_of(
    st.text(string.printable, max_size=30),
    st.tuples(st.sampled_from(_NAMES), st.lists(_WORDS, max_size=6)).map(
        lambda pair: f"{pair[0]} {', '.join(pair[1])}"
    ),
)


def _take(lines: list[str]) -> None:
    station = _BENCH.station
    for line in lines:
        station.write(line.encode("latin-1", "replace") + b"\n")
        _BENCH.laboratory.clock.wait(0.05, lambda: False)
        station.poll()
        for reply in station.replies():
            assert reply.endswith(b"\n")
    screen = _BENCH.screen()
    assert 0 <= screen["height"] <= 10_000
    assert screen["temperature"] > 0


@settings(max_examples=150, deadline=None)
@given(st.lists(_LINES, max_size=8))
def test_any_lines_leave_a_legal_state(lines: list[str]) -> None:
    _take(lines)


@pytest.mark.long
@pytest.mark.timeout(540)
def test_a_million_lines_leave_a_legal_state() -> None:
    draw = random.Random(1)
    with trail("test_a_million_lines_leave_a_legal_state()") as kept:
        for _ in range(1_000_000):
            line = f"{draw.choice(_NAMES)} {', '.join(draw.choices(_SOME, k=draw.randrange(6)))}"
            at = draw.randrange(len(line))
            if draw.random() < 0.2:  # one character is another
                line = line[:at] + draw.choice(string.printable) + line[at + 1 :]
            kept.add(line)
            _take([line])
