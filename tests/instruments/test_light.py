"""The laser through the wire: irradiances that are asked for arrive, and the end is dark."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from labctl.errors import BadInput, InstrumentFault
from labctl.waveform import read
from labctl.workbench import Bench
from tests.instruments.rig_stations import SMU, defined, screen

LASER = "GPIB0::4::INSTR"


def content(**changes: Any) -> dict[str, Any]:
    return {
        "name": "rig",
        "instruments": {
            "smu": {"driver": "keithley2600", "model": "2602B", "address": SMU},
            "laser": {
                "driver": "ldp3811", "model": "LDP-3811", "address": LASER,
                "port": "light 365 nm", "threshold": "20 mA", "slope": 0.5, "spot": "1 mm2",
                **changes,
            },
        },
        "terminals": {"top": "smu.a"},
        "simulation": {
            "device": {"family": "optoelectronic", "preset": "mxene-vp"},
            "noise": {"instrument": False, "cycle": False, "device": False},
        },
    }  # fmt: skip


def opened(faults: Any = (), **changes: Any) -> Bench:
    file = content(**changes)
    file["simulation"]["faults"] = list(faults)
    return Bench(defined(file), file)


@pytest.fixture
def bench() -> Iterator[Any]:
    with opened() as made:
        yield made


def test_the_irradiance_that_is_asked_for_arrives(bench: Any) -> None:
    for wanted in (100.0, 25e3, 0.0, 3e4):
        bench.laser.shine(wanted)
        assert screen(bench, "laser")["irradiance"] == pytest.approx(wanted, rel=1e-4)


def test_a_device_under_light_conducts_better(bench: Any) -> None:
    voltage = read(1.0, 50e-3)
    dark = bench.play(voltage, 1e-3)[0].i
    bench.laser.shine(100.0)
    bench.clock.wait(5.0, lambda: False)
    assert bench.play(voltage, 1e-3)[0].i > dark


def crash(bench: Any) -> None:
    """Light, then fail with an error of one's own."""
    bench.laser.shine(100.0)
    raise ZeroDivisionError


def test_the_end_is_dark() -> None:
    bench = opened()
    with pytest.raises(ZeroDivisionError), bench:
        crash(bench)
    shown = screen(bench, "laser")
    assert (shown["output"], shown["irradiance"]) == (False, 0.0)


def test_more_than_the_limit_gives_is_one_sentence(bench: Any) -> None:
    with pytest.raises(BadInput, match="limit of 100 mA gives 0 to 40000 W/m2"):
        bench.laser.shine(5e4)
    with pytest.raises(BadInput, match="-1 W/m2"):
        bench.laser.shine(-1.0)
    assert not screen(bench, "laser")["output"]


def flicker(bench: Any) -> None:
    """Light again and again."""
    for _ in range(4):
        bench.laser.shine(10.0)


def test_an_error_of_the_instrument_is_raised() -> None:
    struck = {"instrument": "laser", "at": 12, "kind": "error", "code": -222}
    with opened([struck]) as bench, pytest.raises(InstrumentFault, match=r"laser.*222"):
        flicker(bench)


def test_it_says_who_it_is_and_how_it_is_set(bench: Any) -> None:
    assert "LDP-3811" in [identity.model for identity in bench.identify()]
    assert bench.snapshot()["laser"]["LIMIT:I200"] == "100"


def test_a_wrong_option_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="limit"):
        opened(limit="2 A")
