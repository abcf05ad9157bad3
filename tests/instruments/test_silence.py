"""A computer that falls silent leaves no instrument driving the sample.

A process of its own plays on five virtual instruments behind TCP and is killed without warning
(SIGKILL, on Windows TerminateProcess); this process holds the instruments and watches their front
panels. What each can do by itself is what its driver forecasts: a 2600B listens for the computer
and ends when it hears nothing, also where its pulser plays; the others play what they were given to
its end, which is zero.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from instruments import keithley2400, keithley2450, keithley2600, keithley4200
from labctl.capability import Setup
from labctl.steps import Play
from labctl.waveform import pulse, train
from sim_backend.laboratory import open_laboratory
from sim_backend.server import Server

PACE = 5.0  # laboratory seconds in a second
SPAN = 60.0  # s: what the instruments are given to do, but for those that listen
HEARTBEAT = 20.0  # s, of the laboratory
#: instrument -> driver, model, channel, period and number of its pulses
PLAYED: dict[str, tuple[Any, str, str, float, int]] = {
    "tsp": (keithley2600, "2602B", "a", 0.4, 50_000),
    "pulser": (keithley2600, "2601B-PULSE", "a", 0.4, 50_000),
    "list": (keithley2400, "2410", "front", 0.4, int(SPAN / 0.4)),
    "model": (keithley2450, "2450", "front", 0.4, int(SPAN / 0.4)),
    "arb": (keithley4200, "4200A-SCS", "pmu1", 0.4, int(SPAN / 0.4)),
}
LISTENING = ("tsp", "pulser")
OPTIONS: dict[str, dict[str, Any]] = {
    **{name: {"heartbeat": f"{HEARTBEAT / PACE} s"} for name in LISTENING},
    "list": {"tick": "1 ms"}, "model": {}, "arb": {},
}  # fmt: skip

#: plays on instruments that are given as NAME=ADDRESS, on all at the same time
RUNNER = """
import sys, threading
from tests.instruments.test_silence import PLAYED, play_of, setup_of
def played(name, source):
    for rows in source.play(play_of(name), lambda: False):
        pass
sources = {}
for word in sys.argv[1:]:
    name, _, address = word.partition("=")
    sources[name] = PLAYED[name][0].connect(setup_of(name, address, "@py"))
threads = [threading.Thread(target=played, args=both) for both in sources.items()]
for thread in threads: thread.start()
for thread in threads: thread.join()
"""


def address_of(name: str) -> str:
    number = list(PLAYED).index(name) + 10
    return f"GPIB0::{number}::INSTR" if name != "arb" else f"TCPIP0::10.0.0.{number}::1225::SOCKET"


def setup_of(name: str, address: str, visa: Any) -> Setup:
    _, model, channel, _, _ = PLAYED[name]
    return Setup(
        name, model, address, {"top": channel}, visa, None, OPTIONS[name], accept_degraded=True,
        speed=PACE,
    )  # fmt: skip


def play_of(name: str) -> Play:
    *_, period, count = PLAYED[name]
    if name == "pulser":
        current = train(pulse(0.5, 100e-6), period, count)
        return Play(current, 1.0, voltage_limits={"top": 8.0})
    return Play(train(pulse(0.5, 0.1), period, count), 1e-3)


@pytest.fixture
def bench() -> Iterator[SimpleNamespace]:
    """Five instruments over one device each, served at a pace; and their front panels."""
    laboratories, addresses, panels = {}, {}, {}
    servers = []
    for name, (driver, model, channel, _, _) in PLAYED.items():
        section = {"driver": driver.__name__.partition(".")[2], "model": model,
                   "address": address_of(name), **OPTIONS[name]}  # fmt: skip
        laboratory = open_laboratory(
            {
                "name": name,
                "instruments": {"smu": section},
                "terminals": {"top": f"smu.{channel}"},
                "simulation": {
                    "device": {
                        "family": "resistor", "preset": "10k",
                        "conductance": "100 mS" if name == "pulser" else "100 uS",
                    }
                },
            },
            1, None, PACE,
        )  # fmt: skip
        server = Server({name: laboratory.visa.port(address_of(name))})
        server.__enter__()
        servers.append(server)
        laboratories[name], addresses[name] = laboratory, server.addresses[name]
        panels[name] = _panel(laboratory, channel)
    yield SimpleNamespace(laboratories=laboratories, addresses=addresses, panels=panels)
    for server in servers:
        server.__exit__(None, None, None)
    for laboratory in laboratories.values():
        laboratory.close()


def _panel(laboratory: Any, channel: str) -> Callable[[], dict[str, Any]]:
    return lambda: laboratory.instruments["smu"].channel_state(channel)


def until(happened: Callable[[], bool], what: Callable[[], str]) -> None:
    end = time.monotonic() + 240.0  # of a machine with much else to do
    while not happened():
        assert time.monotonic() < end, what()
        time.sleep(0.01)


def driving(bench: SimpleNamespace, name: str) -> bool:
    """Whether an instrument may still put a voltage on the sample.

    A pulse card stays joined to it when its test is over, at the zero volts where the test ended.
    """
    if name == "arb":
        return bool(bench.laboratories[name].instruments["smu"].card.running)
    return bool(bench.panels[name]()["output"])


@pytest.mark.timeout(600)
def test_killing_the_computer_leaves_every_instrument_at_zero_volts(bench, root):
    words = [f"{name}={address}" for name, address in bench.addresses.items()]
    env = {**os.environ, "PYTHONPATH": str(root)}
    process = subprocess.Popen([sys.executable, "-c", RUNNER, *words], env=env)
    try:
        for name in PLAYED:
            until(lambda name=name: driving(bench, name) or process.poll() is not None,
                  lambda name=name: f"{name} never began")  # fmt: skip
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()
    killed = {name: lab.clock.now_s for name, lab in bench.laboratories.items()}
    assert all(driving(bench, name) for name in PLAYED)
    for name, (driver, *_) in PLAYED.items():
        until(lambda name=name: not driving(bench, name),
              lambda name=name: f"{name} goes on: {bench.panels[name]()}")  # fmt: skip
        alone = bench.laboratories[name].clock.now_s - killed[name]
        foreseen = driver.forecast(setup_of(name, "", ""), play_of(name))
        assert bench.panels[name]()["level"] == 0
        # this process, too, looks late when the machine is busy
        assert alone < foreseen.alone + 6 * PACE, name
    for name in LISTENING:
        assert not driving(bench, name)
        played = bench.laboratories[name].clock.now_s - killed[name]
        assert played < play_of(name).waveform.duration / 10
    assert not bench.laboratories["pulser"].instruments["smu"].channels["a"].pulser.enable
