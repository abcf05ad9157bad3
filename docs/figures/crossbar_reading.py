"""S2.9: the error of reading one cell of a crossbar against its size, with and without a selector.

Asked like this: cells of 88 kOhm (HRS) and 5 kOhm (LRS), the medians of the preset `rram hfox`,
ohmic, behind wires of 1 Ohm a segment; the cell farthest from the drivers is read in HRS, all
others in LRS (the worst pattern) or drawn at even chance; in the schemes V/2, V/3, grounded and
floating. The error is the current of the bit line against that of the same cell alone, with its
selector or transistor and without wires, less one. Passive and 1T1R cells are read at 0.2 V, 1S1R
cells at 1.2 V, most of which the selector takes (10 fA sinh(V / 45 mV), chosen; selectors of Ag and
hafnia are off at 10 fA too and steeper); a transistor of 1 mS lets only the selected row conduct.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from docs.figures.drawing import CATEGORICAL, figure, label, present
from sim_backend.crossbar import PERFECT, Ohmic, Wires, scheme, solve
from sim_backend.crossings import Access, Selector, one_selector, one_transistor

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HIGH, LOW = 1 / 88e3, 1 / 5e3  # S, of the read cell and of the others
WIRES = Wires(1.0, 1.0)
SIZES = (4, 8, 16, 32, 64, 128)
SCHEMES = ("floating", "V/2", "V/3", "grounded")
#: read voltage, V, and what stands in front of every cell
CELLS: dict[str, tuple[float, Access | None]] = {
    "passive": (0.2, None),
    "1S1R": (1.2, one_selector(Selector(1e-14, 0.045))),
    "1T1R": (0.2, one_transistor(1e-3, 1e-3)),
}
TARGETS = {
    "passive, V/2, 64 x 64": "sneak currents drown the cell: far above 1",
    "1S1R, V/2, 64 x 64": "far less than without the selector, well below 1",
    "1T1R, V/2, 64 x 64": "no sneak current: what is left is the loss in the wires, below 0",
    "passive, V/2, 64 x 64, even chance": "about half of that of the worst pattern",
}


def pattern(size: int, name: str) -> NDArray[np.float64]:
    """Return the conductances of an array whose farthest cell is in HRS, S."""
    g = np.full((size, size), LOW)
    if name == "even chance":
        g[np.random.default_rng(1).random((size, size)) < 0.5] = HIGH
    g[0, -1] = HIGH  # word lines are driven at column 0, bit lines are sensed below the last row
    return g


def error(size: int, cell: str, biased: str, name: str = "worst") -> float:
    """Return the relative error of the current that a bit line gives for the farthest cell."""
    volt, access = CELLS[cell]
    found = []
    wires = (WIRES, PERFECT)
    for g, row, column, around in zip(
        (pattern(size, name), np.array([[HIGH]])), (0, 0), (size - 1, 0), wires, strict=True
    ):
        drive = scheme(biased, volt, row, column, (len(g), len(g)))
        cells = Ohmic(g) if access is None else access(Ohmic(g), drive)
        found.append(solve(cells, drive, around).bits[column])
    return float(found[0] / found[1] - 1)


def measure(sizes: tuple[int, ...] = SIZES) -> dict[str, Any]:
    """Return the errors, by cell, scheme and pattern, against the size."""
    found: dict[str, Any] = {"sizes": np.array(sizes)}
    for cell in CELLS:
        for biased in SCHEMES:
            found[f"{cell}, {biased}"] = np.array([error(n, cell, biased) for n in sizes])
    chance = [error(n, "passive", "V/2", "even chance") for n in sizes]
    found["passive, V/2, even chance"] = np.array(chance)
    at = min(range(len(sizes)), key=lambda k: abs(sizes[k] - 64))
    for name in TARGETS:
        curve = name.replace(", 64 x 64", "")
        found[name] = float(found[curve][at])
    return found


def draw(found: Any) -> Figure:
    """Draw the errors against the size: by scheme, and by what guards the cells."""
    made, (bare, guarded) = figure("S2.9  Reading a cell of 88 kΩ among cells of 5 kΩ", 1, 2)
    sizes = found["sizes"]
    for biased, colour, marker in zip(SCHEMES, CATEGORICAL, "os^D", strict=False):
        curve = np.abs(found[f"passive, {biased}"])
        bare.loglog(sizes, curve, f"{marker}-", color=colour, label=biased)
    curve = np.abs(found["passive, V/2, even chance"])
    bare.loglog(sizes, curve, "s:", color=CATEGORICAL[1], label="V/2, half the others LRS")
    for cell, colour, marker in zip(CELLS, CATEGORICAL, "os^", strict=False):
        curve = np.abs(found[f"{cell}, V/2"])
        guarded.loglog(sizes, curve, f"{marker}-", color=colour, label=cell)
    for axes, title in ((bare, "passive, by scheme"), (guarded, "V/2")):
        label(axes, "rows and columns", "|error of the current|", title)
        axes.set_xticks(sizes, [str(n) for n in sizes])
        axes.minorticks_off()
    guarded.axhline(1.0, color="#808080", lw=0.8)
    bare.legend(loc=(0.02, 0.3))
    guarded.legend()
    return made


def main(arguments: list[str] | None = None) -> None:
    """Measure, print and draw."""
    present(__doc__, "crossbar_reading", measure, draw, TARGETS, arguments)


if __name__ == "__main__":
    main()
