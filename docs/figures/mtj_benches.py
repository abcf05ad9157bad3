"""The direct benches of the ferroelectric, magnetic and neuron families, partly changed.

A script that needs variation, another preset or another parameter opens a copy of the bench that
ships, changed by a few lines, as a user would.
"""

from __future__ import annotations

import contextlib
import importlib.resources
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path

import labctl
from labctl.workbench import Bench

__all__ = ["varied"]


@contextlib.contextmanager
def varied(
    bench: str | Path,
    *,
    preset: str = "",
    temperature: float = 300.0,
    cycle: bool = False,
    device: bool = False,
    seed: int = 0,
    **parameters: float,
) -> Iterator[Bench]:
    """Open a bench that ships, with some of its lines changed.

    Parameters
    ----------
    bench
        Name of one of the benches of this package, or a file of one's own.
    preset
        Another preset; empty for that of the bench.
    temperature
        K.
    cycle, device
        Whether there is variation from cycle to cycle and from device to device.
    seed
        Of both.
    parameters
        Of the device, in SI.
    """
    file = Path(bench)
    packaged = importlib.resources.files("benches") / f"{bench}.toml"
    text = (file if file.suffix == ".toml" else packaged).read_text(encoding="utf-8")
    if preset:
        text = re.sub(r'(?m)^preset = ".*"$', f'preset = "{preset}"', text)
    lines = "".join(f"{name} = {value!r}\n" for name, value in parameters.items())
    text = re.sub(r'(?m)^(preset = ".*"\n)', rf"\1{lines}", text)
    text = text.replace(
        'laboratory = "virtual"\n', f'laboratory = "virtual"\ntemperature = {temperature!r}\n'
    )
    text = re.sub(r"(?m)^cycle = \w+$", f"cycle = {str(cycle).lower()}", text)
    text = re.sub(r"(?m)^device = (true|false)$", f"device = {str(device).lower()}", text)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bench.toml"
        path.write_text(text, encoding="utf-8")
        with labctl.bench(path, seed=seed) as opened:
            yield opened
