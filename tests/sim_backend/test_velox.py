"""The virtual Velox: its two command sets, its mechanics, and what they do to the wafer."""

from __future__ import annotations

import random
import socket
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.formfactor.velox import PROBER_REFERENCES, PROBER_UNITS, Velox

from labctl.errors import BadInput
from sim_backend.laboratory import open_laboratory
from sim_backend.server import Server
from tests.sim_backend.fuzzing import trail
from tests.sim_backend.rig_station import PROBER, Bench

_REST = 0.15  # s that every movement takes to come to rest


# -- pymeasure ------------------------------------------------------------------------------------


def driver(bench: Bench) -> Velox:
    return Velox(VISAAdapter(PROBER, visa_library=bench.laboratory.visa, timeout=40000))


def test_pymeasure_walks_the_whole_map() -> None:
    bench = Bench(sites=2)
    prober = driver(bench)
    assert prober.id.startswith("FormFactor,Velox")
    assert prober.version == 3.4
    assert prober.wafermap.enabled is True
    seen = [tuple(prober.wafermap.step_first_die())]
    while True:
        prober.chuck.move_contact()
        assert bench.screen()["touching"]
        prober.chuck.move_separation()
        step = prober.wafermap.step_next_die()
        if prober.wafermap.end_reached:
            break
        seen.append(tuple(step))
    assert (prober.error_code, prober.error_message) == (703, "End of wafer")
    assert len(set(seen)) == 18
    assert seen[:3] == [(1, 1, 0, 1), (1, 1, 1, 1), (2, 1, 0, 1)]
    prober.wafermap.step_to_die(3, 2)
    assert bench.screen()["die"] == "3,2,1"
    prober.wafermap.step_to_die(3, 2, 1)
    assert bench.screen()["die"] == "3,2,2"
    with pytest.raises(ConnectionError, match="715"):
        prober.wafermap.step_to_die(4, 1)


def test_pymeasure_uses_every_property_and_method() -> None:
    bench = Bench()
    prober = driver(bench)
    prober.chuck.index = (5000, 2500)
    assert prober.chuck.index == [5000, 2500]
    for velocity in (100, 1.0):
        prober.chuck.move_align(velocity)
        assert bench.screen()["level"] == "align"
        prober.chuck.move_contact(velocity)
        prober.chuck.move_separation(velocity)
    for reference in PROBER_REFERENCES:
        for unit in PROBER_UNITS:
            prober.chuck.move(0, 0, reference, unit)
        prober.chuck.move_index(0, 0, reference)
    prober.chuck.move_index(1, 2, "home")
    assert bench.screen()["position"] == (5000, 5000)
    prober.chuck.move(10, -10, "relative", "mils")
    assert bench.screen()["position"] == pytest.approx((5254, 4746))
    assert prober.complete == "1"


def test_an_error_is_an_exception_with_its_number() -> None:
    bench = Bench()
    prober = driver(bench)
    bench.ask("SetChuckHeight C R")
    with pytest.raises(ConnectionError, match="Contact height is not set"):
        prober.chuck.move_contact()
    with pytest.raises(ConnectionError, match="Contact height is not set"):
        prober.chuck.move_separation()
    with pytest.raises(ConnectionError, match="Unknown command"):
        prober.ask("MakeCoffee 2")


# -- the message server ----------------------------------------------------------------------------


