"""Every device card that a set of update curves allows, in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.cards import (
    Card,
    Scatter,
    Writing,
    exponential_step_card,
    linear_step_card,
    neurosim_card,
    soft_bounds_card,
)
from labctl.analysis.exponential_step import fit_exponential_step
from labctl.analysis.lookup import crosssim_card
from labctl.analysis.updates import branches, fit_updates
from labctl.analysis.variation import Variation, variations
from labctl.errors import BadInput

__all__ = ["CardSet", "device_cards"]

_BRANCHES = ("potentiation", "depression")


class CardSet(msgspec.Struct, frozen=True):
    """The cards of a device by name, and why a card is missing."""

    cards: dict[str, Card]
    missing: dict[str, str]


def device_cards(
    g: ArrayLike,
    pulse: ArrayLike,
    branch: ArrayLike,
    cycle: ArrayLike,
    device: ArrayLike | None = None,
    writing: Writing | None = None,
) -> CardSet:
    """Return the cards for NeuroSim, AIHWKit and CrossSim from update curves.

    Parameters
    ----------
    g
        Conductances, S.
    pulse, branch, cycle, device
        For each value the number of the pulse in its branch (0 before the first), the branch
        (``potentiation`` or ``depression``), the number of the cycle, and the device.
    writing
        Voltages and widths, for NeuroSim.

    Returns
    -------
    CardSet
        ``neurosim``, ``linear_step``, ``soft_bounds``, ``exponential_step`` and ``crosssim``, those
        that the data allow. Of several devices the cards describe the mean, and CrossSim's tables
        hold the steps of all.

    Raises
    ------
    BadInput
        Columns of different length, or a branch is missing.
    """
    values = np.ravel(np.asarray(g, float))
    numbers, names, cycles = (np.ravel(np.asarray(part)) for part in (pulse, branch, cycle))
    if not len(values) == len(numbers) == len(names) == len(cycles):
        raise BadInput("conductances, pulses, branches and cycles differ in number; give one each")
    absent = [name for name in _BRANCHES if not np.any(names == name)]
    if absent:
        raise BadInput(f"device cards need both branches; there is no {' and no '.join(absent)}")
    scatter = _scatter(values, numbers, names, cycles, device)
    unique = cycles if device is None else _joined(cycles, np.ravel(np.asarray(device)))
    wanted = _wanted(values, numbers, names, scatter, writing)
    wanted["crosssim"] = lambda: crosssim_card(values, numbers, names, unique)
    cards, missing = {}, {}
    for name, make in wanted.items():
        try:
            cards[name] = make()
        except BadInput as error:
            missing[name] = str(error)
    return CardSet(cards, missing)


def _wanted(
    g: NDArray[np.float64],
    pulse: NDArray[Any],
    branch: NDArray[Any],
    scatter: Scatter,
    writing: Writing | None,
) -> dict[str, Callable[[], Card]]:
    """Fit the laws, and return what makes a card of each."""
    up, down = (branch == name for name in _BRANCHES)
    data = branches(g[up], g[down], pulses=(pulse[up], pulse[down]))
    straight, saturating = fit_updates(data, "linear_step"), fit_updates(data, "neurosim")
    middle, half = straight.fixed.get("Gc", 0.0), straight.fixed.get("H", 1.0)
    rise, fall = (
        fit_exponential_step(pulse[side], (g[side] - middle) / half, branch=sign)
        for side, sign in ((up, 1), (down, -1))
    )
    return {
        # NeuroSim's D2D is the spread of a label, which the spread of a step is not
        "neurosim": lambda: neurosim_card(
            saturating, writing, Scatter(scatter.step_over_range, None)
        ),
        "linear_step": lambda: linear_step_card(straight, scatter),
        "soft_bounds": lambda: soft_bounds_card(straight, scatter),
        "exponential_step": lambda: exponential_step_card(rise, fall, scatter),
    }


def _joined(cycles: NDArray[Any], devices: NDArray[Any]) -> NDArray[Any]:
    """Return one label for each cycle of each device."""
    return np.array([f"{device}/{cycle}" for device, cycle in zip(devices, cycles, strict=True)])


def _scatter(
    g: ArrayLike, pulse: ArrayLike, branch: ArrayLike, cycle: ArrayLike, device: ArrayLike | None
) -> Scatter:
    """Return the larger C2C of the two branches; nothing where cycles were not repeated."""
    try:
        found = variations(g, pulse, branch, cycle, device)
    except BadInput:
        return Scatter()
    return Scatter(max(_step(found[name]) for name in _BRANCHES))


def _step(found: Variation) -> float:
    entry = found.estimates.get("c2c-step-over-range")
    return 0.0 if entry is None else entry.value.value
