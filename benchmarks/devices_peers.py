"""What others do for one pulse on each of many devices.

AIHWKit: `update()` of a whole tile with one pulse a device, its default kind of pulses: once a
call, as a simulation of events has to, and all in one call, its fastest way. It has no time, no
voltage and no relaxation between pulses: a peer in speed only. The plain loops do what our kernel
does, device by device in Python or pulse by pulse in numpy.
"""

from __future__ import annotations

import importlib
import math
import random
import time
from types import MappingProxyType

import numpy as np
from comparison import Party

__all__ = ["ABSENT", "AIHWKIT", "aihwkit_pulses", "numpy_pulses", "python_pulses"]

#: our name for the peer -> its class of preset
AIHWKIT = MappingProxyType(
    {
        "AIHWKit, Idealized": "IdealizedPresetDevice",
        "AIHWKit, EcRam": "EcRamPresetDevice",
        "AIHWKit, ReRamArrayOM": "ReRamArrayOMPresetDevice",
        "AIHWKit, ReRamES": "ReRamESPresetDevice",
    }
)
#: peers that cannot take part
ABSENT = MappingProxyType(
    {
        "MemTorch": (
            "its source distribution needs torch while it is built and does not install; "
            "its classes take a step of time at once, 1e6 steps for one pulse of 100 us"
        )
    }
)
_KEPT, _BOUND, _SIGMA, _A1, _A2 = 0.98, 1.0, 0.3, 0.99, 0.95


def aihwkit_pulses(name: str, side: int, count: int, *, together: bool) -> Party:
    """Return the party of one AIHWKit preset; `together` gives all pulses in one call.

    Raises
    ------
    ImportError
        AIHWKit or torch is not installed.
    """
    torch = importlib.import_module("torch")
    configs = importlib.import_module("aihwkit.simulator.configs")
    enums = importlib.import_module("aihwkit.simulator.parameters.enums")
    presets = importlib.import_module("aihwkit.simulator.presets.devices")
    tiles = importlib.import_module("aihwkit.simulator.tiles")
    torch.set_num_threads(1)
    config = configs.SingleRPUConfig(device=getattr(presets, AIHWKIT[name])())
    config.update = configs.UpdateParameters(
        desired_bl=1, fixed_bl=True, update_bl_management=False, update_management=False,
        pulse_type=enums.PulseType.STOCHASTIC_COMPRESSED,
    )  # fmt: skip
    tile = tiles.AnalogTile(side, side, config)
    tile.set_learning_rate(float(config.device.dw_min))  # then every pulse happens
    calls, batch = (1, count) if together else (count, 1)
    ones = torch.ones(batch, side)

    def party() -> float:
        begin = time.perf_counter()
        for _ in range(calls):
            tile.update(ones, -ones)
        return side * side * count / (time.perf_counter() - begin) / 1e6

    return party


def numpy_pulses(side: int, count: int) -> Party:
    """Return the party of a loop over pulses with arrays of devices, noise drawn each time."""
    generator = np.random.default_rng(1)
    w, v1, v2 = (np.zeros(side * side) for _ in range(3))

    def party() -> float:
        begin = time.perf_counter()
        for _ in range(count):
            aim = _BOUND * (1.0 + _SIGMA * generator.standard_normal(w.size))
            w[:] = np.clip(aim + (w - aim) * _KEPT, -_BOUND, _BOUND)
            v1[:] = (0.1 + (v1 - 0.1) * _A1) * _A2
            v2[:] = (0.1 + (v2 - 0.1) * _A2) * _A1
        return w.size * count / (time.perf_counter() - begin) / 1e6

    return party


def python_pulses(side: int, count: int) -> Party:
    """Return the party of a loop over devices and pulses in Python, noise drawn each time."""
    devices = [[0.0, 0.0, 0.0] for _ in range(side * side)]
    gauss = random.Random(1).gauss

    def party() -> float:
        begin = time.perf_counter()
        for row in devices:
            w, v1, v2 = row
            for _ in range(count):
                aim = _BOUND * (1.0 + _SIGMA * gauss(0.0, 1.0))
                w = min(_BOUND, max(-_BOUND, aim + (w - aim) * _KEPT))
                v1 = (0.1 + (v1 - 0.1) * math.exp(-0.01)) * _A2
                v2 = (0.1 + (v2 - 0.1) * math.exp(-0.05)) * _A1
            row[:] = w, v1, v2
        return len(devices) * count / (time.perf_counter() - begin) / 1e6

    return party