def test_the_message_server_registers_lists_and_answers() -> None:
    bench = Bench()
    assert bench.ask("FCN=1:RegisterProberApp:app.py app.py 0").startswith("FCN=1:0:")
    listed = bench.ask("FCN=1:GetCommands:").split(":")[2].split(";")
    rows = [row.split(" ") for row in listed]
    assert all(len(row) == 4 and row[2].isdigit() and row[3].isdigit() for row in rows)
    assert {"MoveChuckContact", "StepNextDie", "HeatChuck"} <= {row[1] for row in rows}
    assert bench.ask("Cmd=2:StepFirstDie:1 1") == "Rsp=2:0:1 1 0 0"
    assert bench.ask("Cmd=3:MoveChuckContact:100") == "Rsp=3:0:"
    assert bench.ask("Cmd=4:ReadChuckPosition:Y Z ") == "Rsp=4:0:145000.00 145000.00 5020.00"
    assert bench.ask("Cmd=5:MoveChuckIndex:9 9 H").startswith("Rsp=5:0")
    assert bench.ask("Cmd=6:MoveChuckIndex:99 0 H") == "Rsp=6:5:Position is out of range"
    assert bench.ask("Cmd=7:ReadChuckHeights:Y") == "Rsp=7:0:5020.00 25.00 100.00 300.00 100.00"
    status = bench.ask("Cmd=8:ReadChuckStatus:").removeprefix("Rsp=8:0:").split(" ")
    assert len(status) == 11
    assert int(status[1]) & 16  # a contact height is set
    assert bench.ask("Cmd=9:StepNextDie:-1 -1 -1").startswith("Rsp=9:0:2 1 0 0")


def test_the_message_server_answers_on_tcp() -> None:
    bench = Bench(pace=2000.0, sites=2)
    with Server({"prober": bench.laboratory.visa.port(PROBER)}) as server:
        number = int(server.addresses["prober"].split("::")[2])
        with socket.create_connection(("127.0.0.1", number), timeout=20) as client:
            answers = client.makefile("r", newline="\n")

            def ask(line: str) -> str:
                client.sendall(line.encode() + b"\n")
                return answers.readline().rstrip("\n")

            assert ask("FCN=1:RegisterProberApp:test test 0").startswith("FCN=1:0:")
            assert ask("Cmd=2:StepFirstDie:") == "Rsp=2:0:1 1 0 1"
            assert ask("Cmd=3:MoveChuckContact:") == "Rsp=3:0:"
            assert bench.screen()["touching"]
            assert ask("Cmd=4:StepNextDie:3 3 1") == "Rsp=4:0:3 3 1 1"
            assert ask("Cmd=5:StepNextDie:") == "Rsp=5:703:End of wafer"
            answers.close()
    bench.close()


# -- mechanics -------------------------------------------------------------------------------------


def test_a_movement_takes_its_time_while_the_laboratory_goes_on() -> None:
    bench = Bench()
    bench.ask("StepFirstDie")
    begin = bench.now()
    bench.bus.write("MoveChuckIndex 2 0 R 100")  # 20 mm at 50 mm/s
    assert bench.screen()["moving"]
    assert bench.current() == 0.0  # measured on the way: the needles are in the air
    bench.bus.read()
    assert bench.now() - begin == pytest.approx(20 / 50 + _REST, abs=0.01)
    begin = bench.now()
    bench.ask("MoveChuckIndex -2 0 R 10")
    assert bench.now() - begin == pytest.approx(20 / 5 + _REST, abs=0.01)


def test_stop_ends_a_movement_where_it_is() -> None:
    bench = Bench()
    bench.ask("MoveChuck 0 0 H Y")
    bench.bus.write("MoveChuck 100000 0 H Y 100")
    bench.laboratory.clock.wait(1.0, lambda: False)
    bench.bus.write("StopAllMovements")
    answers = {bench.bus.read(), bench.bus.read()}
    assert answers == {"0: ", "14: Movement was stopped"}
    x, _ = bench.screen()["position"]
    assert x == pytest.approx(100000 * 1.0 / 2.15, rel=0.01)
    assert not bench.screen()["moving"]
    bench.ask("MoveChuckContact")
    assert bench.current() == 0.0  # between the dies


