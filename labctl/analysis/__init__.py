"""Analysis: from arrays to figures of merit, each with unit, uncertainty and definition.

Everything here is a pure function of arrays that returns the frozen types of `labctl.results`;
nothing reads a file or knows an instrument.
"""

from labctl.analysis.competition import Axes, Competition, compete, draw_decay, judge
from labctl.analysis.decay import MODELS, curve, fit_decay
from labctl.analysis.definitions import DEFINITIONS, Definition, definition
from labctl.analysis.energy import energy_per_pulse, pulse_energies
from labctl.analysis.paired_pulses import (
    PairedPulseIndex,
    index_metric,
    index_table,
    paired_pulse_index,
)

__all__ = [
    "DEFINITIONS", "MODELS", "Axes", "Competition", "Definition", "PairedPulseIndex", "compete",
    "curve", "definition", "draw_decay", "energy_per_pulse", "fit_decay", "index_metric",
    "index_table", "judge", "paired_pulse_index", "pulse_energies",
]  # fmt: skip
