"""Definitions of the figures that belong to no module of their own: indices, shares, energies."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_FIGURES"]

DEFINITIONS_FIGURES = (
    Definition(
        "ppf-index-in-pulse-current",
        "I2/I1 - 1, which is (|I2| - |I1|)/|I1|",
        "I1 and I2 are the currents measured during the first and the second pulse. Positive is "
        "facilitation, negative depression, for either polarity of the pulses.",
        doi="10.1002/adma.202412006",
        source="Nie et al., Adv. Mater. 2025, 2412006: (P2 - P1)/P1 on the responses P",
        code="labctl.analysis.paired_pulses.paired_pulse_index",
        quantity="paired-pulse index",
    ),
    Definition(
        "ppf-index-read-conductance",
        "(G2 - G1)/G1",
        "G1 and G2 are the conductances read, at the read voltage, after the first and after the "
        "second pulse.",
        doi="10.1146/annurev.physiol.64.092501.114547",
        source="after Zucker and Regehr, Annu. Rev. Physiol. 2002, 64, 355: (A2 - A1)/A1 on the "
        "responses A; here the response is the conductance after the pulse",
        code="labctl.analysis.paired_pulses.paired_pulse_index",
        quantity="paired-pulse index",
    ),
    Definition(
        "energy-level-current-width",
        "E = V I w",
        "V and I are the level and the current measured in the pulse, w its achieved width: the "
        "energy that a flat pulse delivers, without its edges and the charging of the capacitance, "
        "C V^2. The standard uncertainty has two parts: those of V, I and w, taken as common to "
        "all pulses, and the scatter of the pulses. Where it is as large as the value, the metric "
        "is the upper 95 % bound, max(E, 0) + 1.645 u(E).",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.1.2",
        code="labctl.analysis.energy.energy_per_pulse",
        quantity="energy of a pulse",
    ),
    Definition(
        "share-of-pairs-on-baseline",
        "n(returned)/n",
        "The share of the pairs before which the conductance had come back to the baseline within "
        "the tolerance of the protocol.",
        code="protocols.ppf.PairedPulse.analyse",
        quantity="share of pairs on the baseline",
    ),
    Definition(
        "read-conductance",
        "G = I/V",
        "I and V are measured while the read voltage is applied.",
        unit="S",
        code="labctl.readings.Readings.g",
        quantity="conductance",
    ),
)
