"""The virtual laboratory: bench sections, wiring, seeds, faults, and a sample that survives."""

import os
import random
import signal
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import pyvisa
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import BadInput, RecordFault
from sim_backend.devices import Stream, family
from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from sim_backend.state import StateFile, kept, restored

ADDRESS = "GPIB0::26::INSTR"
QUIET = {"instrument": False, "cycle": False, "device": False}


def bench(**simulation: Any) -> dict[str, Any]:
    section = {"device": {"family": "ftj", "conductance": "200 uS"}, "noise": QUIET, **simulation}
    return {
        "name": "bench",
        "instruments": {"smu": {"driver": "keithley2600", "model": "2602B", "address": ADDRESS}},
        "terminals": {"top": "smu.a"},
        "simulation": section,
    }


def opened(state: Path | None = None, seed: int = 1, **simulation: Any) -> VirtualLaboratory:
    return open_laboratory(bench(**simulation), seed, state, 0.0)


class Bus:
    """The instrument of a laboratory, by VISA."""

    def __init__(self, laboratory: VirtualLaboratory) -> None:
        self.instrument = pyvisa.ResourceManager(laboratory.visa).open_resource(ADDRESS)

    def send(self, *lines: str) -> None:
        for line in lines:
            self.instrument.write(line)

    def ask(self, expression: str) -> float:
        return float(self.instrument.query(f"print({expression})"))


READY = (
    "smua.source.rangev = 1", "smua.source.limiti = 1e-2", "smua.measure.rangei = 1e-2",
    "smua.source.levelv = 0.1", "smua.source.output = 1",
)  # fmt: skip


def test_a_reading_by_visa_is_the_device() -> None:
    laboratory = opened()
    bus = Bus(laboratory)
    bus.send(*READY, "format.asciiprecision = 16")
    assert bus.ask("smua.measure.i()") == pytest.approx(0.1 * 200e-6, rel=1e-9)
    assert laboratory.device.conductance == pytest.approx(200e-6)
    assert laboratory.device.tally.pulses == 0
    bus.send("smua.source.levelv = 1", "delay(1e-4)", "smua.source.levelv = 0")
    assert laboratory.device.tally.positive == 1
    assert laboratory.device.conductance > 220e-6


def test_an_unwired_channel_is_over_air() -> None:
    laboratory = opened()
    bus = Bus(laboratory)
    bus.send("smub.source.levelv = 1", "smub.source.output = 1")
    assert bus.ask("smub.measure.i()") == 0.0
    assert laboratory.device.tally.peak == 0.0


def test_both_terminals_can_be_driven() -> None:
    both = bench()
    both["terminals"] = {"bottom": "smu.a", "top": "smu.b"}
    laboratory = open_laboratory(both, 1, None, 0.0)
    bus = Bus(laboratory)
    bus.send(*READY, "smub.source.output = 1")
    assert bus.ask("smua.measure.i()") == pytest.approx(2e-5, rel=1e-4)
    assert bus.ask("smub.measure.i()") == pytest.approx(-2e-5, rel=1e-4)


def readings(seed: int) -> list[str]:
    laboratory = opened(seed=seed, noise={})
    bus = Bus(laboratory)
    bus.send(*READY)
    return [bus.instrument.query("print(smua.measure.iv())") for _ in range(5)]


def test_a_seed_fixes_every_reading() -> None:
    assert readings(3) == readings(3)
    assert readings(3) != readings(4)


def test_streams_are_independent() -> None:
    """Switching the instrument's noise off leaves the device its variations."""
    states = []
    for instrument in (True, False):
        laboratory = opened(noise={"instrument": instrument})
        states.append(laboratory.device.state.parameters.tolist())
    assert states[0] == states[1]


def test_a_description_says_what_is_simulated() -> None:
    account = opened(noise={"cycle": False}).describe()
    assert account["device"]["family"] == "ftj"
    assert account["device"]["grade"] == "fitted"
    assert account["device"]["parameters"]["t1"]["unit"] == "s"
    assert account["noise"] == {
        "instrument": True,
        "cycle": False,
        "device": True,
        "table": False,
        "read": None,
    }
    assert account["seed"] == 1


def test_faults_reach_the_wire() -> None:
    laboratory = opened(faults=[{"instrument": "smu", "at": 2, "kind": "mute"}])
    bus = Bus(laboratory)
    bus.send("smua.source.levelv = 0")
    with pytest.raises(pyvisa.errors.VisaIOError):
        bus.ask("1")


@pytest.mark.parametrize(
    ("simulation", "sentence"),
    [
        ({"devise": {}}, 'simulation: the key "devise" is unknown; allowed are .*device'),
        ({"noise": {"all": 1}}, 'the key "noise.all" is unknown; allowed are instrument'),
        ({"latency": "1 V"}, "simulation: latency = .* is not allowed"),
        ({"device": {"preset": "x"}}, 'device: the key "family" is missing; give .*ftj'),
        ({"device": {"family": "x"}}, 'family "x" was asked for; installed are .*ftj'),
        ({"device": {"family": "ftj", "tau": 1}}, 'device: the key "tau" is unknown'),
        ({"faults": [{"instrument": "x", "at": 1, "kind": "mute"}]}, 'names the instrument "x"'),
    ],
)
def test_a_wrong_key_gets_one_sentence(simulation: dict[str, Any], sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence) as caught:
        opened(**simulation)
    assert "\n" not in str(caught.value)


