"""Switching: time against voltage, and the probability that a pulse switches a magnetic junction.

Switching times spread over decades, so the kinetics are fitted in ln(tau), where a relative
uncertainty is an absolute one. Numbers of switched pulses are binomial and are fitted as such: a
voltage at which none of 100 pulses switched says something too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.competition import Competition
from labctl.analysis.curves import Curve, Derived, Parameter
from labctl.analysis.formula import Definition
from labctl.analysis.likelihood import Likelihood, fit_likelihood
from labctl.analysis.nonlinear import compete_curves, fit_curve
from labctl.analysis.straight import straight_line
from labctl.analysis.verdict import join
from labctl.errors import BadInput
from labctl.results import Fit

__all__ = [
    "DEFINITIONS_SWITCHING", "KINETICS", "compete_switching", "fit_switching",
    "fit_switching_probability", "switching_curve", "switching_probability",
]  # fmt: skip

Array = NDArray[np.float64]

_LEAST_EXPECTED = 1.0  # switched or not, for a place to count in Pearson's chi2

#: laws that `fit_switching` knows
KINETICS = ("exponential", "merz")

DEFINITIONS_SWITCHING = (
    Definition(
        "switching-volts-per-decade",
        "tau = tau0 exp(-V/V0); V0 ln 10",
        "The change of voltage that changes the switching time tenfold.",
        unit="V",
        doi="10.1002/adfm.201101117",
        source="kinetics of this form in oxides: Menzel et al., Adv. Funct. Mater. 2011, 21, 4487",
        code="labctl.analysis.switching.fit_switching",
        quantity="switching kinetics",
    ),
    Definition(
        "merz-activation-voltage",
        "tau = tau0 exp(Va/V)",
        "Activation voltage of ferroelectric switching; over the thickness, the activation field.",
        unit="V",
        doi="10.1103/PhysRev.95.690",
        source="Merz, Phys. Rev. 1954, 95, 690",
        code="labctl.analysis.switching.fit_switching",
        quantity="switching kinetics",
    ),
    Definition(
        "thermal-stability-by-switching",
        "P = 1 - exp(-(w/tau0) exp(-Delta (1 - |V|/Vc)))",
        "Delta is the barrier over kT, Vc the voltage at which it vanishes, w the width of the "
        "pulse, tau0 the attempt time, which has to be stated (1 ns by habit): the counts tell "
        "only Delta + ln(tau0) and Delta/Vc, whatever the widths. Valid below Vc.",
        doi="10.1103/PhysRevB.69.134416",
        source="Neel-Brown (doi:10.1103/PhysRev.130.1677) under spin torque: Li and Zhang, Phys. "
        "Rev. B 2004, 69, 134416",
        code="labctl.analysis.switching.fit_switching_probability",
        quantity="thermal stability",
    ),
)


def switching_curve(law: str) -> Curve:
    """Return ln(tau) against voltage as a curve.

    Raises
    ------
    BadInput
        The law is unknown.
    """
    if law not in KINETICS:
        raise BadInput(f'the switching law "{law}" is unknown; allowed are {", ".join(KINETICS)}')
    merz = law == "merz"

    def shape(v: Array, tau0: Any, scale: Any) -> Any:
        return np.log(tau0) + (scale / v if merz else -v / scale)

    def starts(v: Array, y: Array, w: Array) -> list[Array]:
        slope, height = straight_line(1 / v if merz else v, y, w)
        least = 1e-3 * float(np.max(v))
        scale = max(slope, least) if merz else 1 / max(-slope, 1e-3 / float(np.max(v)))
        return [np.array([math.exp(min(max(height, -600.0), 600.0)), scale])]

    name = "Va" if merz else "V0"
    decade = Derived("decade", "V", lambda p: float(p[1]) * math.log(10), alone="V0")
    return Curve(
        law,
        f"ln(tau) = ln(tau0) {'+ Va/V' if merz else '- V/V0'}",
        (Parameter("tau0", "s", log=True), Parameter(name, "V", log=True)),
        shape,
        starts,
        () if merz else (decade,),
        derivative="complex",
        null="constant",
        subject="voltage dependence",
    )


def _kinetics(
    v: ArrayLike, tau: ArrayLike, sigma: ArrayLike | None
) -> tuple[Array, Array, Array | None, str]:
    """Return |V|, ln(tau), its uncertainty, and why they cannot be fitted, or nothing."""
    volts, times = np.abs(np.ravel(np.asarray(v, float))), np.ravel(np.asarray(tau, float))
    spread = None if sigma is None else np.ravel(np.asarray(sigma, float))
    refusal = ""
    if np.any(times <= 0) or np.any(volts == 0):
        refusal = "switching times must be positive, at voltages other than zero"
    with np.errstate(all="ignore"):
        if spread is not None and len(spread) == len(times):
            spread = spread / times
        return volts, np.log(times), spread, refusal


def fit_switching(
    v: ArrayLike,
    tau: ArrayLike,
    sigma: ArrayLike | None = None,
    law: str = "exponential",
    *,
    absolute: bool = True,
) -> Fit:
    """Fit switching times against voltage.

    Parameters
    ----------
    v
        Voltage of the pulse; its sign is left aside.
    tau
        Switching time, s.
    sigma
        Its standard uncertainty. Without it every time has the same relative one, from the scatter.
    law
        ``exponential``: tau0 exp(-V/V0), with ``decade`` = V0 ln 10. ``merz``: tau0 exp(Va/V).
    absolute
        As for `labctl.analysis.nonlinear.fit_curve`.

    Raises
    ------
    BadInput
        The law is unknown, or the arrays differ in length.
    """
    curve = switching_curve(law)
    volts, times, spread, refusal = _kinetics(v, tau, sigma)
    if refusal:
        return Fit(law, curve.formula, points=len(times), note=refusal)
    return fit_curve(curve, volts, times, spread, absolute=absolute)


def compete_switching(
    v: ArrayLike,
    tau: ArrayLike,
    sigma: ArrayLike | None = None,
    laws: Sequence[str] = KINETICS,
    *,
    absolute: bool = True,
) -> Competition:
    """Fit several laws of switching and compare them.

    Raises
    ------
    BadInput
        A law is unknown, or the arrays differ in length.
    """
    curves = {law: switching_curve(law) for law in laws}
    volts, times, spread, refusal = _kinetics(v, tau, sigma)
    if refusal:
        fits = {law: Fit(law, curve.formula, note=refusal) for law, curve in curves.items()}
        return Competition(fits, "", {}, refusal)
    return compete_curves(curves, volts, times, spread, absolute=absolute)


def switching_probability(
    v: ArrayLike, width: ArrayLike, delta: float, vc: float, tau0: float = 1e-9
) -> Array:
    """Return P = 1 - exp(-(w/tau0) exp(-Delta (1 - |V|/Vc)))."""
    volts, widths = np.abs(np.asarray(v, float)), np.asarray(width, float)
    with np.errstate(over="ignore"):
        hazard = widths / tau0 * np.exp(-delta * (1 - volts / vc))
    return np.asarray(-np.expm1(-hazard))


def fit_switching_probability(
    v: ArrayLike,
    switched: ArrayLike,
    pulses: ArrayLike,
    width: ArrayLike,
    tau0: float = 1e-9,
) -> Fit:
    """Fit the thermal stability and the critical voltage of a magnetic junction.

    Parameters
    ----------
    v
        Voltage of the pulses; its sign is left aside.
    switched, pulses
        How many of how many pulses switched, at each voltage.
    width
        Of the pulses, s: one for all, or one for each voltage.
    tau0
        Attempt time, s. It cannot be fitted: a tau0 ten times longer lowers Delta by ln 10, and Vc
        with it, and describes the same counts.

    Returns
    -------
    Fit
        ``Delta``, ``Vc``, and with a single width ``V50``, the voltage that
        switches half of the pulses. Counts that scatter more than binomial ones (99.9 % point of
        Pearson's chi2) enlarge the intervals, and `note` says so.

    Raises
    ------
    BadInput
        The arrays differ in length, or tau0 is not positive.
    """
    if not 0 < tau0 < math.inf:
        raise BadInput(f"an attempt time of {tau0:g} s was asked for; it must be positive")
    volts, gone, tried = (np.ravel(np.asarray(a, float)) for a in (v, switched, pulses))
    widths = np.ravel(np.asarray(width, float))
    widths = np.full(len(volts), widths[0]) if len(widths) == 1 else widths
    if not len(volts) == len(gone) == len(tried) == len(widths):
        raise BadInput(
            f"{len(volts)} voltages, {len(gone)} and {len(tried)} counts and {len(widths)} widths "
            "were given; their numbers must be equal, or one width for all"
        )
    good = np.isfinite(volts) & (tried > 0) & np.isfinite(tried) & (gone >= 0) & (gone <= tried)
    good &= np.isfinite(widths) & (widths > 0)
    left_out = int(np.sum(~good))
    note = f"left out of {len(volts)} voltages: {left_out} without possible counts" * bool(left_out)
    counts = _Counts(np.abs(volts[good]), gone[good], tried[good], widths[good])
    formula = "P = 1 - exp(-(w/tau0) exp(-Delta (1 - |V|/Vc)))"
    refusal = counts.refuse()
    if refusal:
        return Fit("neel_brown", formula, points=len(counts.v), note=join(note, refusal))
    found = fit_likelihood(counts.model(formula, tau0), counts.starts(tau0), len(counts.v), note)
    return counts.judged(found, tau0)


class _Counts:
    """Switched pulses at several voltages."""

    def __init__(self, v: Array, switched: Array, pulses: Array, width: Array) -> None:
        self.v, self.switched, self.pulses, self.width = v, switched, pulses, width

    def refuse(self) -> str:
        """Say why the counts cannot be fitted, or nothing."""
        share = self.switched / np.maximum(self.pulses, 1)
        places = len(np.unique(np.column_stack((self.v, self.width)), axis=0))
        if places < 2:
            return f"{places} different pulses; the fit needs at least 2"
        if not np.any(share > 0) or not np.any(share < 1):
            all_or_none = "none" if not np.any(share > 0) else "all"
            return f"{all_or_none} of the pulses switched; there is nothing to fit"
        return ""

    def model(self, formula: str, tau0: float) -> Likelihood:
        """Return the binomial likelihood."""

        def hazard(delta: Any, vc: Any) -> Any:
            exponent = np.log(self.width / tau0) - delta * (1 - self.v / vc)
            return np.exp(np.where(np.real(exponent) > 600, 600.0, exponent))

        def terms(delta: Any, vc: Any) -> Any:
            h = hazard(delta, vc)
            log_p = np.where(np.real(h) < 1e-12, np.log(h + 1e-300), np.log(-np.expm1(-h)))
            return self.switched * log_p - (self.pulses - self.switched) * h

        def spread(p: Array) -> tuple[float, int]:
            share = -np.expm1(-np.real(hazard(p[0], p[1])))
            expected = self.pulses * share
            variance = expected * (1 - share)
            counted = np.minimum(expected, self.pulses - expected) >= _LEAST_EXPECTED
            dof = int(np.sum(counted)) - 2
            if dof < 1:
                return 0.0, 0
            off = (self.switched - expected)[counted] ** 2 / variance[counted]
            return float(np.sum(off)), dof

        return Likelihood(
            "neel_brown",
            f"{formula}, tau0 = {tau0:g} s",
            (Parameter("Delta", "1", log=True), Parameter("Vc", "V", log=True)),
            terms,
            self._half(tau0),
            spread,
        )

    def _half(self, tau0: float) -> tuple[Derived, ...]:
        if np.ptp(self.width) > 1e-9 * self.width[0]:
            return ()
        waits = math.log(float(self.width[0]) / (tau0 * math.log(2)))
        return (Derived("V50", "V", lambda p: float(p[1]) * (1 - waits / float(p[0]))),)

    def starts(self, tau0: float) -> list[Array]:
        """Return a place from a straight line through ln(-ln(1 - share))."""
        share = (self.switched + 0.5) / (self.pulses + 1)
        with np.errstate(all="ignore"):  # of a share of one, which counts of pulses round to
            height = np.log(-np.log1p(-share)) - np.log(self.width / tau0)
        weight = np.sqrt(self.pulses * share * (1 - share))
        if np.ptp(self.v) == 0:
            return [np.array([20.0, 2 * float(self.v[0]) or 1.0])]
        slope, level = straight_line(self.v, height, weight)
        delta = max(-float(level), 1.0)
        vc = delta / max(float(slope), delta / (10 * float(np.max(self.v))))
        return [np.array([delta, vc])]

    def judged(self, fit: Fit, tau0: float) -> Fit:
        """Return the fit with a warning where the law does not hold, and the attempt time."""
        said = ""
        if "Vc" in fit.values and np.any(self.v > fit.values["Vc"].value):
            above = int(np.sum(self.v > fit.values["Vc"].value))
            said = f"{above} voltages are above Vc, where thermal activation does not hold"
        return msgspec.structs.replace(fit, note=join(fit.note, said), fixed={"tau0": tau0})
