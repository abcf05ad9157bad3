"""The virtual 81160A: what pymeasure's driver sets arrives at the device, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.adapters import VISAAdapter
from pymeasure.instruments.keysight import Keysight81160A

from labctl.errors import BadInput
from sim_backend.companions import with_meters
from sim_backend.laboratory import open_laboratory

ADDRESS = "GPIB0::10::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}


def opened(**changes: Any) -> Any:
    section = {"driver": "keysight81160a", "model": "81160A", "address": ADDRESS, **changes}
    return open_laboratory(
        {
            "name": "rig",
            "instruments": {"awg": section},
            "terminals": {"top": "awg.1"},
            "simulation": {"device": {"family": "resistor", "preset": "10k"}, "noise": QUIET},
        },
        1, None, 0.0,
    )  # fmt: skip


@pytest.fixture
def lab() -> Any:
    return opened()


@pytest.fixture
def client(lab: Any) -> Iterator[Any]:
    adapter = VISAAdapter(
        ADDRESS, visa_library=lab.visa, read_termination="\n", write_termination="\n"
    )
    yield Keysight81160A(adapter)
    adapter.close()


def queue(client: Any) -> list[str]:
    entries: list[str] = []
    while not (answer := client.ask(":SYST:ERR?").strip()).startswith(("0,", "+0,")):
        entries.append(answer)
    return entries


def test_a_waveform_of_pymeasures_driver_reaches_the_device(client: Any, lab: Any) -> None:
    first = client.ch_1
    first.write(":OUTP1:LOAD 1E6")
    first.waveform_volatile = [0.0, 1.0, 1.0, 0.0, 0.0]
    client.write(":FUNC1:USER VOLATILE")
    first.shape = "USER"
    first.frequency = 1e3
    first.amplitude, first.offset = 2.0, 0.0
    first.trigger_mode, first.trigger_count = "MAN", 3
    first.output = True
    assert (first.shape, first.frequency, first.amplitude) == ("USER", 1e3, 2.0)
    assert (first.trigger_mode, first.trigger_count) == ("MAN", 3)
    lab.clock.advance(1.0)
    assert lab.device.tally.throughput == 0
    client.write("*TRG")
    lab.clock.advance(1.0)
    # three periods of 1 ms, 1 V for two fifths of each, into 10 kOhm behind 50 Ohm
    assert lab.device.tally.throughput == pytest.approx(3 * 0.4e-3 / 10_050, rel=1e-3)
    assert queue(client) == []


@pytest.mark.parametrize(
    ("line", "codes"),
    [
        (":FUNC1 TRI", ["-224"]),
        (":VOLT3 1", ["-114"]),
        (":SOUR1:VOLT 1", ["-113"]),
        (":VOLT1 99", ["-222"]),
        (":DATA1:DAC ELSEWHERE,0,1,2", ["-104"]),
        (":DATA1:DAC VOLATILE,0,9000", ["-222"]),
        (":FUNC1:USER VOLATILE", ["785"]),
    ],
)
def test_what_it_does_not_take_is_in_the_queue(client: Any, line: str, codes: list[str]) -> None:
    client.write(line)
    assert [entry.split(",")[0].lstrip("+") for entry in queue(client)] == codes


def test_the_section_of_a_generator_is_two_instruments() -> None:
    lab = opened(meter={"model": "2636B", "address": "GPIB0::26::INSTR", "channel": "b"})
    assert sorted(lab.instruments) == ["awg", "awg.meter"]
    assert lab.instruments["awg.meter"].model == "2636B"
    content = with_meters({"instruments": {"awg": {"meter": {"model": "2602B"}}}})
    assert content["terminals"] == {"bottom": "awg.meter.a"}


def test_an_edge_of_the_second_output_is_felt_by_the_meter() -> None:
    lab = opened(meter={"model": "2602B", "address": "GPIB0::26::INSTR", "line": 3})
    meter, awg = lab.instruments["awg.meter"], lab.instruments["awg"]
    meter.write(b"digio.trigger[3].mode = digio.TRIG_RISINGA\n")
    for line in (b":FUNC2 SQU", b":VOLT2 4", b":FREQ2 1000", b":ARM:SOUR2 MAN", b":TRIG2:COUN 1"):
        awg.write(line + b"\n")
    awg.write(b":OUTP2 1\n")
    awg.write(b"*TRG\n")
    lab.clock.advance(1.0)
    meter.write(b"print(digio.trigger[3].wait(0), digio.trigger[3].wait(0))\n")
    assert b"".join(meter.replies()).split() == [b"true", b"false"]


def test_a_meter_without_a_digital_port_is_one_sentence() -> None:
    with pytest.raises(BadInput, match="2604B has no port"):
        opened(meter={"model": "2604B", "address": "GPIB0::26::INSTR"})


def test_two_blocks_in_one_message_are_the_points_of_two_outputs() -> None:
    awg = opened().instruments["awg"]
    first, second = b"\x00\x00\x1f\xff", b"\x00\x00\xe0\x01"  # 0, 8191 and 0, -8191
    awg.write(b":DATA1:DAC VOLATILE,#14" + first + b";:DATA2:DAC VOLATILE,#14" + second + b"\n")
    kept = [output.settings.arbs["VOLATILE"] for output in awg.outputs]
    assert kept == [(0.0, 1.0), (0.0, -1.0)]
