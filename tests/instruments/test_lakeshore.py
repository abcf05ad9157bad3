"""Lake Shore controllers through the wire: the sample feels the temperature, and heat ends off."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from instruments import lakeshore
from instruments.lakeshore_limits import MODELS
from labctl.capability import Setup
from labctl.errors import BadInput, InstrumentFault
from labctl.steps import Soak
from labctl.waveform import read
from labctl.workbench import Bench
from tests.instruments.rig_stations import QUIET, SMU, defined, screen

STAGE = "GPIB0::12::INSTR"


def content(faults: Any = (), device: Any = None, **changes: Any) -> dict[str, Any]:
    stage = {
        "driver": "lakeshore", "model": "336", "address": STAGE, "soak": "30 s", "rate": "0.5 K/s",
        **changes,
    }  # fmt: skip
    return {
        "name": "rig",
        "instruments": {
            "stage": stage,
            "smu": {"driver": "keithley2600", "model": "2602B", "address": SMU},
        },
        "terminals": {"top": "smu.a"},
        "simulation": {
            "device": device or {"family": "resistor", "preset": "10k"},
            "noise": QUIET,
            "faults": [{"instrument": "stage", **fault} for fault in faults],
        },
    }


def opened(**changes: Any) -> Bench:
    file = content(**changes)
    return Bench(defined(file), file)


def never() -> bool:
    return False


def soak(bench: Any, temperature: float, stop: Any = never) -> None:
    assert list(bench.execute(Soak(temperature), stop)) == []


@pytest.fixture(params=["331", "350"])
def bench(request: Any) -> Iterator[Any]:
    with opened(model=request.param, base="290 K") as made:
        yield made


def test_the_sample_is_at_the_temperature_for_the_whole_soak(bench: Any) -> None:
    fixture = bench.laboratory.fixture
    soak(bench, 320.0)
    begun = bench.clock.now()
    assert begun >= 19 / 0.5 + 30  # the ramp to the window, then the soak
    assert fixture.temperature == pytest.approx(320.0, abs=0.5)
    for _ in range(30):  # it is kept between steps
        bench.clock.wait(1.0, never)
        assert fixture.temperature == pytest.approx(320.0, abs=0.2)


def test_the_setpoint_ramps_at_the_rate_of_the_bench_file(bench: Any) -> None:
    times: list[tuple[float, float]] = []

    def looked() -> bool:
        shown = screen(bench, "stage")
        times.append((bench.clock.now(), shown["setpoint"]))
        return False

    soak(bench, 330.0, looked)
    way = [(t, v) for t, v in times if 302 < v < 328]
    slopes = [(b[1] - a[1]) / (b[0] - a[0]) for a, b in pairwise(way)]
    assert slopes == pytest.approx([0.5] * len(slopes), rel=0.03)


def test_a_second_temperature_ramps_from_the_first_with_the_heat_on(bench: Any) -> None:
    soak(bench, 310.0)
    lowest: list[float] = []

    def looked() -> bool:
        lowest.append(screen(bench, "stage")["temperature"])
        return False

    soak(bench, 315.0, looked)
    assert min(lowest) > 309.5
    soak(bench, 305.0)  # cooling is the link's
    assert bench.laboratory.fixture.temperature == pytest.approx(305.0, abs=0.5)


def test_the_device_model_feels_it() -> None:
    with opened(device={"family": "diode"}) as bench:
        voltage = read(0.5, 20e-3)
        cold = bench.play(voltage, 1e-3)[0].i
        soak(bench, 340.0)
        assert bench.play(voltage, 1e-3)[0].i > 1.5 * cold


def test_an_overshoot_begins_the_soak_anew() -> None:
    with opened(lag="8 s", window="0.05 K", rate="1.5 K/s") as bench:
        inside: list[tuple[float, bool]] = []

        def looked() -> bool:
            shown = screen(bench, "stage")
            inside.append((bench.clock.now(), abs(shown["temperature"] - 330.0) <= 0.05))
            return False

        soak(bench, 330.0, looked)
        first = next(t for t, fine in inside if fine)
        last_outside = max(t for t, fine in inside if not fine)
        assert last_outside > first  # it went through the window, and came back
        assert bench.clock.now() - last_outside >= 30.0


def crash(bench: Any) -> None:
    """Heat, then fail with an error of one's own."""
    soak(bench, 310.0)
    assert screen(bench, "stage")["range"] > 0
    raise ZeroDivisionError


def test_the_end_is_without_heat() -> None:
    bench = opened()
    with pytest.raises(ZeroDivisionError), bench:
        crash(bench)
    assert screen(bench, "stage")["range"] == 0


def test_a_stop_request_switches_the_heater_off(bench: Any) -> None:
    begun = bench.clock.now()
    soak(bench, 390.0, lambda: bench.clock.now() > begun + 5)
    assert screen(bench, "stage")["range"] == 0
    assert bench.clock.now() < begun + 10


def test_limits_are_set_before_the_heater_is_on() -> None:
    with opened(hottest="350 K") as bench:
        sent = listen(bench.stage)
        soak(bench, 305.0)
        assert screen(bench, "stage")["limit"] == 355.0
        on = sent.index("RANGE 1,3")
        for setting in ("TLIMIT A,355", "OUTMODE 1,1,1,0", "SETP 1,300.000", "RAMP 1,1,30"):
            assert sent.index(setting) < on
        assert sent.index("SETP 1,305.000") > on


