"""Definitions of the energy of an event and of its parts (`labctl.analysis.energy_parts`)."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_ENERGY_PARTS"]

_CODE = "labctl.analysis.energy_parts.split_energy"
_DOI = "10.59161/JCGM100-2008E"
_GUM = "propagation of uncertainty: JCGM 100:2008, 5.2"

DEFINITIONS_ENERGY_PARTS = (
    Definition(
        "energy-event-integral",
        "E = integral of v i dt over the captured waveform",
        "Everything the source delivers during the event, edges included. Integrated by the "
        "trapezoidal rule; what the sampling may miss is part of the uncertainty.",
        unit="J",
        doi=_DOI,
        source=_GUM,
        code=_CODE,
        quantity="energy of an event",
    ),
    Definition(
        "energy-event-switching",
        "E_sw = integral of v (i - C dv/dt - G v) dt outside the read windows",
        "What is left of the energy of an event without leakage and charging: the cost of the "
        "change of state. G is the conductance below threshold, C the capacitance; a part "
        "that is not stated is counted here.",
        unit="J",
        doi=_DOI,
        source=_GUM,
        code=_CODE,
        quantity="switching energy",
    ),
    Definition(
        "energy-event-leakage",
        "E_leak = G integral of v^2 dt outside the read windows",
        "The current below threshold, or in the off state, scaled linearly to the level of "
        "the pulse. A device whose leakage grows faster has more of it.",
        unit="J",
        doi=_DOI,
        source=_GUM,
        code=_CODE,
        quantity="leakage energy",
    ),
    Definition(
        "energy-event-charging",
        "E_ch = integral of v C dv/dt dt = C (v_end^2 - v_start^2)/2",
        "Stored in the capacitance at the end of the capture; zero for a pulse that returns "
        "to its start.",
        unit="J",
        doi=_DOI,
        source=_GUM,
        code=_CODE,
        quantity="charging energy",
    ),
    Definition(
        "energy-event-read",
        "E_read = integral of v i dt in the read windows",
        "What reading the state takes.",
        unit="J",
        doi=_DOI,
        source=_GUM,
        code=_CODE,
        quantity="read energy",
    ),
    Definition(
        "energy-capacitive-cv2",
        "E_C = C sum of V_k^2",
        "What a supply of fixed level spends to charge the capacitance to each pulse level "
        "V_k and let it discharge to ground: half is lost in charging, half in discharging. "
        "No part of the integral over the event, since a source that returns to zero gets the "
        "stored half back.",
        unit="J",
        doi=_DOI,
        source=_GUM,
        code=_CODE,
        quantity="capacitive energy",
    ),
)
