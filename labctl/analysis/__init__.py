"""Analysis: from arrays to figures of merit, each with unit, uncertainty and definition.

Everything here is a pure function of arrays that returns the frozen types of `labctl.results`;
nothing reads a file or knows an instrument.
"""

from labctl.analysis.accuracy import Accuracy
from labctl.analysis.arrhenius import draw_arrhenius, fit_arrhenius
from labctl.analysis.bcm import bcm_threshold, compete_bcm, fit_bcm
from labctl.analysis.card_set import CardSet, device_cards
from labctl.analysis.cards import Card, Scatter, Writing
from labctl.analysis.competition import Axes, Competition, compete, draw_decay, judge
from labctl.analysis.conduction import (
    Conduction,
    compete_conduction,
    conduction_by_range,
    fit_conduction,
)
from labctl.analysis.conduction_sanity import check_conduction, linearised
from labctl.analysis.curves import Curve, Derived, Parameter, band, evaluate
from labctl.analysis.decay import MODELS, curve, fit_decay
from labctl.analysis.decays import Decays, fit_decays
from labctl.analysis.definitions import DEFINITIONS, Definition, definition
from labctl.analysis.drift import DriftByState, drift_by_state, fit_drift
from labctl.analysis.energy import energy_per_pulse, pulse_energies
from labctl.analysis.energy_kinds import (
    flat_energy,
    optical_energy,
    per_area,
    per_bit,
    three_terminal_energy,
)
from labctl.analysis.energy_parts import (
    Capacitance,
    EnergyParts,
    Event,
    Leakage,
    event_energy,
    reference_pulse,
    split_energy,
)
from labctl.analysis.film import Film
from labctl.analysis.flicker import fit_flicker
from labctl.analysis.joint import DecayCurve, fit_arrhenius_decays, fit_jointly
from labctl.analysis.life import Lifetimes, b10, compete_life, failed_by, fit_life, lifetimes
from labctl.analysis.metric_table import metric_table
from labctl.analysis.noise import Spectrum, integrated_noise, spectrum
from labctl.analysis.nonlinear import compete_curves, fit_curve
from labctl.analysis.paired_pulses import (
    PairedPulseIndex,
    index_metric,
    index_table,
    paired_pulse_index,
)
from labctl.analysis.probability_plot import plot_life, probability_table, share_failed
from labctl.analysis.references import (
    draw_endurance,
    draw_energies,
    draw_levels,
    endurance_reference,
    energy_reference,
    multilevel_reference,
)
from labctl.analysis.resampling import bootstrap
from labctl.analysis.retention import Retention, draw_retention, fit_retention
from labctl.analysis.states import States, resolvable_states
from labctl.analysis.statistics import proportion, summarise
from labctl.analysis.stdp import compete_stdp, fit_stdp
from labctl.analysis.sweeps import Sweep, sweep
from labctl.analysis.switching import (
    compete_switching,
    fit_switching,
    fit_switching_probability,
    switching_probability,
)
from labctl.analysis.telegraph import Telegraph, fit_telegraph
from labctl.analysis.update_curves import neurosim_a, neurosim_label
from labctl.analysis.updates import (
    Branches,
    branches,
    compete_updates,
    draw_updates,
    fit_updates,
    update_metrics,
)
from labctl.analysis.variation import Components, Variation, variance_components, variations

__all__ = [
    "DEFINITIONS",
    "MODELS",
    "Accuracy",
    "Axes",
    "Branches",
    "Capacitance",
    "Card",
    "CardSet",
    "Competition",
    "Components",
    "Conduction",
    "Curve",
    "DecayCurve",
    "Decays",
    "Definition",
    "Derived",
    "DriftByState",
    "EnergyParts",
    "Event",
    "Film",
    "Leakage",
    "Lifetimes",
    "PairedPulseIndex",
    "Parameter",
    "Retention",
    "Scatter",
    "Spectrum",
    "States",
    "Sweep",
    "Telegraph",
    "Variation",
    "Writing",
    "b10",
    "band",
    "bcm_threshold",
    "bootstrap",
    "branches",
    "check_conduction",
    "compete",
    "compete_bcm",
    "compete_conduction",
    "compete_curves",
    "compete_life",
    "compete_stdp",
    "compete_switching",
    "compete_updates",
    "conduction_by_range",
    "curve",
    "definition",
    "device_cards",
    "draw_arrhenius",
    "draw_decay",
    "draw_endurance",
    "draw_energies",
    "draw_levels",
    "draw_retention",
    "draw_updates",
    "drift_by_state",
    "endurance_reference",
    "energy_per_pulse",
    "energy_reference",
    "evaluate",
    "event_energy",
    "failed_by",
    "fit_arrhenius",
    "fit_arrhenius_decays",
    "fit_bcm",
    "fit_conduction",
    "fit_curve",
    "fit_decay",
    "fit_decays",
    "fit_drift",
    "fit_flicker",
    "fit_jointly",
    "fit_life",
    "fit_retention",
    "fit_stdp",
    "fit_switching",
    "fit_switching_probability",
    "fit_telegraph",
    "fit_updates",
    "flat_energy",
    "index_metric",
    "index_table",
    "integrated_noise",
    "judge",
    "lifetimes",
    "linearised",
    "metric_table",
    "multilevel_reference",
    "neurosim_a",
    "neurosim_label",
    "optical_energy",
    "paired_pulse_index",
    "per_area",
    "per_bit",
    "plot_life",
    "probability_table",
    "proportion",
    "pulse_energies",
    "reference_pulse",
    "resolvable_states",
    "share_failed",
    "spectrum",
    "split_energy",
    "summarise",
    "sweep",
    "switching_probability",
    "three_terminal_energy",
    "update_metrics",
    "variance_components",
    "variations",
]  # fmt: skip