def listen(driver: Any) -> list[str]:
    """Write down what a driver sends from now on."""
    sent: list[str] = []
    send = driver.adapter._write

    def write(command: str, **kwargs: Any) -> None:
        sent.append(command)
        send(command, **kwargs)

    driver.adapter._write = write
    return sent


def test_the_331_is_not_told_the_number_of_its_heater() -> None:
    with opened(model="331") as bench:
        sent = listen(bench.stage)
        soak(bench, 302.0)
        assert "RANGE 3" in sent
        assert not [line for line in sent if line.startswith(("TLIMIT", "OUTMODE", "RANGE 1,"))]


@pytest.mark.parametrize(
    ("code", "said"),
    [(128, "beyond its range"), (1, "invalid"), (1001, "heater is open"), (1002, "shorted")],
)
def test_a_sensor_or_heater_that_fails_ends_the_soak_without_heat(code: int, said: str) -> None:
    with opened(faults=[{"at": 40, "kind": "error", "code": code}]) as bench:
        with pytest.raises(InstrumentFault, match=said):
            soak(bench, 350.0)
        assert screen(bench, "stage")["range"] == 0


def test_the_controllers_own_limit_is_seen() -> None:
    with opened(hottest="350 K") as bench:

        def tampered() -> bool:
            bench.stage.write("TLIMIT A,320")  # somebody at the front panel
            return False

        with pytest.raises(InstrumentFault, match="heater went off at 320"):
            soak(bench, 340.0, tampered)


def test_a_temperature_that_does_not_come_is_one_sentence() -> None:
    with opened(link=3.0, heater=2, patience="60 s") as bench:  # too little power
        with pytest.raises(InstrumentFault, match=r"s after the setpoint reached 380.*patience"):
            soak(bench, 380.0)
        assert screen(bench, "stage")["range"] == 0


@pytest.mark.parametrize("kind", ["mute", "garbage", "cut", "close"])
def test_a_link_that_fails_is_one_sentence(kind: str) -> None:
    bench = opened(faults=[{"at": 25, "kind": kind}])
    with pytest.raises(InstrumentFault, match=r"stage \(GPIB0::12::INSTR\)") as caught, bench:
        soak(bench, 320.0)
    assert "\n" not in str(caught.value)
    if kind == "close":  # the line is dead: that the heater may be on is said
        assert "heater" in " ".join(caught.value.__notes__)
    elif kind != "mute":
        assert screen(bench, "stage")["range"] == 0


def test_a_refused_setting_is_raised() -> None:
    with (
        opened(faults=[{"at": 8, "kind": "error", "code": -222}]) as bench,
        pytest.raises(InstrumentFault, match="execution error"),
    ):
        soak(bench, 310.0)


def test_out_of_reach_is_refused_before_anything_is_set() -> None:
    with opened(coldest="290 K", hottest="350 K") as bench:
        for wanted in (280.0, 360.0):
            assert not bench.stage.reaches(wanted)
            with pytest.raises(InstrumentFault, match="may not reach"):
                soak(bench, wanted)
        assert screen(bench, "stage")["range"] == 0


def test_it_says_who_it_is_and_how_it_is_set(bench: Any) -> None:
    identity = bench.stage.identify()
    assert identity.model in MODELS
    assert identity.idn.startswith("LSCI,MODEL")
    shot = bench.snapshot()["stage"]
    assert shot["PID"] == "+50.000,+20.000,+0.000"
    assert shot["RANGE"] == "0"


@pytest.mark.parametrize("found_on", ["safe", "leave"])
def test_a_heater_that_is_found_on_is_reported(found_on: str) -> None:
    file = content(found_on=found_on)
    with Bench(defined(file), file) as bench:
        bench.stage.write("RANGE 1,2")
        setup = bench.definition.setups()["stage"]
        again = Setup(
            setup.name, "336", STAGE, {}, bench.laboratory.visa, bench.laboratory, setup.options
        )  # fmt: skip
        assert "heater on range 2" in lakeshore.connect(again).snapshot()["found"]
        assert screen(bench, "stage")["range"] == (0 if found_on == "safe" else 2)


def test_another_model_is_refused() -> None:
    file = content(model="335")
    served = Bench(defined(file), file)
    with served:
        assert served.stage.identify().model == "335"
        setup = served.definition.setups()["stage"]
        other = Setup(setup.name, "336", STAGE, {}, served.laboratory.visa, served.laboratory)
        with pytest.raises(InstrumentFault, match="336 was expected"):
            lakeshore.connect(other)


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("input", "C", "one of A, B"),
        ("heater", 4, "1 to 3"),
        ("rate", "2 K/s", "K/min"),
        ("rate", "fast", "rate"),
        ("sensor", "A", "sensor"),
        ("hottest", "2 K", "less than hottest"),
    ],
)
def test_a_wrong_option_is_one_sentence(option: str, value: Any, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        opened(model="335", **{option: value})


def test_it_is_recognised() -> None:
    assert lakeshore.recognise("LSCI,MODEL331S,123456,020399") == "331"
    assert lakeshore.recognise("LSCI,MODEL336,LSA23AB/#######,1.6") == "336"
    assert lakeshore.recognise("LSCI,MODEL425,1,1") is None
    assert lakeshore.recognise("KEITHLEY INSTRUMENTS INC.,MODEL 2410,1,C34") is None
