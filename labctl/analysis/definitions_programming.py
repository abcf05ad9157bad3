"""Definitions of programming, polarisation by PUND, thresholds, neurons and gates."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_PROGRAMMING"]

_ATTEMPTS = "protocols.programmed.attempt_metrics"
_PUND = "protocols.pund_charges.analyse_pund"
_NEURON = "protocols.neuron_spikes.analyse_neuron"
_GATES = "protocols.gates.gate_metrics"

DEFINITIONS_PROGRAMMING = (
    Definition(
        "pulses-to-target",
        "mean number of pulses of the attempts that reached their target",
        "Pulses of all turns count, those after a hold included. An attempt that was not within "
        "the tolerance when last verified is left out and shows in the share reached.",
        code=_ATTEMPTS,
        quantity="pulses to target",
    ),
    Definition(
        "share-of-targets-reached",
        "n(|G/G_target - 1| <= w as last verified)/n",
        "w is the tolerance at which the pulses end; the read is the one after the last pulse.",
        code=_ATTEMPTS,
        quantity="share of targets reached",
    ),
    Definition(
        "share-of-targets-kept",
        "n(|G/G_target - 1| <= w after the hold)/n",
        "G is the mean of the reads after the last hold, w the tolerance for that.",
        code=_ATTEMPTS,
        quantity="share of targets kept",
    ),
    Definition(
        "programming-error-after-hold",
        "sqrt(mean((G/G_target - 1)^2))",
        "G is the mean of the reads after the last hold of each attempt. The uncertainty is that "
        "of the reads: specification of the meter and scatter.",
        code=_ATTEMPTS,
        quantity="programming error",
    ),
    Definition(
        "programming-error-as-verified",
        "sqrt(mean((G/G_target - 1)^2))",
        "G is the last read that verified, before the hold: what a writer sees that never looks "
        "again.",
        code=_ATTEMPTS,
        quantity="programming error",
    ),
    Definition(
        "shift-over-hold",
        "mean(G_held/G_verified - 1)",
        "Over the first hold of each attempt; the sign is that of the relaxation.",
        code=_ATTEMPTS,
        quantity="shift over the hold",
    ),
    Definition(
        "bits-of-states",
        "log2(N)",
        "N is the number of states at the stated read error.",
        code="protocols.multilevel.Multilevel.analyse",
        quantity="bits",
    ),
    Definition(
        "range-of-levels",
        "mean(G of the highest level)/mean(G of the lowest level)",
        "Both as read after the hold.",
        code="protocols.multilevel.Multilevel.analyse",
        quantity="dynamic range",
    ),
    Definition(
        "threshold-smallest-change",
        "middle of the bracket between the largest amplitude that changed nothing and the smallest "
        "that did",
        "A change counts from a stated |G_after/G_before - 1| on, read a stated time after a pulse "
        "of a stated width from a verified baseline. The uncertainty is the bracket's width over "
        "sqrt(12) and the scatter of the searches.",
        unit="V",
        code="protocols.threshold_search.ThresholdSearch.analyse",
        quantity="threshold voltage",
    ),
    Definition(
        "threshold-spread",
        "standard deviation of the thresholds of repeated searches",
        "On one device; searches end at a bracket, so a spread below its width is not resolved.",
        unit="V",
        code="protocols.threshold_search.ThresholdSearch.analyse",
        quantity="spread of the threshold",
    ),
    Definition(
        "pund-two-pr",
        "2 Pr = (integral(I_P - I_U) dt - integral(I_N - I_D) dt)/(2 A)",
        "P and U are two positive pulses after a negative one, N and D two negative ones after "
        "that. What does not switch is equal in both and cancels; so does the meter's offset.",
        unit="C/m2",
        code=_PUND,
        quantity="remanent polarisation",
    ),
    Definition(
        "coercive-voltage-half-switched",
        "V at which half of the charge of P - U, or of N - D, has switched",
        "On the rising side of the pulse. The uncertainty holds the width of a window over "
        "sqrt(12) and the scatter of the repeats.",
        unit="V",
        code=_PUND,
        quantity="coercive voltage",
    ),
    Definition(
        "coercive-field-half-switched",
        "E_c = (V_up - V_down)/(2 d)",
        "From the coercive voltages at half of the switched charge and the film's thickness d; it "
        "rises with the speed of the pulse.",
        unit="V/m",
        code=_PUND,
        quantity="coercive field",
    ),
    Definition(
        "imprint-field-half-switched",
        "E_i = (V_up + V_down)/(2 d)",
        "The middle between the coercive voltages over the thickness: negative where the film "
        "prefers to be up.",
        unit="V/m",
        code=_PUND,
        quantity="imprint field",
    ),
    Definition(
        "imprint-shift",
        "(V_up + V_down)/2 of the first sequence after a rest, less that before",
        "The first sequence alone, since switching takes imprint back.",
        unit="V",
        code=_PUND,
        quantity="imprint",
    ),
    Definition(
        "pund-leakage-at-peak",
        "J = (I_U - I_D)/(2 A), means of the windows on both sides of the peak",
        "Rising and falling side carry opposite charging currents, which cancel, as the meter's "
        "offset does; the voltage is stated with it. Below the meter's uncertainty it is a bound.",
        unit="A/m2",
        code=_PUND,
        quantity="leakage",
    ),
    Definition(
        "pund-capacitance",
        "C = (Q_rising - Q_falling)/(2 V_peak) of U and D",
        "What is stored on the rising side and returns on the falling one; leads and cables "
        "included.",
        unit="F",
        code=_PUND,
        quantity="capacitance",
    ),
    Definition(
        "wake-up-ratio",
        "largest 2 Pr over cycles/first 2 Pr",
        "By pund-two-pr; the gain of the meter cancels.",
        code=_PUND,
        quantity="wake-up",
    ),
    Definition(
        "fatigue-ratio",
        "last 2 Pr over cycles/largest 2 Pr",
        "By pund-two-pr; the gain of the meter cancels.",
        code=_PUND,
        quantity="fatigue",
    ),
    Definition(
        "firing-threshold-input",
        "middle between the largest input that is silent and the smallest that fires",
        "The uncertainty is their distance over sqrt(12).",
        unit="V",
        code=_NEURON,
        quantity="firing threshold",
    ),
    Definition(
        "firing-rate",
        "f = 1/mean interval from spike to spike",
        "At a constant input. Without a spike the upper 95 % bound 3/T of a time T that was "
        "watched.",
        unit="Hz",
        code=_NEURON,
        quantity="firing rate",
    ),
    Definition(
        "neuron-recovery-median",
        "median time from the fall of the node to where it begins to rise again",
        "It has begun to rise where it passes a tenth of its swing.",
        unit="s",
        code=_NEURON,
        quantity="recovery time",
    ),
    Definition(
        "share-of-recoveries-in-time",
        "n(recovery < t)/n",
        "t is stated by the protocol.",
        code=_NEURON,
        quantity="share of quick recoveries",
    ),
    Definition(
        "energy-of-a-spike",
        "E = mean over periods of integral(v_node i dt), v_node = V - i R_load",
        "From spike to spike: what goes into capacitor and switch, the load left out.",
        unit="J",
        code=_NEURON,
        quantity="energy of a spike",
    ),
    Definition(
        "neuron-firing-level",
        "mean of the largest voltage of the node before each spike",
        "Above the threshold by what is charged during the delay, and averaged over a window.",
        unit="V",
        code=_NEURON,
        quantity="firing level",
    ),
    Definition(
        "gate-success",
        "n(every device holds what it should after the gate)/n(inputs were prepared)",
        "Inputs count as well as the result. Zero and one are told apart at the geometric mean of "
        "the inputs as they were written.",
        code=_GATES,
        quantity="success of a gate",
    ),
    Definition(
        "gate-output-window",
        "log10(least conductance of a one in the result/largest conductance of a zero)",
        "Negative where they overlap.",
        code=_GATES,
        quantity="margin of a gate",
    ),
    Definition(
        "gate-state-drift",
        "max |log10(G_after/G_before)| of the devices that keep their bit",
        "What a gate does to states that it should leave alone.",
        code=_GATES,
        quantity="drift of a gate's states",
    ),
    Definition(
        "energy-of-a-gate",
        "sum over devices and pulses of V I w",
        "Of the gate's own pulses; writing the inputs and reading are left out. The current is "
        "that of the last quarter of the pulse.",
        unit="J",
        code=_GATES,
        quantity="energy of a gate",
    ),
    Definition(
        "share-of-inputs-prepared",
        "n(inputs read as asked for)/n",
        "Trials whose inputs were not what was asked for do not count for the gate.",
        code=_GATES,
        quantity="share of inputs prepared",
    ),
)