def test_at_contact_height_a_move_goes_to_separation_or_is_refused() -> None:
    bench = Bench()
    bench.ask("StepFirstDie")
    bench.ask("MoveChuckContact")
    bench.ask("MoveChuckIndex 1 0 R")
    screen = bench.screen()
    assert (screen["scratches"], screen["touches"], screen["level"]) == (0, 2, "contact")
    bench.ask("SetChuckMode 2 0 2")
    assert bench.ask("MoveChuckIndex 1 0 R").startswith("10:")
    bench.ask("SetChuckMode 2 0 0")
    bench.ask("MoveChuckIndex 1 0 R")
    assert bench.screen()["scratches"] == 1


def test_heights_are_kept_below_contact_and_overtravel() -> None:
    bench = Bench()
    assert bench.ask("MoveChuckZ 5040 Z Y").startswith("7:")
    bench.ask("SetChuckMode 1")
    bench.ask("MoveChuckContact")
    assert (bench.screen()["level"], bench.screen()["height"]) == ("overtravel", 5045)
    assert bench.ask("MoveChuckZ 20000 Z Y").startswith("5:")
    bench.ask("SetChuckHeight S V Y 500")
    bench.ask("MoveChuckSeparation")
    assert bench.screen()["height"] == 4520
    bench.ask("MoveChuckZSafe")
    assert bench.screen()["height"] == 0


def test_a_contact_height_set_too_low_never_touches() -> None:
    bench = Bench()
    bench.ask("SetChuckHeight C V Y 4990")
    bench.ask("MoveChuckContact")
    assert bench.screen()["level"] == "contact"
    assert not bench.screen()["touching"]
    assert bench.current() == 0.0


def test_a_wrong_index_leads_beside_the_pads() -> None:
    bench = Bench()
    bench.ask("SetChuckIndex 9000 10000 Y")
    bench.ask("StepFirstDie")
    bench.ask("MoveChuckContact")
    assert not bench.screen()["touching"]


# -- the wafer under the needles -----------------------------------------------------------------


def test_a_chuck_in_separation_is_an_open_circuit() -> None:
    bench = Bench()
    assert bench.current() == 0.0
    bench.ask("MoveChuckContact")
    assert bench.current(1.0) == pytest.approx(1e-4, rel=1e-3)
    bench.ask("MoveChuckAlign")
    assert bench.current() == 0.0
    for line in ("smua.source.levelv = 3", "smua.source.output = 1"):
        bench.smu_bus.write(line)
    assert float(bench.smu_bus.query("print(smua.measure.v())")) == pytest.approx(3.0)


def test_the_die_under_the_needles_is_the_one_that_is_measured() -> None:
    bench = Bench(gradient=[0.2, 0.1])
    bench.ask("StepFirstDie")
    bench.ask("MoveChuckContact")
    measured = [bench.current(1.0)]
    while not bench.ask("StepNextDie").startswith("703"):
        measured.append(bench.current(1.0))
    expected = [
        1e-4 * (1 + 0.2 * (2 * x - 1) / 3 - 0.2 + 0.1 * (2 * y - 1) / 3 - 0.1)
        for x, y in [(1, 1), (2, 1), (3, 1), (3, 2), (2, 2), (1, 2), (1, 3), (2, 3), (3, 3)]
    ]
    assert measured == pytest.approx(expected, rel=1e-3)


def test_stress_stays_with_its_die() -> None:
    bench = Bench(device={"family": "ftj", "preset": "bto-nsto", "conductance": "200 uS"})
    bench.ask("StepNextDie 1 1")
    bench.ask("MoveChuckContact")
    fresh = bench.current()
    bench.current(2.0)
    stressed = bench.current()
    assert stressed > 1.2 * fresh
    bench.ask("StepNextDie 2 1")
    assert bench.current() == pytest.approx(fresh, rel=0.02)
    bench.laboratory.clock.wait(100.0, lambda: False)
    bench.ask("StepNextDie 1 1")
    returned = bench.laboratory.device.conductance
    assert bench.laboratory.device.tally.positive >= 1
    assert 0.0 < returned < stressed / 0.1  # it relaxed while another die was measured


