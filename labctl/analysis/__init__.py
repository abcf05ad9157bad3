"""Analysis: from arrays to figures of merit, each with unit, uncertainty and definition.

Everything here is a pure function of arrays that returns the frozen types of `labctl.results`;
nothing reads a file or knows an instrument.

The names below are imported when they are first asked for, since whoever wants one figure of merit
need not load them all.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labctl.analysis.accuracy import Accuracy as Accuracy
    from labctl.analysis.arrhenius import draw_arrhenius as draw_arrhenius
    from labctl.analysis.arrhenius import fit_arrhenius as fit_arrhenius
    from labctl.analysis.bcm import bcm_threshold as bcm_threshold
    from labctl.analysis.bcm import compete_bcm as compete_bcm
    from labctl.analysis.bcm import fit_bcm as fit_bcm
    from labctl.analysis.card_runs import Updates as Updates
    from labctl.analysis.card_runs import run_cards as run_cards
    from labctl.analysis.card_runs import updates_of_run as updates_of_run
    from labctl.analysis.card_set import CardSet as CardSet
    from labctl.analysis.card_set import device_cards as device_cards
    from labctl.analysis.cards import Card as Card
    from labctl.analysis.cards import Scatter as Scatter
    from labctl.analysis.cards import Writing as Writing
    from labctl.analysis.competition import Axes as Axes
    from labctl.analysis.competition import Competition as Competition
    from labctl.analysis.competition import compete as compete
    from labctl.analysis.competition import draw_decay as draw_decay
    from labctl.analysis.competition import judge as judge
    from labctl.analysis.conduction import Conduction as Conduction
    from labctl.analysis.conduction import compete_conduction as compete_conduction
    from labctl.analysis.conduction import conduction_by_range as conduction_by_range
    from labctl.analysis.conduction import fit_conduction as fit_conduction
    from labctl.analysis.conduction_sanity import check_conduction as check_conduction
    from labctl.analysis.conduction_sanity import linearised as linearised
    from labctl.analysis.curves import Curve as Curve
    from labctl.analysis.curves import Derived as Derived
    from labctl.analysis.curves import Parameter as Parameter
    from labctl.analysis.curves import band as band
    from labctl.analysis.curves import evaluate as evaluate
    from labctl.analysis.decay import MODELS as MODELS
    from labctl.analysis.decay import curve as curve
    from labctl.analysis.decay import fit_decay as fit_decay
    from labctl.analysis.decays import Decays as Decays
    from labctl.analysis.decays import fit_decays as fit_decays
    from labctl.analysis.definitions import DEFINITIONS as DEFINITIONS
    from labctl.analysis.definitions import Definition as Definition
    from labctl.analysis.definitions import definition as definition
    from labctl.analysis.drift import DriftByState as DriftByState
    from labctl.analysis.drift import drift_by_state as drift_by_state
    from labctl.analysis.drift import fit_drift as fit_drift
    from labctl.analysis.energy import energy_per_pulse as energy_per_pulse
    from labctl.analysis.energy import pulse_energies as pulse_energies
    from labctl.analysis.energy_kinds import flat_energy as flat_energy
    from labctl.analysis.energy_kinds import optical_energy as optical_energy
    from labctl.analysis.energy_kinds import per_area as per_area
    from labctl.analysis.energy_kinds import per_bit as per_bit
    from labctl.analysis.energy_kinds import three_terminal_energy as three_terminal_energy
    from labctl.analysis.energy_parts import Capacitance as Capacitance
    from labctl.analysis.energy_parts import EnergyParts as EnergyParts
    from labctl.analysis.energy_parts import Event as Event
    from labctl.analysis.energy_parts import Leakage as Leakage
    from labctl.analysis.energy_parts import event_energy as event_energy
    from labctl.analysis.energy_parts import reference_pulse as reference_pulse
    from labctl.analysis.energy_parts import split_energy as split_energy
    from labctl.analysis.film import Film as Film
    from labctl.analysis.flicker import fit_flicker as fit_flicker
    from labctl.analysis.joint import DecayCurve as DecayCurve
    from labctl.analysis.joint import fit_arrhenius_decays as fit_arrhenius_decays
    from labctl.analysis.joint import fit_jointly as fit_jointly
    from labctl.analysis.life import Lifetimes as Lifetimes
    from labctl.analysis.life import b10 as b10
    from labctl.analysis.life import compete_life as compete_life
    from labctl.analysis.life import failed_by as failed_by
    from labctl.analysis.life import fit_life as fit_life
    from labctl.analysis.life import lifetimes as lifetimes
    from labctl.analysis.metric_tables import metric_table as metric_table
    from labctl.analysis.noise import Spectrum as Spectrum
    from labctl.analysis.noise import integrated_noise as integrated_noise
    from labctl.analysis.noise import spectrum as spectrum
    from labctl.analysis.nonlinear import compete_curves as compete_curves
    from labctl.analysis.nonlinear import fit_curve as fit_curve
    from labctl.analysis.paired_pulses import PairedPulseIndex as PairedPulseIndex
    from labctl.analysis.paired_pulses import index_metric as index_metric
    from labctl.analysis.paired_pulses import index_table as index_table
    from labctl.analysis.paired_pulses import paired_pulse_index as paired_pulse_index
    from labctl.analysis.probability_plot import plot_life as plot_life
    from labctl.analysis.probability_plot import probability_table as probability_table
    from labctl.analysis.probability_plot import share_failed as share_failed
    from labctl.analysis.references import draw_endurance as draw_endurance
    from labctl.analysis.references import draw_energies as draw_energies
    from labctl.analysis.references import draw_levels as draw_levels
    from labctl.analysis.references import endurance_reference as endurance_reference
    from labctl.analysis.references import energy_reference as energy_reference
    from labctl.analysis.references import multilevel_reference as multilevel_reference
    from labctl.analysis.resampling import bootstrap as bootstrap
    from labctl.analysis.retention import Retention as Retention
    from labctl.analysis.retention import draw_retention as draw_retention
    from labctl.analysis.retention import fit_retention as fit_retention
    from labctl.analysis.states import States as States
    from labctl.analysis.states import resolvable_states as resolvable_states
    from labctl.analysis.statistics import proportion as proportion
    from labctl.analysis.statistics import summarise as summarise
    from labctl.analysis.stdp import compete_stdp as compete_stdp
    from labctl.analysis.stdp import fit_stdp as fit_stdp
    from labctl.analysis.sweeps import Sweep as Sweep
    from labctl.analysis.sweeps import sweep as sweep
    from labctl.analysis.switching import compete_switching as compete_switching
    from labctl.analysis.switching import fit_switching as fit_switching
    from labctl.analysis.switching import fit_switching_probability as fit_switching_probability
    from labctl.analysis.switching import switching_probability as switching_probability
    from labctl.analysis.telegraph import Telegraph as Telegraph
    from labctl.analysis.telegraph import fit_telegraph as fit_telegraph
    from labctl.analysis.update_curves import neurosim_a as neurosim_a
    from labctl.analysis.update_curves import neurosim_label as neurosim_label
    from labctl.analysis.updates import Branches as Branches
    from labctl.analysis.updates import branches as branches
    from labctl.analysis.updates import compete_updates as compete_updates
    from labctl.analysis.updates import draw_updates as draw_updates
    from labctl.analysis.updates import fit_updates as fit_updates
    from labctl.analysis.updates import update_metrics as update_metrics
    from labctl.analysis.variation import Components as Components
    from labctl.analysis.variation import Variation as Variation
    from labctl.analysis.variation import variance_components as variance_components
    from labctl.analysis.variation import variations as variations

_MODULES = {
    "accuracy": "Accuracy",
    "arrhenius": "draw_arrhenius fit_arrhenius",
    "bcm": "bcm_threshold compete_bcm fit_bcm",
    "card_runs": "Updates run_cards updates_of_run",
    "card_set": "CardSet device_cards",
    "cards": "Card Scatter Writing",
    "competition": "Axes Competition compete draw_decay judge",
    "conduction": "Conduction compete_conduction conduction_by_range fit_conduction",
    "conduction_sanity": "check_conduction linearised",
    "curves": "Curve Derived Parameter band evaluate",
    "decay": "MODELS curve fit_decay",
    "decays": "Decays fit_decays",
    "definitions": "DEFINITIONS Definition definition",
    "drift": "DriftByState drift_by_state fit_drift",
    "energy": "energy_per_pulse pulse_energies",
    "energy_kinds": "flat_energy optical_energy per_area per_bit three_terminal_energy",
    "energy_parts": "Capacitance EnergyParts Event Leakage event_energy reference_pulse "
    "split_energy",
    "film": "Film",
    "flicker": "fit_flicker",
    "joint": "DecayCurve fit_arrhenius_decays fit_jointly",
    "life": "Lifetimes b10 compete_life failed_by fit_life lifetimes",
    "metric_tables": "metric_table",
    "noise": "Spectrum integrated_noise spectrum",
    "nonlinear": "compete_curves fit_curve",
    "paired_pulses": "PairedPulseIndex index_metric index_table paired_pulse_index",
    "probability_plot": "plot_life probability_table share_failed",
    "references": "draw_endurance draw_energies draw_levels endurance_reference energy_reference "
    "multilevel_reference",
    "resampling": "bootstrap",
    "retention": "Retention draw_retention fit_retention",
    "states": "States resolvable_states",
    "statistics": "proportion summarise",
    "stdp": "compete_stdp fit_stdp",
    "sweeps": "Sweep sweep",
    "switching": "compete_switching fit_switching fit_switching_probability switching_probability",
    "telegraph": "Telegraph fit_telegraph",
    "update_curves": "neurosim_a neurosim_label",
    "updates": "Branches branches compete_updates draw_updates fit_updates update_metrics",
    "variation": "Components Variation variance_components variations",
}
_WHERE = {name: module for module, names in _MODULES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__} has no attribute {name}")
    return getattr(importlib.import_module(f"{__name__}.{_WHERE[name]}"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_WHERE})
