"""Device models: pulses on an array, a billion cycles, ten years; beside AIHWKit and plain loops.

``python benchmarks/devices.py [--quick] [--json]``; `tasks.py bench-env` makes an environment in
which the peers are installed. (AIHWKit 1.1.0 runs with torch 2.10.0 and not with newer ones; its
tiles know no time between pulses and no voltage, so it is a peer in speed only.)

An array of 64 x 64 cells takes 1000 identical pulses, with its variation from cycle to cycle: a
lasting weight with soft bounds and two volatile exponentials. Goals that are times stand as peers
of that name.
"""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from comparison import Case, Comparison, Party, arguments

from labctl.interface import bench as open_bench
from labctl.waveform import pulse, read, rest
from sim_backend.devices import Stream, families, family

PACKAGES = ("labctl", "aihwkit", "torch", "numpy", "numba")
CELLS, PULSES = 64 * 64, 1000
TEN_YEARS = 3.156e8  # s


def our_array(pulses: int, *, table: bool) -> Party:
    """Return our party: one call for the whole train, noise on."""
    model = family("rram-array").load("volatile")
    stream = Stream(1, table=table)
    state = model.fresh(CELLS, stream, spread=True)
    pieces = [({"top": 1.5}, 1e-6), ({}, 1e-4)]
    sigma = getattr(model, "parameters").cycle_sigma  # noqa: B009 - not of every model
    if not sigma > 0:
        raise SystemExit("the preset has no variation from cycle to cycle to be measured")

    def party() -> float:
        begin = time.perf_counter()
        model.repeat(state, pieces, pulses, 300.0, stream)
        return CELLS * pulses / (time.perf_counter() - begin)

    return party


def python_loop(pulses: int) -> Party:
    """Return the party of the same update, cell by cell in plain Python."""
    count = max(1, CELLS * pulses // 1000)

    def party() -> float:
        w, v1, v2, draw = 0.0, 0.0, 0.0, random.Random(1).gauss
        begin = time.perf_counter()
        for _ in range(count):
            aim = 1.0 + 0.1 * draw(0.0, 1.0)
            w = min(1.0, max(-1.0, aim + (w - aim) * 0.99))
            v1 = (0.2 + (v1 - 0.2) * 0.9) * 0.999
            v2 = (0.1 + (v2 - 0.1) * 0.95) * 0.9999
        elapsed = time.perf_counter() - begin
        assert math.isfinite(w + v1 + v2)
        return count / elapsed

    return party


def numpy_steps(pulses: int) -> Party:
    """Return the party of the same update, one vector operation after another."""
    count = max(1, pulses // 10)

    def party() -> float:
        draw = np.random.default_rng(1).standard_normal
        w, v1, v2 = np.zeros((3, CELLS))
        begin = time.perf_counter()
        for _ in range(count):
            aim = 1.0 + 0.1 * draw(CELLS)
            w = np.clip(aim + (w - aim) * 0.99, -1.0, 1.0)
            v1 = (0.2 + (v1 - 0.2) * 0.9) * 0.999
            v2 = (0.1 + (v2 - 0.1) * 0.95) * 0.9999
        return CELLS * count / (time.perf_counter() - begin)

    return party


def aihwkit_tile(pulses: int) -> Party:
    """Return AIHWKit's party: its reference ReRAM array, updates in one batched call."""
    import torch
    from aihwkit.simulator.configs import SingleRPUConfig
    from aihwkit.simulator.presets.devices import ReRamArrayOMPresetDevice
    from aihwkit.simulator.tiles import AnalogTile

    tile = AnalogTile(64, 64, SingleRPUConfig(device=ReRamArrayOMPresetDevice()))
    tile.set_learning_rate(0.01)
    x, d = torch.ones(pulses, 64), -torch.ones(pulses, 64)

    def party() -> float:
        begin = time.perf_counter()
        tile.update(x, d)
        return CELLS * pulses / (time.perf_counter() - begin)

    return party


def endurance(cycles: int) -> Party:
    """Return our party for cycles with reads at every power of ten, on the direct bench."""
    cycle = (
        pulse(1.5, 100e-9, measured=False) + rest(1e-6)
        + pulse(-1.5, 100e-9, measured=False) + rest(1e-6)
    )  # fmt: skip

    def party() -> float:
        begin = time.perf_counter()
        with open_bench("direct-rram") as bench:
            done = 0
            for power in range(1, round(math.log10(cycles)) + 1):
                bench.play(cycle * (10**power - done), 5e-3)
                done = 10**power
                bench.play(rest(1e-6) + read(0.1, 1e-5), 5e-3)
        return 1 / (time.perf_counter() - begin)

    return party


def ten_years() -> Party:
    """Return our party for the slowest preset of all: a pulse, ten years, a look."""
    models = [family(name).load(preset) for name in families() for preset in family(name).names()]

    def party() -> float:
        worst = 0.0
        for model in models:
            state = model.fresh(1, Stream(1), spread=True)
            begin = time.perf_counter()
            model.advance(state, {model.terminals[0]: 1.0}, 1e-4, 300.0, Stream(2))
            model.advance(state, {}, TEN_YEARS, 300.0, Stream(2))
            model.conductance(state)
            worst = max(worst, time.perf_counter() - begin)
        return 1 / worst

    return party


def present(
    makers: dict[str, Callable[[], Party]],
) -> tuple[dict[str, Party], dict[str, str]]:
    """Make the peers' parties; those that cannot be imported are returned with the reason."""
    peers: dict[str, Party] = {}
    absent: dict[str, str] = {}
    for name, make in makers.items():
        try:
            peers[name] = make()
        except (ImportError, OSError, RuntimeError) as error:
            absent[name] = f"not installed: {str(error).splitlines()[0]}"
    return peers, absent


def constant(value: float) -> Party:
    """Return a goal as a peer."""
    return lambda: value


def main() -> None:
    """Measure every case and print the figures."""
    asked: Any = arguments(__doc__ or "")
    pulses = PULSES // 10 if asked.quick else PULSES
    comparison = Comparison("devices", PACKAGES, rounds=1 if asked.quick else 5)
    peers, absent = present(
        {
            "AIHWKit": lambda: aihwkit_tile(pulses),
            "numpy": lambda: numpy_steps(pulses),
            "Python": lambda: python_loop(pulses),
        }
    )
    comparison.measure(
        Case(
            f"64 x 64 cells, {pulses} noisy pulses, numbers from a table",
            "device-pulses a second",
            {"AIHWKit": 25.0, "1 ns each": 1.0},
        ),
        our_array(pulses, table=True),
        {**peers, "1 ns each": constant(1e9)},
        absent,
    )
    comparison.measure(
        Case(f"64 x 64 cells, {pulses} noisy pulses, exact numbers", "device-pulses a second", {}),
        our_array(pulses, table=False),
        peers,
        absent,
    )
    cycles = 10**7 if asked.quick else 10**9
    comparison.measure(
        Case(f"{cycles:.0e} cycles with reads, direct-rram", "runs a second", {"in 5 s": 1.0}),
        endurance(cycles),
        {"in 5 s": constant(1 / 5)},
        {},
    )
    comparison.measure(
        Case("ten years of rest, slowest preset", "times a second", {"in 0.1 s": 1.0}),
        ten_years(),
        {"in 0.1 s": constant(10.0)},
        {},
    )
    comparison.print(asked.json)


if __name__ == "__main__":
    main()