def test_every_touch_down_is_another_contact_and_presses_harder_with_overtravel() -> None:
    bench = Bench(contact="100 Ohm", contact_sigma=0.5)
    found = []
    for _ in range(5):
        bench.ask("MoveChuckContact")
        found.append(bench.screen()["resistance"])
        assert bench.current(1.0) == pytest.approx(1 / (1e4 + found[-1]), rel=1e-3)
        bench.ask("MoveChuckSeparation")
    assert len(set(found)) == 5
    bench.ask("MoveChuckContact")
    before = bench.screen()
    bench.ask("SetChuckMode 1")
    bench.ask("MoveChuckContact")
    after = bench.screen()
    assert after["touches"] == before["touches"]
    assert after["resistance"] == pytest.approx(before["resistance"] * (20 / 45) ** 0.5)


def test_a_share_of_touch_downs_misses_and_another_one_may_hold() -> None:
    bench = Bench(miss=0.5)
    made = []
    for _ in range(40):
        bench.ask("MoveChuckContact")
        made.append(bench.screen()["touching"])
        assert (bench.current() > 0) == made[-1]
        bench.ask("MoveChuckSeparation")
    assert 8 <= sum(made) <= 32
    again = Bench(miss=0.5)
    for held in made[:5]:
        again.ask("MoveChuckContact")
        assert again.screen()["touching"] == held
        again.ask("MoveChuckSeparation")


def test_moving_with_an_output_on_is_counted() -> None:
    bench = Bench()
    bench.ask("MoveChuckContact")
    bench.ask("MoveChuckSeparation")
    assert bench.screen()["live"] == 0
    bench.switch_on(0.5)
    bench.ask("MoveChuckContact")
    bench.ask("MoveChuckSeparation")
    assert bench.screen()["live"] == 2


def test_devices_and_needles_are_kept_on_file(tmp_path: Path) -> None:
    ftj = {"family": "ftj", "preset": "bto-nsto", "conductance": "200 uS"}
    file = tmp_path / "wafer.state"
    bench = Bench(device=ftj, state=file, contact="20 Ohm", contact_sigma=0.3)
    bench.ask("StepNextDie 3 2")
    bench.ask("MoveChuckContact")
    first = bench.screen()["resistance"]
    bench.current(2.0)
    bench.ask("StepNextDie 1 3")
    bench.current(1.5)
    tallies = bench.laboratory.device.tally
    bench.close()
    again = Bench(device=ftj, state=file, contact="20 Ohm", contact_sigma=0.3)
    assert again.screen()["die"] == "1,3,1"
    assert not again.screen()["touching"]
    assert again.laboratory.device.tally == tallies
    again.ask("StepNextDie 3 2")
    again.ask("MoveChuckContact")
    assert again.laboratory.device.tally.peak == pytest.approx(2.0, rel=0.02)
    assert again.screen()["resistance"] != first
    again.close()
    third = Bench(device=ftj, state=file)
    assert third.screen()["die"] == "3,2,1"
    third.close()


# -- heat ------------------------------------------------------------------------------------------


def test_the_chuck_ramps_and_soaks() -> None:
    bench = Bench(options={"soak": "30 s"})
    assert bench.ask("SetHeaterTemp 85 Celsius 1") == "0: 85.0 C"
    assert bench.ask("GetHeaterTemp C").endswith("Heating")
    assert bench.ask("GetTargetTemp K") == "0: 358.1 K"
    begin = bench.now()
    bench.laboratory.clock.wait(100.0, lambda: False)
    assert bench.laboratory.fixture.temperature == pytest.approx(325.0, abs=0.6)
    assert bench.ask("HeatChuck 60 Celsius") == "0: 60.0 C"
    assert bench.laboratory.fixture.temperature == pytest.approx(333.15)
    assert bench.now() - begin == pytest.approx((333.15 - 300) / 0.25 + 30, abs=1.5)
    assert bench.ask("GetHeaterTemp C") == "0: 60.0 C Controlling"
    assert bench.ask("HeatChuck 900 C").startswith("902:")
    bench.bus.write("HeatChuck 25 C")
    bench.laboratory.clock.wait(10.0, lambda: False)
    assert bench.screen()["thermal"] == "cooling"


