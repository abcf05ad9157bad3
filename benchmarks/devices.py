"""Device pulses a second, a billion cycles and ten years at rest, against AIHWKit and plain loops.

``python benchmarks/devices.py [--quick] [--json]``. Peers are measured where they are installed
(``pip install torch==2.10.0 aihwkit==1.1.0``; other versions of torch do not work with that wheel).
A goal in absolute numbers stands as a peer of that figure.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import devices_peers
from comparison import Case, Comparison, Party, arguments

from labctl.interface import bench as open_bench
from labctl.waveform import pulse, read, rest
from sim_backend.devices import Stream, family

PACKAGES = ("labctl", "numpy", "numba", "aihwkit", "torch", "memtorch")
SIDE, PULSES = 64, 1000
ROUND = 0.03  # s: trains are repeated until a round is about as long as those of the peers
NANOSECOND = 1000.0  # one device-pulse a nanosecond, in million a second
TEN_YEARS = 3.156e8
FAMILIES = ("rram", "rram-gap", "rram-array", "cbram", "pcm")
TRAIN = [({"top": 1.5}, 1e-7), ({}, 1e-3)]


def our_pulses(count: int, *, table: bool, noise: bool = True) -> Party:
    """Return our party for trains of pulses on an array: one lasting, two volatile weights."""
    model = family("rram-array").load("volatile")
    state = model.fresh(SIDE * SIDE, Stream(1), spread=True)
    stream = Stream(2, table=table) if noise else None

    def party() -> float:
        begin, trains, passed = time.perf_counter(), 0, 0.0
        while passed < ROUND:
            model.repeat(state, TRAIN, count, 300.0, stream)
            trains, passed = trains + 1, time.perf_counter() - begin
        return SIDE * SIDE * count * trains / passed / 1e6

    return party


def our_endurance(most: float) -> Party:
    """Return our party for SET/RESET cycles with reads at logarithmic intervals, on a bench."""
    high, low = (pulse(s * 1.5, 100e-9, measured=False) for s in (1, -1))
    look = rest(1e-6) + read(0.1, 1e-5)
    cycle, shown = high + rest(1e-6) + low + rest(1e-6), high + look + low + look

    def party() -> float:
        begin, done, mark = time.perf_counter(), 0, 1.0
        with open_bench("direct-rram", seed=1) as bench:
            while done < most:
                if mark > done + 1:
                    bench.play(cycle * (round(mark) - done - 1), 5e-3)
                bench.play(shown, 5e-3)
                done, mark = round(max(mark, done + 1)), mark * 10**0.2
        return done / (time.perf_counter() - begin)

    return party


def our_retention() -> Party:
    """Return our party for ten years at rest: the family that takes longest."""
    models = [family(name).load() for name in FAMILIES]

    def party() -> float:
        slowest = 0.0
        for model in models:
            state = model.fresh(1, Stream(1), spread=False)
            model.advance(state, {"top": 1.2}, 1e-7, 300.0, Stream(2))
            begin = time.perf_counter()
            model.advance(state, {}, TEN_YEARS, 300.0, Stream(2))
            model.current(state, {"top": 0.1})
            slowest = max(slowest, time.perf_counter() - begin)
        return 1.0 / slowest

    return party


def present(makers: dict[str, Callable[[], Any]]) -> tuple[dict[str, Party], dict[str, str]]:
    """Make the peers' parties; those that cannot be imported are returned with the reason."""
    peers: dict[str, Party] = {}
    absent = dict(devices_peers.ABSENT)
    for name, make in makers.items():
        try:
            peers[name] = make()
        except ImportError as error:
            absent[name] = f"not installed: {error}"
    return peers, absent


def fixed(figure: float) -> Party:
    """Return a party that always has the figure of a goal."""
    return lambda: figure


def compare_pulses(comparison: Comparison, scale: int) -> None:
    """Measure pulses on an array of 64 x 64 with variation from cycle to cycle."""
    count = PULSES // scale
    makers: dict[str, Callable[[], Any]] = {}
    for name in devices_peers.AIHWKIT:
        for text, together in (("", False), (", all in one call", True)):
            makers[name + text] = partial(
                devices_peers.aihwkit_pulses, name, SIDE, count, together=together
            )
    peers, absent = present(makers)
    plain = {
        "numpy, loop over pulses": devices_peers.numpy_pulses(SIDE, max(count // 10, 10)),
        "pure Python": devices_peers.python_pulses(SIDE, 2),
    }
    goals = dict.fromkeys(devices_peers.AIHWKIT, 25.0) | {"1 ns a device-pulse": 1.0}
    case = Case("pulses on 64 x 64 devices, noise from a table", "million device-pulses/s", goals)
    limit = {"1 ns a device-pulse": fixed(NANOSECOND)}
    comparison.measure(case, our_pulses(count, table=True), {**limit, **peers, **plain}, absent)
    for text, options in (
        ("pulses on 64 x 64 devices, exact noise", {"table": False}),
        ("pulses on 64 x 64 devices, no noise", {"table": False, "noise": False}),
    ):
        case = Case(text, "million device-pulses/s", {})
        comparison.measure(case, our_pulses(count, **options), peers | plain, absent)


def main() -> None:
    """Measure and print."""
    asked = arguments("Device pulses, endurance and retention, against peers.")
    scale = 10 if asked.quick else 1
    comparison = Comparison("devices", PACKAGES, rounds=1 if asked.quick else 7)
    compare_pulses(comparison, scale)
    case = Case("1e9 cycles with five reads a decade, direct-rram", "cycles/s", {"1e9 in 5 s": 1.0})
    comparison.measure(case, our_endurance(1e9), {"1e9 in 5 s": fixed(2e8)}, {})
    case = Case("ten years at rest, slowest family", "times/s", {"0.1 s": 1.0})
    comparison.measure(case, our_retention(), {"0.1 s": fixed(10.0)}, {})
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
