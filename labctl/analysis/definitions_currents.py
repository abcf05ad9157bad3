"""Definitions of what is measured with a current: programming curves and S-shaped curves."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_CURRENTS"]

_CURVE = "protocols.programming_curve_results.Curves.metrics"
_LOOP = "protocols.iv_current_results.Loops.metrics"
_BURR = "10.1116/1.3301579"
_KUMAR = "10.1038/s41467-017-00773-4"

DEFINITIONS_CURRENTS = (
    Definition(
        "reset-current-half-change",
        "I at which ln R has risen by half, from the smallest R to the largest above its current",
        "R is read after each pulse of a curve of rising amplitudes, I is the current measured in "
        "the pulse. Between two amplitudes ln R is a straight line; the uncertainty holds their "
        "distance over sqrt(12), which is the same in every curve, that of the current, and the "
        "scatter of the curves. Without a rise by the stated factor there is none.",
        unit="A",
        doi=_BURR,
        source="resistance against programming current: Burr et al., J. Vac. Sci. Technol. B 2010, "
        "28, 223; half of the change is the choice made here",
        code=_CURVE,
        quantity="RESET current",
    ),
    Definition(
        "set-current-half-change",
        "I at which ln R has fallen by half, from the largest R below its current to the smallest",
        "As the RESET current, on the other side of the smallest resistance; a curve that begins "
        "in the low resistance has none.",
        unit="A",
        doi=_BURR,
        source="resistance against programming current: Burr et al., J. Vac. Sci. Technol. B 2010, "
        "28, 223; half of the change is the choice made here",
        code=_CURVE,
        quantity="SET current",
    ),
    Definition(
        "set-window-of-currents",
        "I_RESET - I_SET, both at half of the change",
        "The range of amplitudes that leave a low resistance; mean over the curves that have both.",
        unit="A",
        code=_CURVE,
        quantity="SET window",
    ),
    Definition(
        "dynamic-range-of-resistance",
        "largest R/smallest R after the pulses of a curve",
        "Geometric mean over the curves. The uncertainty is that of the two reads and the scatter "
        "of the curves.",
        code=_CURVE,
        quantity="dynamic range",
    ),
    Definition(
        "smallest-resistance-of-curve",
        "smallest R after the pulses of a curve",
        "Geometric mean over the curves.",
        unit="Ohm",
        code=_CURVE,
        quantity="resistance",
    ),
    Definition(
        "largest-resistance-of-curve",
        "largest R after the pulses of a curve",
        "Geometric mean over the curves. Where the current of the read was not resolved, the "
        "resistance is larger than this.",
        unit="Ohm",
        code=_CURVE,
        quantity="resistance",
    ),
    Definition(
        "threshold-voltage-forced-current",
        "|V| at the level where its largest fall begins, while the current still rises",
        "On the way up. A fall by less than the stated share or three standard uncertainties "
        "is none. The uncertainty holds the distance to the level before over sqrt(12), which is "
        "alike in all cycles, that of the meter, and the scatter of the cycles.",
        unit="V",
        doi=_KUMAR,
        source="current-controlled negative differential resistance: Kumar et al., Nat. Commun. "
        "2017, 8, 658; the reading of the curve is the one made here",
        code=_LOOP,
        quantity="threshold voltage",
    ),
    Definition(
        "threshold-current-forced-current",
        "|I| at the level where the largest fall of |V| begins",
        "As the threshold voltage. The true one lies between the neighbouring levels: the "
        "uncertainty holds their distance over sqrt(12).",
        unit="A",
        doi=_KUMAR,
        source="current-controlled negative differential resistance: Kumar et al., Nat. Commun. "
        "2017, 8, 658; the reading of the curve is the one made here",
        code=_LOOP,
        quantity="threshold current",
    ),
    Definition(
        "hold-voltage-forced-current",
        "|V| at the level where its largest rise begins, while the current falls",
        "On the way down; else as the threshold voltage. Without hysteresis it is the valley of "
        "the curve.",
        unit="V",
        code=_LOOP,
        quantity="hold voltage",
    ),
    Definition(
        "hold-current-forced-current",
        "|I| at the level where the largest rise of |V| begins, while the current falls",
        "On the way down; else as the threshold current.",
        unit="A",
        code=_LOOP,
        quantity="hold current",
    ),
    *(
        Definition(
            f"{name}-forced-current-sd",
            "s = (sum((x_k - mean)^2)/(n - 1))^0.5",
            "From cycle to cycle; its standard error is s/(2 (n - 1))^0.5. Where it is below the "
            "uncertainty of one cycle, that is given as a bound.",
            unit=unit,
            code=_LOOP,
            quantity=f"spread of the {name.replace('-', ' ')}",
        )
        for name, unit in (
            ("threshold-voltage", "V"),
            ("threshold-current", "A"),
            ("hold-voltage", "V"),
            ("hold-current", "A"),
        )
    ),
    Definition(
        "most-negative-differential-resistance",
        "(V_(k+1) - V_k)/(I_(k+1) - I_k), the steepest of the fall on the way up",
        "Of mean voltages and currents at neighbouring levels. Where the voltage snaps back "
        "between two levels it is only as negative as their distance lets it be. The uncertainty "
        "is that of the two voltages, and the scatter of the cycles.",
        unit="Ohm",
        doi=_KUMAR,
        source="current-controlled negative differential resistance: Kumar et al., Nat. Commun. "
        "2017, 8, 658",
        code=_LOOP,
        quantity="differential resistance",
    ),
)