def test_stopping_the_heater_stays_where_it_is() -> None:
    bench = Bench()
    bench.ask("SetHeaterTemp 100 C")
    bench.laboratory.clock.wait(40.0, lambda: False)
    bench.ask("StopHeatChuck")
    bench.laboratory.clock.wait(400.0, lambda: False)
    assert bench.laboratory.fixture.temperature == pytest.approx(310.0, abs=0.6)
    assert bench.screen()["thermal"] == "uncontrolled"


# -- faults ----------------------------------------------------------------------------------------


def test_a_contact_is_lost_until_the_next_touch_down() -> None:
    lost = [{"instrument": "prober", "at": 2, "kind": "contact-lost"}]
    bench = Bench(faults=lost)
    bench.ask("MoveChuckContact")
    assert bench.current() > 0
    bench.ask("ReadChuckStatus")
    assert bench.current() == 0.0
    bench.ask("MoveChuckSeparation")
    bench.ask("MoveChuckContact")
    assert bench.current() > 0


def test_a_stuck_prober_says_so_and_is_freed_by_initialising() -> None:
    bench = Bench(faults=[{"instrument": "smu", "at": 1, "kind": "stuck"}])
    bench.ask("MoveChuckContact")
    bench.current()
    assert bench.ask("MoveChuckSeparation").startswith("32:")
    assert bench.screen()["touching"]
    assert bench.ask("InitChuck 7 0 0") == "0: "
    assert not bench.screen()["touching"]


def test_faults_of_a_prober_need_one() -> None:
    section = {"driver": "keithley2600", "model": "2602B", "address": PROBER}
    bench = {
        "name": "rig",
        "instruments": {"smu": section},
        "terminals": {},
        "simulation": {"faults": [{"instrument": "smu", "at": 1, "kind": "stuck"}]},
    }
    with pytest.raises(BadInput, match="no prober is on this bench"):
        open_laboratory(bench, 1, None, 0.0)


def test_an_injected_error_is_the_next_answer() -> None:
    bench = Bench(faults=[{"instrument": "prober", "at": 1, "kind": "error", "code": 44}])
    assert bench.ask("ReadChuckIndex Y") == "44: Error"
    assert bench.ask("ReadChuckIndex Y") == "0: 10000.00 10000.00"


# -- anything at all -------------------------------------------------------------------------------

_BENCH = Bench(sites=2, contact="20 Ohm")
_NAMES = sorted(_BENCH.station.table)
_SOME = [
    "",
    "0",
    "1",
    "-1",
    "2",
    "1e400",
    "nan",
    "5000",
    "H",
    "Y",
    "X",
    "C",
    "R",
    "V",
    "100",
    '"',
    "x",
]
_WORDS = st.sampled_from(_SOME)
_LINES = st.one_of(
    st.text(string.printable, max_size=30),
    st.tuples(st.sampled_from(_NAMES), st.lists(_WORDS, max_size=6)).map(
        lambda pair: " ".join((pair[0], *pair[1]))
    ),
    st.tuples(st.integers(0, 9), st.sampled_from(_NAMES), st.lists(_WORDS, max_size=4)).map(
        lambda row: f"Cmd={row[0]}:{row[1]}:{' '.join(row[2])}"
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
    assert max(map(abs, screen["position"])) < 1e12
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
            line = f"{draw.choice(_NAMES)} {' '.join(draw.choices(_SOME, k=draw.randrange(6)))}"
            at = draw.randrange(len(line))
            if draw.random() < 0.2:  # one character is another
                line = line[:at] + draw.choice(string.printable) + line[at + 1 :]
            kept.add(line)
            _take([line])
