"""Probers through the wire: the drivers, and what a bench does with them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.formfactor.velox import Velox

from instruments.prober import read_site
from labctl.errors import BadInput, InstrumentFault, Refused
from labctl.stations import NoContact
from labctl.steps import Move, Soak
from labctl.waveform import pulse, read
from labctl.workbench import Bench
from tests.instruments.rig_stations import PROBER, content_of, defined, opened, screen

DRIVERS = ("velox", "sentio")
READ = read(0.1, 50e-3)


def never() -> bool:
    return False


def crash(bench: Any) -> None:
    """Measure, then fail with an error of one's own."""
    bench.play(READ, 1e-3)
    raise ZeroDivisionError


def tour(bench: Any, rounds: int = 1) -> None:
    """Measure on three dies."""
    for site in ("1,1", "2,2", "3,3") * rounds:
        do(bench, Move(site))
        bench.play(READ, 1e-3)


def do(bench: Any, step: Any) -> None:
    """Carry out a step without readings."""
    assert list(bench.execute(step, never)) == []


@pytest.fixture(params=DRIVERS)
def driver(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bench(driver: str) -> Iterator[Any]:
    with opened(content_of(driver), site="2,1,1") as made:
        yield made


# -- the rules of a bench --------------------------------------------------------------------------


def test_the_first_waveform_finds_its_site_contacted(bench: Any) -> None:
    assert screen(bench)["touches"] == 0  # opening a bench moves nothing
    (row,) = bench.play(READ, 1e-3)
    assert row.i == pytest.approx(1e-5, rel=1e-2)
    assert (screen(bench)["die"], screen(bench)["level"]) == ("2,1,1", "contact")
    bench.play(READ, 1e-3)
    assert screen(bench)["touches"] == 1  # and stays contacted


def test_a_move_contacts_another_site(driver: str) -> None:
    with opened(content_of(driver, gradient=[0.3, 0.0])) as bench:
        found = {}
        for site in ("1,1", "2,3,2", "3,2,1"):
            do(bench, Move(site))
            found[screen(bench)["die"]] = bench.play(READ, 1e-3)[0].i
        assert list(found) == ["1,1,1", "2,3,2", "3,2,1"]
        assert list(found.values()) == pytest.approx([0.8e-5, 1e-5, 1.2e-5], rel=1e-2)


def test_the_chuck_never_moves_with_an_output_on(bench: Any) -> None:
    bench.play(pulse(1.0, 1e-3), 1e-3)
    bench.smu.ChA.source_voltage = 0.7
    bench.smu.ChA.source_output = "ON"
    do(bench, Move("3,3"))
    assert not screen(bench, "smu")["output"]
    bench.smu.ChA.source_output = "ON"
    do(bench, Soak(310.0))
    shown = screen(bench)
    assert (shown["live"], shown["scratches"]) == (0, 0)


def test_a_bench_is_left_separated_however_it_ends(driver: str) -> None:
    content = content_of(driver)
    with opened(content) as bench:
        bench.play(READ, 1e-3)
    assert screen(bench)["level"] == "separation"
    broken = opened(content)
    with pytest.raises(ZeroDivisionError), broken:
        crash(broken)
    assert screen(broken)["level"] == "separation"
    assert screen(broken)["live"] == 0


def test_a_chuck_is_not_moved_while_a_source_cannot_be_made_safe(driver: str) -> None:
    bench: Any = opened(content_of(driver), site="2,1,1")
    bench.play(READ, 1e-3)
    bench.smu.adapter.close()  # the link of the source dies
    with pytest.raises(InstrumentFault, match="the chuck was not moved"):
        do(bench, Move("3,3"))
    assert (screen(bench)["die"], screen(bench)["level"]) == ("2,1,1", "contact")
    failures = bench.make_safe()
    assert any("smu" in failure for failure in failures)
    assert screen(bench)["level"] == "separation"
    bench.close()


def test_soaking_happens_off_the_needles_and_contact_is_made_anew(bench: Any) -> None:
    bench.play(READ, 1e-3)
    begin = bench.now()
    do(bench, Soak(330.0))
    assert bench.laboratory.fixture.temperature == pytest.approx(330.0)
    assert bench.now() - begin >= 30 / 0.25 + 20
    assert screen(bench)["level"] == "separation"
    bench.play(READ, 1e-3)
    assert screen(bench)["touches"] == 2
    assert screen(bench)["die"] == "2,1,1"


def test_a_soak_is_broken_off_when_asked(bench: Any) -> None:
    asked: list[float] = []

    def stop() -> bool:
        asked.append(bench.now())
        return len(asked) > 30

    list(bench.execute(Soak(500.0), stop))
    assert bench.now() < 100.0
    assert screen(bench)["temperature"] < 400.0


def test_a_temperature_out_of_reach_is_one_sentence(bench: Any) -> None:
    with pytest.raises(InstrumentFault, match="widen coldest and hottest"):
        do(bench, Soak(2000.0))


# -- contact check ---------------------------------------------------------------------------------


def test_a_missed_contact_is_made_again_before_any_stress(driver: str) -> None:
    checked = content_of(driver, options={"check": "50 mV", "touches": 8}, miss=0.5)
    with opened(checked) as bench:
        for site in ("1,1", "2,1", "3,1", "1,2", "2,2", "3,2"):
            do(bench, Move(site))
            assert screen(bench)["touching"]
        assert screen(bench)["touches"] > 6
        assert bench.laboratory.device.tally.peak <= 0.051  # V: the read that checked it


def test_needles_that_never_touch_are_a_fault_with_the_site(driver: str) -> None:
    with opened(content_of(driver, options={"check": "50 mV"}, miss=1.0)) as bench:
        with pytest.raises(NoContact, match=r"no contact on site 2,2,1 after 3 touch-downs"):
            bench.play(pulse(1.5, 1e-3), 1e-3)
        assert bench.laboratory.device.tally.peak == 0.0
        with pytest.raises(NoContact, match=r"site 1,3,2"):
            do(bench, Move("1,3,2"))


def test_the_contact_check_sees_through_the_offset_of_the_ammeter() -> None:
    noisy = {"instrument": True, "cycle": False, "device": False}
    missing = opened(content_of(options={"check": "50 mV"}, miss=1.0, noise=noisy))
    with missing as bench, pytest.raises(NoContact):
        bench.play(READ, 1e-3)
    high = {"family": "resistor", "preset": "10k", "conductance": "100 nS"}
    with opened(content_of(options={"check": "50 mV"}, noise=noisy, device=high)) as bench:
        bench.play(READ, 1e-3)


def test_the_check_keeps_to_the_envelope() -> None:
    content = content_of(options={"check": "3 V"})
    with opened(content) as bench, pytest.raises(Refused, match="envelope"):
        bench.play(READ, 1e-3)


# -- plans -----------------------------------------------------------------------------------------


def test_a_bench_without_a_prober_offers_no_move() -> None:
    content = content_of()
    with_prober = defined(content)
    assert with_prober.check(Move("1,1")) == []
    assert with_prober.check(Soak(300.0)) == []
    del content["instruments"]["prober"]
    without = defined(content)
    assert "a move" in str(without.check(Move("1,1"))[0])
    assert "a soak" in str(without.check(Soak(300.0))[0])


def test_a_resumed_run_stands_where_it_was(tmp_path: Path) -> None:
    content = content_of()
    state = tmp_path / "wafer.state"
    with opened(content, state=state) as bench:
        do(bench, Move("3,1,2"))
        bench.play(pulse(1.0, 1e-3), 1e-2)
    with opened(content, state=state) as bench:
        bench.stand(Move("3,1,2"))
        bench.play(READ, 1e-3)
        assert screen(bench)["die"] == "3,1,2"
        assert bench.laboratory.device.tally.peak == pytest.approx(1.0, rel=0.01)


# -- the drivers -----------------------------------------------------------------------------------


def test_it_says_who_it_is_and_how_it_is_set(bench: Any, driver: str) -> None:
    identity = next(one for one in bench.identify() if one.name == "prober")
    assert identity.model.lower() == driver
    assert identity.serial
    settings = bench.snapshot()["prober"]
    assert any("5020" in value for value in settings.values())


def test_every_failure_of_the_station_is_one_sentence(bench: Any) -> None:
    with pytest.raises(InstrumentFault) as raised:
        do(bench, Move("9,9"))
    text = str(raised.value)
    assert text.startswith(f"prober ({PROBER}): the prober answered error")
    assert "while stepping to 9,9,1" in text
    assert "\n" not in text
    assert screen(bench)["level"] == "separation"


@pytest.mark.parametrize("written", ["", "a,b", "1", "1,1,1,1", "1,1,0", "1;2"])
def test_a_site_is_written_as_one(written: str) -> None:
    with pytest.raises(BadInput, match="column,row,site"):
        read_site("prober", written)


def test_a_stuck_prober_is_a_fault_and_still_said_at_the_end(driver: str) -> None:
    stuck = [{"instrument": "smu", "at": 40, "kind": "stuck"}]
    bench = opened(content_of(driver, faults=stuck))
    with pytest.raises(InstrumentFault, match="separating") as caught, bench:
        tour(bench, 3)
    assert getattr(caught.value, "__notes__", []) == []  # once is enough
    assert not screen(bench, "smu")["output"]


def test_needles_that_lose_their_site_are_told_of_when_it_is_left(driver: str) -> None:
    checked = content_of(driver, options={"check": "50 mV"})
    with opened(checked, site="2,1,1") as bench:
        bench.play(READ, 1e-3)
        bench.laboratory.instruments["prober"].suffer("contact-lost")
        bench.play(READ, 1e-3)
        do(bench, Move("1,1,1"))
        bench.play(READ, 1e-3)
    (said,) = bench.stations.lost
    assert said.startswith("site 2,1,1 had a contact and at the end has none")
    assert screen(bench)["level"] == "separation"


def test_a_sound_contact_costs_no_second_look(driver: str) -> None:
    checked = content_of(driver, options={"check": "50 mV"})
    with opened(checked, site="2,1,1") as bench:
        bench.play(READ, 1e-3)
        began = bench.now()
        bench.stations.leave(never)
        assert bench.now() == began
    assert bench.stations.lost == []


@pytest.mark.parametrize("kind", ["mute", "close", "cut", "garbage"])
def test_a_link_that_fails_is_one_sentence(driver: str, kind: str) -> None:
    struck = [{"instrument": "prober", "at": 6, "kind": kind}]
    content = content_of(driver, faults=struck, options={"timeout": "10 s"})
    bench = opened(content)
    with pytest.raises(InstrumentFault, match="prober"), bench:
        tour(bench)
    assert not screen(bench, "smu")["output"]


def test_another_instrument_at_the_address_is_refused() -> None:
    content = content_of("velox")
    content["instruments"]["prober"]["driver"] = "sentio"
    definition = defined(content)
    content["instruments"]["prober"]["driver"] = "velox"  # what is really there
    with pytest.raises(InstrumentFault):
        Bench(definition, content)


def test_a_wrong_option_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="touches"):
        opened(content_of(options={"touches": 0}))
    with pytest.raises(BadInput, match="velocity"):
        opened(content_of(options={"velocity": 3}))


@pytest.mark.parametrize(
    "plain",
    [
        False,
        pytest.param(True, marks=pytest.mark.xfail(strict=True, reason="fault of pymeasure")),
    ],
)
def test_step_to_die_reaches_sub_die_0(plain: bool) -> None:
    with opened(content_of("velox")) as bench:
        do(bench, Move("2,2,2"))
        if plain:
            adapter = VISAAdapter(PROBER, visa_library=bench.laboratory.visa, timeout=40000)
            sent: list[str] = []
            write = adapter._write
            adapter._write = lambda command, **k: (sent.append(command), write(command, **k))[1]
            Velox(adapter).wafermap.step_to_die(2, 2, 0)
            assert sent == ["StepNextDie 2 2 0"]
        else:
            do(bench, Move("2,2,1"))
        assert screen(bench)["die"] == "2,2,1"