def test_a_model_without_a_counterpart_is_refused() -> None:
    other = bench()
    other["instruments"]["smu"]["model"] = "9999"
    with pytest.raises(BadInput, match='the model "9999", which has no virtual counterpart'):
        open_laboratory(other, 1, None, 0.0)


# -- the sample that survives ---------------------------------------------------------------------


def test_device_and_time_continue_and_instruments_are_fresh(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "device"
    first = opened(path)
    bus = Bus(first)
    bus.send(*READY, "smua.source.levelv = 1", "delay(1e-4)")  # and then killed
    second = opened(path)
    assert second.sessions == 2
    assert second.clock.now() == first.clock.now() > 0
    assert second.device.state.values.tolist() == first.device.state.values.tolist()
    assert second.device.tally.positive == 1
    assert Bus(second).ask("smua.source.output") == 0


def test_a_wait_of_the_host_is_kept(tmp_path: Path) -> None:
    first = opened(tmp_path / "device")
    first.clock.wait(100.0, lambda: False)
    assert opened(tmp_path / "device").clock.now() == 100.0


def test_a_wait_hears_a_stop() -> None:
    laboratory = opened()
    laboratory.clock.wait(100.0, lambda: True)
    assert laboratory.clock.now() == 0.0


def test_the_state_is_on_file_before_the_answer_is_out(tmp_path: Path) -> None:
    laboratory = opened(tmp_path / "device")
    bus = Bus(laboratory)
    bus.send(*READY)
    for level in (1, 0.1, -1.5, 0.1):
        bus.send(f"smua.source.levelv = {level}")
        bus.ask("smua.measure.i()")
        saved = StateFile(tmp_path / "device").read()
        assert saved is not None
        assert saved.time == laboratory.clock.now()
        assert restored(saved).values.tolist() == laboratory.device.state.values.tolist()


def test_another_device_is_not_taken_for_this_one(tmp_path: Path) -> None:
    opened(tmp_path / "device").close()
    with pytest.raises(BadInput, match="holds the state of a device ftj bto-nsto"):
        opened(tmp_path / "device", device={"family": "resistor"})


@pytest.mark.parametrize("content", [b"", b"nothing of the kind" * 100])
def test_a_file_of_another_kind_is_not_overwritten(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "device"
    path.write_bytes(content)
    with pytest.raises(BadInput, match="is not the state of a virtual device"):
        opened(path)
    assert path.read_bytes() == content


def test_a_folder_that_refuses_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way", encoding="utf-8")
    with pytest.raises((RecordFault, BadInput), match="device"):
        opened(tmp_path / "file" / "device")


def saved_at(time: float, devices: int = 1):
    state = family("ftj").load().fresh(devices, Stream(1), spread=True)
    state.row("p")[:] = time
    return kept(state, family="ftj", preset="bto-nsto", time=time, seed=1, sessions=1)


def test_a_state_comes_back_to_the_last_bit(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "device")
    for devices in (1, 3, 200):  # the file grows
        for time in (0.1, 0.2, 1 / 3):
            file.write(saved_at(time, devices))
            assert StateFile(file.path).read() == saved_at(time, devices)
    file.close()
    file.write(saved_at(7.0))
    assert StateFile(file.path).read() == saved_at(7.0)
    file.close()


@given(data=st.data())
def test_a_write_cut_short_spoils_nothing(data: st.DataObject, workplace: Path) -> None:
    """Whatever part of the next write reached the file, the last state or the next is there."""
    path = workplace / "device"
    path.unlink(missing_ok=True)
    file = StateFile(path)
    for time in range(data.draw(st.integers(1, 4))):
        file.write(saved_at(time))
    before = path.read_bytes()
    file.write(saved_at(99.0))
    after = path.read_bytes()
    file.close()
    assert len(before) == len(after)
    cut = data.draw(st.integers(0, len(after)))
    path.write_bytes(after[:cut] + before[cut:])
    found = StateFile(path).read()
    assert found is not None
    assert found in (saved_at(time), saved_at(99.0))


WRITER = """
import sys
from pathlib import Path
from sim_backend.devices import Stream, family
from sim_backend.state import StateFile, kept
state = family("ftj").load().fresh(1, Stream(1), spread=True)
file = StateFile(Path(sys.argv[1]))
for number in range(10_000_000):
    state.row("p")[:] = number
    file.write(kept(state, family="ftj", preset="x", time=number, seed=1, sessions=1))
    print(number, flush=True)
"""


def test_killed_at_any_moment_the_file_is_whole_and_up_to_date(tmp_path: Path, root: Path) -> None:
    moments = random.Random(1)
    for trial in range(4):
        path = tmp_path / f"device{trial}"
        process = subprocess.Popen(
            [sys.executable, "-c", textwrap.dedent(WRITER), str(path)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=root,
            env={**os.environ, "PYTHONPATH": str(root)},
        )
        assert process.stdout is not None
        for _ in range(moments.randrange(1, 400)):
            acknowledged = int(process.stdout.readline())
        process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))
        acknowledged = max([acknowledged, *map(int, process.stdout.read().split())])
        process.stdout.close()
        process.wait()
        saved = StateFile(path).read()
        assert saved is not None
        assert saved.time >= acknowledged
        assert restored(saved).row("p")[0] == saved.time


@pytest.mark.parametrize("table", [False, True])
def test_cycle_to_cycle_variation_may_come_from_a_table(table: bool) -> None:
    noise = {"instrument": False, "device": False, "cycle": True, "table": table}
    stream = opened(noise=noise).fixture.stream
    assert stream is not None
    assert stream.table is table
    assert abs(stream.normal(3, 7)) < 6
