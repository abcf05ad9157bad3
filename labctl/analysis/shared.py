"""What curves of a joint fit share, and where the search for it may go."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from labctl.analysis import separable
from labctl.analysis.laws import Law
from labctl.analysis.minimum import Quantity
from labctl.analysis.question import SLOWLY, Question
from labctl.analysis.sample import Sample
from labctl.analysis.separable import Block, Hold, Problem, Start
from labctl.results import Fit

__all__ = ["Plan", "Together", "unfitted"]

Array = NDArray[np.float64]

_ENERGIES = (0.05, 2.0)  # eV, least and largest tried for a start
_LADDER = {1: 15, 2: 9, 3: 6}  # number of them, by number of exponentials
_MOST_ENERGY = 10.0  # eV, largest activation energy searched
_LARGEST = 1e4  # largest amplitude searched, in sizes of the data
_STARTS = 3
_EXACT = 1e-6


@dataclass(frozen=True, slots=True)
class Plan:
    """How the curves' nonlinear parameters follow from the shared ones."""

    asked: Question  #: of each curve
    inverse: tuple[float, ...] = ()  #: (1/T - 1/T_ref)/k of each curve, 1/eV
    reference: float = 0.0

    @property
    def unit(self) -> float:
        """An energy that changes ln tau by one over the temperatures, eV."""
        return 1 / max(map(abs, self.inverse)) if self.inverse else 1.0

    def turn(self, law: Law, curve: int) -> Array | None:
        """Return the matrix from the shared parameters to those of a curve."""
        if not self.inverse:
            return None
        count = len(law.nonlinear)
        return np.hstack((np.eye(count), self.inverse[curve] * self.unit * np.eye(count)))

    def quantities(self, unit_t: float) -> list[Quantity]:
        """Return the shared parameters as they are reported."""
        law, unit = self.asked.law, self.asked.unit_t
        shared = [
            Quantity(one.name, unit, unit_t, one.log)
            if one.unit == "time"
            else Quantity(one.name, "1", 1.0, one.log)
            for one in law.nonlinear
        ]
        if self.inverse:
            shared += [Quantity(f"ea{k + 1}", "eV", self.unit) for k in range(len(law.nonlinear))]
        return shared

    @property
    def fixed(self) -> dict[str, float]:
        """Constants of the formula that are not fitted."""
        return self.asked.fixed | ({"temperature": self.reference} if self.inverse else {})

    def definition(self, scaled: bool, curves: int, *, slow: bool = False) -> str:
        """Return the formula, what was fitted to what, and whether errors allow for slow noise."""
        shared = ", ".join(one.name for one in self.asked.law.nonlinear)
        text = f"{self.asked.definition(scaled)}; {curves} curves share {shared}"
        if self.inverse:
            text += f" = tau exp(Ea/k (1/T - 1/{self.reference:.6g} K))"
        return text + (SLOWLY if slow else "")


def unfitted(plan: Plan, samples: Sequence[Sample], note: str) -> Fit:
    """Return the fit of curves that cannot be fitted."""
    points = sum(len(sample.t) for sample in samples)
    definition = plan.definition(not plan.asked.stated, len(samples))
    name = plan.asked.law.name
    return Fit(name, definition, points=points, note=note, fixed=plan.fixed)


class Together:
    """Where the search for the shared parameters may go: where the first law's own search may.

    With activation energies the parameters are the logarithms of tau at the reference temperature,
    then the energies in units of `Plan.unit`.
    """

    def __init__(
        self, model: separable.Model, plan: Plan, law: Law, blocks: tuple[Block, ...]
    ) -> None:
        self.law, self.plan, self.blocks = model, plan, blocks
        self.count = len(law.nonlinear)
        self.most = _MOST_ENERGY / plan.unit

    def clip(self, theta: Array, held: int | None) -> Array:
        """Keep time constants in order and energies finite."""
        own = held if held is not None and held < self.count else None
        first = self.law.clip(theta[: self.count], own)
        if len(theta) == self.count:
            return first
        energies = np.clip(theta[self.count :], -self.most, self.most)
        return np.concatenate((first, energies))

    def starts(self, y: Array, hold: Hold | None) -> list[Start]:
        """Return the best places that the curves find one by one, for all of them."""
        if hold is not None:
            return []
        places: list[Start] = []
        for theta in self._candidates():
            place = self.clip(theta, None)
            with contextlib.suppress(np.linalg.LinAlgError):  # columns that have vanished
                s = separable.evaluate(Problem(self, self.blocks), place).s
                places.append(Start(place, s))
        return sorted(places, key=lambda start: start.s)[:_STARTS]

    def _candidates(self) -> list[Array]:
        """Return where each curve alone has its minimum and, with energies, a ladder of them."""
        alone = []
        for block in self.blocks:
            model = block.family
            assert isinstance(model, type(self.law))
            problem = separable.one_curve(model, block.y, block.count)
            alone.append(separable.best_of(problem, _EXACT * float(block.y @ block.y)).theta)
        if not self.plan.inverse:
            return [*alone, np.median(alone, axis=0)]
        return self._activated(alone)

    def _activated(self, alone: list[Array]) -> list[Array]:
        """Return time constants at the reference temperature with energies, from some curves."""
        inverse = np.array(self.plan.inverse)
        line = np.polynomial.polynomial.polyfit(inverse, np.array(alone), 1)
        found = [np.concatenate((line[0], line[1] / self.plan.unit))]
        ladder = np.geomspace(*_ENERGIES, _LADDER[self.count])
        grid = np.stack(np.meshgrid(*[ladder] * self.count, indexing="ij"), axis=-1)
        order = np.argsort(inverse)
        for curve in {int(order[0]), int(order[len(order) // 2]), int(order[-1])}:
            for energies in grid.reshape(-1, self.count):
                theta = alone[curve] - inverse[curve] * energies
                found.append(np.concatenate((theta, energies / self.plan.unit)))
        return found

    def pinned(self, theta: Array, parameter: int) -> bool:
        """Tell whether the limits of the search decide the parameter of some curve."""
        if parameter < len(theta):
            return False
        at = parameter - len(theta)
        for block in self.blocks:
            if 0 <= at < block.count:
                return self.law.pinned(block.theta(theta), self.count + at)
            at -= block.count
        return False

    def limit(self, parameter: int, side: int) -> float:
        """Return the end of the range searched."""
        if parameter < self.count:
            return self.law.limit(parameter, side)
        if self.plan.inverse and parameter < 2 * self.count:
            return side * self.most
        return side * _LARGEST
