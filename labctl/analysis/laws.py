"""The laws of decay: their parameters, their formulas, and the family of curves that each one is.

| law | formula | source |
|---|---|---|
| ``single_decay``, ``double_decay``, ``triple_decay`` | sum of ck exp(-t/tauk) | Debye; Zucker and Regehr, doi:10.1146/annurev.physiol.64.092501.114547 |
| ``stretched_decay`` | c exp(-(t/tau)^beta) | Kohlrausch, doi:10.1002/andp.18541670103; Williams and Watts, doi:10.1039/tf9706600080 |
| ``power_decay`` | c (t/t0)^-nu | Curie and von Schweidler, doi:10.1002/andp.19073291407 |
| ``log_decay`` | a - b ln(t/t0) | magnetic and ferroelectric after-effect, Street and Woolley, doi:10.1088/0370-1298/62/9/303 |

t0 of the last two is stated, not fitted: it is 1 in the unit of time unless the user says so. As a
parameter it would be the same as `c` or `a`; written 1 + t/t0 it would be a parameter, but one of
which data after t0 say nothing, and the amplitude would go with it. The price is that these laws
have no value at t = 0.
"""  # noqa: E501 - a table

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.axis import Axis
from labctl.analysis.exponentials import Exponentials
from labctl.analysis.powerlaw import Logarithm, PowerLaw
from labctl.analysis.sample import Reach
from labctl.analysis.separable import Model
from labctl.analysis.stretched import Stretched
from labctl.errors import BadInput

__all__ = ["LAWS", "Bounds", "Law", "Parameter", "find_law"]

Array = NDArray[np.float64]

#: least and largest value allowed, by parameter; None is no bound
Bounds = Mapping[str, tuple[float | None, float | None]]

_JUST_AFTER_ZERO = math.ulp(0.0)


@dataclass(frozen=True, slots=True)
class Parameter:
    """A nonlinear parameter of a law."""

    name: str
    unit: Literal["time", "none"]
    log: bool  #: searched by its logarithm

    def reduced(self, value: float, unit_t: float) -> float:
        """Return a value as the search counts it."""
        size = unit_t if self.unit == "time" else 1.0
        if not self.log:
            return value / size
        return math.log(value / size) if value > 0 else -math.inf


@dataclass(frozen=True, slots=True)
class Law:
    """A law of decay."""

    name: str
    formula: tuple[str, ...]  #: its terms
    nonlinear: tuple[Parameter, ...]
    linear: tuple[str, ...]
    begin: float = -math.inf  #: earliest time at which it has a value
    exponentials: int = 0  #: their number, for a sum of them
    own_level: bool = False  #: one of its parameters is a baseline already

    @property
    def counts_from_t0(self) -> bool:
        """Tell whether its formula has a stated t0."""
        return "t0" in self.formula[-1]

    def has_baseline(self, asked: bool) -> bool:
        """Tell whether a free baseline is a parameter when one is asked for."""
        return asked and not self.own_level

    def names(self, baseline: bool) -> tuple[str, ...]:
        """Return the names of the parameters, the nonlinear ones first."""
        tail = ("baseline",) if self.has_baseline(baseline) else ()
        return (*(parameter.name for parameter in self.nonlinear), *self.linear, *tail)

    def model(
        self, axis: Axis, reach: Reach, t0: float, baseline: bool, bounds: Array | None = None
    ) -> Model:
        """Return the family of curves.

        Parameters
        ----------
        axis, t0
            Times, and the reference time in their unit.
        reach
            What the times of the data let be seen.
        baseline
            Whether there is a free one.
        bounds
            Of the nonlinear parameters as the search counts them, shape (2, parameters).
        """
        if self.exponentials:
            return Exponentials(axis, reach, self.exponentials, baseline, bounds)
        if self.name == "stretched_decay":
            return Stretched(axis, reach, baseline, bounds)
        if self.name == "power_decay":
            return PowerLaw(axis, t0, baseline, bounds)
        return Logarithm(axis, t0)

    def basis(self, t: Array, values: Mapping[str, float], t0: float) -> list[Array]:
        """Return the columns at times `t`, for curves outside of a fit."""
        if self.exponentials:
            return [np.exp(-t / values[parameter.name]) for parameter in self.nonlinear]
        if self.name == "stretched_decay":
            return [np.exp(-((t / values["tau"]) ** values["beta"]))]
        x = np.log(t / t0)
        return [np.exp(-values["nu"] * x)] if self.name == "power_decay" else [np.ones_like(x), -x]


def _sum(name: str, count: int) -> Law:
    taus = tuple(Parameter(f"tau{k}", "time", True) for k in range(1, count + 1))
    amplitudes = tuple(f"c{k}" for k in range(1, count + 1))
    terms = tuple(f"c{k} exp(-t/tau{k})" for k in range(1, count + 1))
    return Law(name, terms, taus, amplitudes, exponentials=count)


#: every law that `labctl.analysis.decay.fit_decay` knows, by name
LAWS: dict[str, Law] = {
    law.name: law
    for law in (
        _sum("single_decay", 1),
        _sum("double_decay", 2),
        _sum("triple_decay", 3),
        Law(
            "stretched_decay",
            ("c exp(-(t/tau)^beta)",),
            (Parameter("tau", "time", True), Parameter("beta", "none", True)),
            ("c",),
            begin=0.0,
        ),
        Law(
            "power_decay",
            ("c (t/t0)^-nu",),
            (Parameter("nu", "none", False),),
            ("c",),
            begin=_JUST_AFTER_ZERO,
        ),
        Law(
            "log_decay",
            ("a - b ln(t/t0)",),
            (),
            ("a", "b"),
            begin=_JUST_AFTER_ZERO,
            own_level=True,
        ),
    )
}


def find_law(name: str) -> Law:
    """Return a law by name.

    Raises
    ------
    BadInput
        There is none of that name.
    """
    if name not in LAWS:
        raise BadInput(f'the decay model "{name}" is unknown; allowed are {", ".join(LAWS)}')
    return LAWS[name]
