"""Conditions on results: ``"g_final > 100 uS and double_decay.tau1 < 1 s"``.

A condition compares figures of merit with quantities; comparisons are joined by ``and`` and ``or``
(``and`` binds closer). Nothing else can be written, and nothing is evaluated as code. A figure that
was not found is no number: its comparison does not hold, and the verdict says so.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator

from labctl.errors import BadInput
from labctl.results import Results
from labctl.units import parse, show

__all__ = [
    "Comparison", "Condition", "ConditionText", "Verdict", "figures", "parse_condition",
]  # fmt: skip

_SIGNS = {
    "<=": operator.le, ">=": operator.ge, "==": operator.eq, "!=": operator.ne,
    "<": operator.lt, ">": operator.gt,
}  # fmt: skip
_COMPARISON = re.compile(r"\s*([A-Za-z][\w.-]*)\s*(<=|>=|==|!=|<|>)\s*([-+.\d].*?)\s*")
_FORM = 'write it as in "g_final > 100 uS and cycles >= 1000"'

#: value and unit of a figure of merit, by name
Figures = Mapping[str, tuple[float, str]]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition holds, and the numbers that say so."""

    holds: bool
    why: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """One figure of merit against one quantity."""

    name: str  #: ``metric``, ``fit.parameter``, or either after the name of an earlier stage
    sign: str
    quantity: str  #: as written

    def judge(self, known: Figures) -> Verdict:
        """Compare.

        Raises
        ------
        BadInput
            The quantity is written in another unit than the figure has.
        """
        if self.name not in known:
            return Verdict(False, f"{self.name} was not found")
        value, unit = known[self.name]
        holds = math.isfinite(value) and _SIGNS[self.sign](value, parse(self.quantity, unit))
        word = "" if holds else "not "
        return Verdict(
            holds, f"{self.name} = {show(value, unit)} {word}{self.sign} {self.quantity}"
        )


@dataclass(frozen=True, slots=True)
class Condition:
    """Comparisons: any of the groups, all of the comparisons in it."""

    groups: tuple[tuple[Comparison, ...], ...]

    def judge(self, known: Figures) -> Verdict:
        """Say whether it holds for these figures, and why.

        Raises
        ------
        BadInput
            A quantity is written in another unit than its figure has.
        """
        told = []
        for group in self.groups:
            verdicts = [comparison.judge(known) for comparison in group]
            why = " and ".join(verdict.why for verdict in verdicts)
            if all(verdict.holds for verdict in verdicts):
                return Verdict(True, why)
            told.append(why)
        return Verdict(False, "; ".join(told))


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises
    ------
    BadInput
        It is not comparisons joined by ``and`` and ``or``.

    Examples
    --------
    >>> parse_condition("g > 100 uS").judge({"g": (2e-4, "S")})
    Verdict(holds=True, why='g = 200 uS > 100 uS')
    """
    groups = []
    for part in re.split(r"\s+or\s+", text.strip()):
        group = []
        for piece in re.split(r"\s+and\s+", part):
            found = _COMPARISON.fullmatch(piece)
            if found is None:
                raise BadInput(f'the condition "{text}" cannot be read at "{piece}"; {_FORM}')
            group.append(Comparison(*found.groups()))
        groups.append(tuple(group))
    return Condition(tuple(groups))


def _readable(text: str) -> str:
    try:
        if text:
            parse_condition(text)
    except BadInput as error:
        raise ValueError(str(error)) from None
    return text


#: a condition as a field of a file; empty for none
ConditionText = Annotated[str, AfterValidator(_readable)]


def figures(results: Results, prefix: str = "") -> dict[str, tuple[float, str]]:
    """Return value and unit of every metric and fitted parameter, by name.

    Parameters
    ----------
    results
        Of a run.
    prefix
        Put before every name with a point, such as the stage's name.
    """
    before = f"{prefix}." if prefix else ""
    known = {f"{before}{name}": (m.value, m.unit) for name, m in results.metrics.items()}
    for name, fit in results.fits.items():
        for key, value in fit.values.items():
            known[f"{before}{name}.{key}"] = (value.value, value.unit)
    return known
