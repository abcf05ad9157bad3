"""labctl: instrument control and characterisation of artificial synapses and memristors.

The core. It knows waveforms, protocols, benches and records, and finds instruments, protocols and
virtual laboratories through entry points; it imports none of them.

    run = labctl.run("ppf", bench="sim-ftj", width="100 us")    # a Record
    record = labctl.open(run.folder)
    with labctl.bench("sim-ftj") as bench: ...
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["bench", "open", "run"]

_WHERE = {"run": "labctl.interface", "open": "labctl.interface", "bench": "labctl.interface"}


def __getattr__(name: str) -> Any:
    # the three functions bring the whole core with them; importing labctl alone stays cheap
    if name in __all__:
        return getattr(importlib.import_module("labctl.interface"), name)
    raise AttributeError(f"module labctl has no attribute {name}")
