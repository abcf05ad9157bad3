"""Definitions of synapses with a gate, under light, and of whole behaviours of one device."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_STIMULI"]

_THREE = (
    Definition(
        "volatile-step-resistance",
        "R_before - R_after",
        "Fall of the channel resistance from the read before a gate spike on a rested device to "
        "the read after it: positive where the channel conducts better. What decays between the "
        "spike and the read is missing.",
        unit="Ohm",
        source="Currie et al., 2026, arXiv:2605.11243",
        code="protocols.three_terminal.ThreeTerminal.analyse",
        quantity="change by one spike",
    ),
    Definition(
        "conductance-step",
        "(G_after - G_before)/n",
        "Change of the read conductance by one of n pulses, from reads before and after them; the "
        "protocol says after which rest.",
        unit="S",
        code="protocols.three_terminal.ThreeTerminal.analyse",
        quantity="change by one pulse",
    ),
    Definition(
        "lasting-share",
        "(G_later - G_before)/(G_at_once - G_before)",
        "Share of the change seen at once that is left after the rest stated by the protocol: 0 is "
        "volatile, 1 lasting.",
        code="protocols.three_terminal.ThreeTerminal.analyse",
        quantity="lasting share of a change",
    ),
    Definition(
        "transconductance",
        "max |dI_D/dV_G|",
        "Largest slope between neighbouring points of the upward transfer curve at the drain "
        "voltage of the reads.",
        unit="S",
        code="protocols.three_terminal_curves.transfer_metrics",
        quantity="transconductance",
    ),
    Definition(
        "transfer-on-off",
        "max |I_D|/min |I_D|",
        "Over the gate voltages of the transfer curve, where the smallest current is resolved.",
        code="protocols.three_terminal_curves.transfer_metrics",
        quantity="on/off ratio",
    ),
    Definition(
        "subthreshold-swing",
        "min |dV_G/d log10 I_D|",
        "Gate voltage for a decade of drain current, least between neighbouring points of the "
        "upward transfer curve whose currents are resolved.",
        unit="V",
        code="protocols.three_terminal_curves.transfer_metrics",
        quantity="subthreshold swing",
    ),
    Definition(
        "transfer-hysteresis",
        "max |I_up - I_down|/(max |I_D| - min |I_D|)",
        "Largest distance between the upward and the downward transfer curve at one gate voltage, "
        "as a share of the range of the current. Noise adds to it.",
        code="protocols.three_terminal_curves.transfer_metrics",
        quantity="hysteresis of the transfer curve",
    ),
    Definition(
        "gate-current",
        "max |I_G|",
        "Largest gate current of the transfer curve while the level is held: leak and, where ions "
        "move, their current. Below its uncertainty the metric is the upper 95 % bound.",
        unit="A",
        code="protocols.three_terminal_curves.transfer_metrics",
        quantity="gate leak",
    ),
)

_SHARED = (
    Definition(
        "decay-time-of-repeats",
        "tau of y = c exp(-t/tau) + y0, mean over the repeats",
        "Each repeat is fitted by itself, and the standard uncertainty comes from their scatter: "
        "noise of a device is correlated within a course, which a fit to all of them would take "
        "for knowledge. A decay that is no single exponential has no single time.",
        unit="s",
        code="protocols.pooled.pooled_times",
        quantity="decay time",
    ),
)

_LIGHT = (
    Definition(
        "wavelength-selectivity",
        "max change/min change",
        "Relative changes of the conductance by one light pulse of one irradiance and length, over "
        "the wavelengths measured.",
        code="protocols.optical.Optical.analyse",
        quantity="wavelength selectivity",
    ),
    Definition(
        "dose-slope",
        "d ln(change)/d ln(dose)",
        "Between two neighbouring doses (irradiance times length of one light pulse): 1 where weak "
        "light adds up, less where it saturates.",
        code="protocols.optical.Optical.analyse",
        quantity="exponent of the dose",
    ),
    Definition(
        "ppf-index-photocurrent-rise",
        "A2/A1 - 1",
        "A1 and A2 are the currents at the end of the first and the second light pulse above the "
        "dark current before the first, all at the read voltage.",
        code="protocols.optical.Optical.analyse",
        quantity="paired-pulse index",
    ),
    Definition(
        "light-train-gain",
        "A_N/A_1",
        "Responses to the last and the first light pulse of a train: currents at their ends above "
        "the dark current before the train.",
        code="protocols.optical.Optical.analyse",
        quantity="gain of a train",
    ),
    Definition(
        "light-left",
        "(G_last - G_dark)/(G_first - G_dark)",
        "Share of the change seen in the first read after the light that is left in the last.",
        code="protocols.optical.Optical.analyse",
        quantity="share left in the dark",
    ),
    Definition(
        "relative-change-by-train",
        "G_after/G_before - 1",
        "Change of the read conductance by a whole train of pulses.",
        code="protocols.optical.Optical.analyse",
        quantity="change by a train",
    ),
    Definition(
        "co-modulation-ratio",
        "G(first, second)/G(neither)",
        "Conductance after two stimuli, each light (L) or voltage (V), over that of the same "
        "device lit before and left alone for the same time.",
        code="protocols.optical.Optical.analyse",
        quantity="co-modulation",
    ),
    Definition(
        "responsivity",
        "R = (I_lit - I_dark)/(H A)",
        "Current at the end of a light pulse on a device emptied before, above the dark current, "
        "over the power on the lit area: irradiance H times area A. It depends on the length of "
        "the pulse where the photocurrent has a memory.",
        unit="A/W",
        code="protocols.optical.Optical.analyse",
        quantity="responsivity",
    ),
    Definition(
        "share-of-parts-on-baseline",
        "n(within 5 %)/n",
        "Share of the parts of a measurement that began within 5 % of the conductance before the "
        "first of them.",
        code="protocols.optical.Optical.analyse",
        quantity="share of parts on the baseline",
    ),
)

_SYNERGY = (
    Definition(
        "postsynaptic-current",
        "PSC = V_read (G_after - G_before)",
        "Current at the read voltage that the pulses add to that before them, in the first read "
        "after the last pulse: positive is excitatory (EPSC), negative inhibitory (IPSC).",
        unit="A",
        code="protocols.e_i_synergy.EiSynergy.analyse",
        quantity="postsynaptic current",
    ),
    Definition(
        "summation-deviation",
        "(PSC_both - PSC_E - PSC_I)/(|PSC_E| + |PSC_I|)",
        "How far the current after both inputs is off the sum of those after each alone, at the "
        "shortest delay: 0 is linear, positive lies on the side of the excitation.",
        code="protocols.e_i_synergy.EiSynergy.analyse",
        quantity="deviation from linear summation",
    ),
    Definition(
        "excitation-balance",
        "V_I: PSC(V_E, V_I) = 0",
        "Level of the inhibitory pulse after which nothing is left of the excitation at the first "
        "read, on a straight line between the two levels around it; 0 V stands for the excitation "
        "alone. The standard uncertainty allows for a jump anywhere between the two.",
        unit="V",
        code="protocols.e_i_synergy_results.balance",
        quantity="balance of excitation and inhibition",
    ),
)

_PAVLOV = (
    Definition(
        "association-index",
        "(G_after - G_before)/(G_after + G_before)",
        "Responses to the bell alone, as conductances under it: before any conditioning, and after "
        "the phase named. 0 is no association, 1 a response beyond comparison with that before. A "
        "response that the range does not resolve counts as three times its uncertainty.",
        code="protocols.pavlov.Pavlov.analyse",
        quantity="association index",
    ),
    Definition(
        "association-formed-share",
        "n(G >= criterion G_before)/n",
        "Share of the repeats in which the response passed the criterion during the conditioning.",
        code="protocols.pavlov.Pavlov.analyse",
        quantity="associations formed",
    ),
    Definition(
        "trials-to-criterion",
        "first n: G_n >= criterion G_before, or G_n < criterion G_before",
        "Number of the trial whose response first passes the criterion: rising in the "
        "conditioning, falling in the extinction; the mean of the repeats in which it does.",
        code="protocols.pavlov.Pavlov.analyse",
        quantity="trials to criterion",
    ),
    Definition(
        "association-kept",
        "(G_hold - G_before)/(G_conditioned - G_before)",
        "Share of the association that is left at the end of the time in which nothing happens.",
        code="protocols.pavlov.Pavlov.analyse",
        quantity="association kept",
    ),
    Definition(
        "association-extinguished",
        "1 - (G_extinguished - G_before)/(G_hold - G_before)",
        "Share of the association held that the extinction took away.",
        code="protocols.pavlov.Pavlov.analyse",
        quantity="association extinguished",
    ),
    Definition(
        "energy-of-stimuli",
        "E = sum over terminals of V I w",
        "What the sources of all terminals driven at once give during one stimulus, from level and "
        "current measured over 20 to 95 % of it and its achieved width.",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.1.2",
        code="protocols.pavlov.Pavlov.analyse",
        quantity="energy of a stimulus",
    ),
)

_PAIN = (
    Definition(
        "firing-threshold",
        "V50 of P = 1/(1 + exp(-(|V| - V50)/s))",
        "Amplitude at which half of the stimuli give a mean current above the firing level stated "
        "with the protocol, by maximum likelihood. Where that is not identifiable, the bracket "
        "between what never fired and what always did: its middle, and its width over the root of "
        "12. The standard uncertainty stands on as many bisections as there are repeats.",
        unit="V",
        code="protocols.nociceptor_results.threshold_metric",
        quantity="threshold of a nociceptor",
    ),
    Definition(
        "allodynia",
        "1 - V50(injured)/V50(intact)",
        "Relative fall of the firing threshold shortly after an injury.",
        doi="10.1038/s41467-017-02572-3",
        source="after Yoon et al., Nat. Commun. 2018, 9, 417: a lower threshold",
        code="protocols.nociceptor.Nociceptor.analyse",
        quantity="allodynia",
    ),
    Definition(
        "hyperalgesia",
        "I(injured)/I(intact)",
        "Mean currents in the same noxious stimulus, shortly after an injury and without one: "
        "above 1 the injured device answers more.",
        doi="10.1038/s41467-017-02572-3",
        source="after Yoon et al., Nat. Commun. 2018, 9, 417: a larger response",
        code="protocols.nociceptor.Nociceptor.analyse",
        quantity="hyperalgesia",
    ),
    Definition(
        "relaxation-half-time",
        "t: I(t) = I(t_shortest)/2",
        "Interval after a noxious stimulus at which the response to a weak one has fallen to half "
        "of that at the shortest interval, on a straight line in ln t between the two intervals "
        "around it; the uncertainty is their distance over the root of 12.",
        unit="s",
        code="protocols.nociceptor.Nociceptor.analyse",
        quantity="relaxation time of a nociceptor",
    ),
    Definition(
        "adaptation-ratio",
        "mean I of the last third/mean I of the first third",
        "Responses in a train of equal noxious stimuli: 1 is no adaptation.",
        code="protocols.nociceptor.Nociceptor.analyse",
        quantity="adaptation",
    ),
    Definition(
        "share-rested",
        "n(G <= 10 G_least)/n",
        "Share of the trials before which the conductance was within a factor of ten of the least "
        "seen, or of what the range resolves.",
        code="protocols.nociceptor.Nociceptor.analyse",
        quantity="share of trials on a rested device",
    ),
)

DEFINITIONS_STIMULI = (*_PAIN, *_PAVLOV, *_SYNERGY, *_SHARED, *_THREE, *_LIGHT)
