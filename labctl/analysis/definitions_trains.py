"""Definitions of figures that protocols of plasticity calculate from their own readings."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_TRAINS"]

DEFINITIONS_TRAINS = (
    Definition(
        "end-state-of-both-branches",
        "Gmin and Gmax of G = Gmin + (Gmax - Gmin) f(n/N), f of NeuroSim's law",
        "End states that potentiation and depression share, from a fit of NeuroSim's law to both "
        "branches of the mean cycle. Where the device follows another law they are not the "
        "extremes of the readings.",
        unit="S",
        doi="10.1109/TCAD.2018.2789723",
        source="Chen, Peng and Yu, IEEE TCAD 2018, 37, 3067",
        code="protocols.ltp_ltd_cycles.figures",
        quantity="end state",
    ),
    Definition(
        "dynamic-range-of-mean-cycle",
        "max G/min G over the mean cycle",
        "Extremes of the conductance averaged over the cycles at each pulse, potentiation and "
        "depression together; it needs no law of the device.",
        code="protocols.ltp_ltd_cycles.figures",
        quantity="dynamic range",
    ),
    Definition(
        "smallest-step-of-mean-cycle",
        "min over n of s ln(G(n)/G(n - 1)), s = 1 for potentiation, -1 for depression",
        "The smallest relative change by one pulse in the mean cycle; positive where every pulse "
        "moves the conductance the right way (gradual and consecutive).",
        code="protocols.ltp_ltd_cycles.figures",
        quantity="step of conductance",
    ),
    Definition(
        "drift-of-ln-conductance-per-cycle",
        "slope of mean over the cycle of ln G against the number of the cycle",
        "Relative movement of a whole cycle to the next; not zero while the device has not found "
        "the loop that it stays in. Standard error from the scatter about the straight line.",
        code="protocols.ltp_ltd_cycles.drift",
        quantity="drift of cycles",
    ),
    Definition(
        "energy-over-biology",
        "E/10 fJ",
        "Energy of an event over the round number for a biological synaptic event.",
        source="Xia et al., Nano-Micro Lett. 2025, 17, 217: biology about 10 fJ",
        code="protocols.comparison.over_biology",
        quantity="energy of an event",
    ),
    Definition(
        "current-in-last-pulse",
        "|I| in the last pulse of a train",
        "The excitatory (or inhibitory) current that a train has grown to, measured at the level "
        "of the pulse over the end of its top; mean of the repeats.",
        unit="A",
        doi="10.1002/adma.202412006",
        source="excitatory current of Nie et al., Adv. Mater. 2025, 2412006",
        code="protocols.pulse_train.PulseTrain.analyse",
        quantity="excitatory postsynaptic current",
    ),
    Definition(
        "relative-slope-of-response",
        "p_k in ln y = ln y0 + sum p_k ln(x_k/m_k)",
        "How many percent the response changes when one property of the train changes by one "
        "percent, from a fit to all trains of one polarity; m_k is the geometric mean of x_k.",
        code="protocols.pooling.fit_exponents",
        quantity="slope of a trend",
    ),
    Definition(
        "smallest-rise-between-neighbours",
        "min over k of (y(x_(k+1)) - y(x_k))/|y(x_k)|",
        "The smallest relative change of the mean response from one value of a property to the "
        "next; positive where the response rises everywhere. Against a rate it runs from long "
        "intervals to short ones.",
        code="protocols.pooling.smallest_rise",
        quantity="rise of a trend",
    ),
    Definition(
        "relative-change-after-train",
        "G(late)/G(just after) - 1",
        "Relaxation of the conductance between the read just after a train and a later one.",
        code="protocols.pulse_train.PulseTrain.analyse",
        quantity="relaxation",
    ),
    Definition(
        "retained-fraction-of-gain",
        "(G(last) - G0)/(G(first) - G0)",
        "Gain of conductance at the last read after a train over that at the first; G0 is the "
        "conductance before the train. The times of both reads are stated with it.",
        source="after Xia et al., Nano-Micro Lett. 2025, 17, 217",
        code="protocols.stp_ltp_results.results",
        quantity="retained fraction",
    ),
    Definition(
        "gain-after-train",
        "G(first) - G0",
        "Conductance at the first read after a train above that before it.",
        unit="S",
        code="protocols.stp_ltp_results.results",
        quantity="gain of conductance",
    ),
    Definition(
        "time-of-decay-law",
        "tau of c exp(-(t/tau)^beta) + baseline, or of the same with beta = 1",
        "Time constant of the gain after a train, with a free lasting part; the law is that of the "
        "protocol's parameter. Of repeated trains, the mean over single fits with its scatter.",
        unit="s",
        doi="10.1039/tf9706600080",
        source="Williams and Watts, Trans. Faraday Soc. 1970, 66, 80",
        code="protocols.stp_ltp_results.results",
        quantity="time constant",
    ),
    Definition(
        "exponent-of-decay-law",
        "beta of c exp(-(t/tau)^beta) + baseline",
        "Stretching exponent of the gain after a train, with a free lasting part.",
        doi="10.1039/tf9706600080",
        source="Williams and Watts, Trans. Faraday Soc. 1970, 66, 80",
        code="protocols.stp_ltp_results.results",
        quantity="stretching exponent",
    ),
    Definition(
        "change-of-current-by-train",
        "I(last)/I(reference) - 1",
        "Relative change of the current in the pulses from the reference pulse to the last of the "
        "train. The reference is the last pulse of the prior train, or without one the first pulse "
        "of the train itself.",
        doi="10.1002/adma.202412006",
        source="after the change of the excitatory current in Nie et al., Adv. Mater. 2025, "
        "2412006",
        code="protocols.srdp_results.changes",
        quantity="change by a train",
    ),
    Definition(
        "change-of-read-conductance-by-train",
        "G(late)/G(before) - 1",
        "Relative change of the conductance from the verified baseline before the train to the "
        "read after the rest that follows it.",
        code="protocols.srdp_results.changes",
        quantity="change by a train",
    ),
    Definition(
        "span-of-change-over-rates",
        "change(highest rate) - change(lowest rate)",
        "How much the size of the change depends on the rate, over the rates measured.",
        code="protocols.srdp_results.results",
        quantity="rate dependence",
    ),
    Definition(
        "rate-of-zero-crossing",
        "change(rate) = 0, straight in ln(rate) between two neighbouring rates",
        "The highest rate at which the measured change passes zero upwards; it assumes no curve. "
        "Standard error from those of the two neighbours.",
        unit="Hz",
        code="protocols.srdp_results.crossing",
        quantity="threshold rate",
    ),
    Definition(
        "triplet-index-in-pulse-current",
        "I3/I1 - 1",
        "I1 and I3 are the currents measured during the first and the third of three equal pulses "
        "at equal intervals.",
        source="as the paired-pulse index, with the third pulse for the second",
        code="protocols.ppf_groups.Groups.index",
        quantity="triplet index",
    ),
    Definition(
        "triplet-index-read-conductance",
        "(G3 - G1)/G1",
        "G1 and G3 are the conductances read after the first and after the third of three equal "
        "pulses at equal intervals.",
        source="as the paired-pulse index, with the third pulse for the second",
        code="protocols.ppf_groups.Groups.index",
        quantity="triplet index",
    ),
)
