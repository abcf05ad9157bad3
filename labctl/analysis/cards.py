"""Device cards: what a simulator of networks wants to know of a device, from fitted updates.

A card is pure data and text; it never needs the simulator. NeuroSim takes levels, labels of
non-linearity and sigmas; AIHWKit takes a device preset, here linear step, soft bounds or
exponential step; CrossSim takes look-up tables (`labctl.analysis.lookup`). The numbers come from
`labctl.analysis.updates.fit_updates` and `labctl.analysis.variation.variations`;
`labctl.analysis.card_set.device_cards` does all of it.

AIHWKit's weights run from -1 to 1 over the range that was measured. Its `up_down` makes the smaller
of the two steps smaller and leaves the larger one at `dw_min`, as its compiled code does; the
formula in its documentation differs from that.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import msgspec

from labctl.errors import BadInput
from labctl.results import Fit

__all__ = [
    "Card", "Scatter", "Writing", "exponential_step_card", "linear_step_card", "neurosim_card",
    "soft_bounds_card",
]  # fmt: skip


class Card(msgspec.Struct, frozen=True):
    """A device as a simulator takes it."""

    simulator: str  #: neurosim, aihwkit or crosssim
    model: str  #: class or kind of device in the simulator
    content: dict[str, Any]  #: numbers, lists and text only
    text: str  #: to be pasted where the simulator wants it
    notes: tuple[str, ...] = ()

    def json(self) -> str:
        """Return the card without its text, as one JSON object."""
        whole = {"simulator": self.simulator, "model": self.model, **self.content}
        return msgspec.json.format(
            msgspec.json.encode({**whole, "notes": self.notes}), indent=2
        ).decode()


class Scatter(msgspec.Struct, frozen=True):
    """Variations for a card, as shares; what is not known is zero on the card, which says so."""

    step_over_range: float | None = None  #: C2C, definition ``c2c-step-over-range``
    device: float | None = None  #: D2D: of the label (NeuroSim), of the step as a share (AIHWKit)


class Writing(msgspec.Struct, frozen=True):
    """How the device was written and read."""

    v_ltp: float  #: V
    v_ltd: float  #: V
    width_ltp: float  #: s
    width_ltd: float  #: s
    v_read: float  #: V


def neurosim_card(fit: Fit, writing: Writing | None = None, scatter: Scatter | None = None) -> Card:
    """Return the parameters of NeuroSim's ``RealDevice``.

    Parameters
    ----------
    fit
        Law ``neurosim`` of `labctl.analysis.updates.fit_updates`, fitted to both branches.
    writing
        Voltages and widths, where they are to be on the card.
    scatter
        C2C and D2D.

    Raises
    ------
    BadInput
        The fit is of another law, lacks a branch, or has no values.
    """
    need = ("Gmin", "Gmax", "label_ltp", "label_ltd")
    values = _values(fit, "neurosim", need)
    known = scatter or Scatter()
    content: dict[str, Any] = {
        "maxConductance": values["Gmax"],
        "minConductance": values["Gmin"],
        "maxNumLevelLTP": round(fit.fixed["N_ltp"]),
        "maxNumLevelLTD": round(fit.fixed["N_ltd"]),
        "NL_LTP": values["label_ltp"],
        "NL_LTD": -values["label_ltd"],
        "sigmaCtoC": known.step_over_range or 0.0,
        "sigmaDtoD": known.device or 0.0,
    }
    if writing is not None:
        content |= {
            "readVoltage": writing.v_read,
            "writeVoltageLTP": abs(writing.v_ltp),
            "writeVoltageLTD": abs(writing.v_ltd),
            "writePulseWidthLTP": writing.width_ltp,
            "writePulseWidthLTD": writing.width_ltd,
        }
    lines = [f"{name} = {_number(value)};" for name, value in content.items()]
    # the file wants the sigma in siemens, as a share of the range
    at = list(content).index("sigmaCtoC")
    share = _number(content["sigmaCtoC"])
    lines[at] = f"sigmaCtoC = {share} * (maxConductance - minConductance);"
    return Card("neurosim", "RealDevice", content, "\n".join(lines) + "\n", _said(fit, known, need))


def linear_step_card(fit: Fit, scatter: Scatter | None = None) -> Card:
    """Return AIHWKit's ``LinearStepDevice``.

    Parameters
    ----------
    fit
        Law ``linear_step`` of `labctl.analysis.updates.fit_updates`, fitted to both branches.
    scatter
        C2C and D2D.

    Raises
    ------
    BadInput
        The fit is of another law, lacks a branch, has no values, or a step has the wrong sign.
    """
    need = ("step_ltp", "step_ltd", "gamma_ltp", "gamma_ltd")
    values = _values(fit, "linear_step", need)
    half = fit.fixed["H"]
    content = _preset(
        values["step_ltp"] / half, values["step_ltd"] / half, (-1.0, 1.0), scatter or Scatter()
    )
    content["parameters"] |= {
        "gamma_up": values["gamma_ltp"],
        "gamma_down": values["gamma_ltd"],
        "gamma_up_dtod": 0.0,
        "gamma_down_dtod": 0.0,
        "allow_increasing": min(values["gamma_ltp"], values["gamma_ltd"]) < 0,
        "mult_noise": False,
    }
    return _aihwkit("LinearStepDevice", content, _conductances(fit), _said(fit, scatter, need))


def soft_bounds_card(fit: Fit, scatter: Scatter | None = None) -> Card:
    """Return AIHWKit's ``SoftBoundsDevice``.

    Parameters
    ----------
    fit
        Law ``linear_step`` (the same as ``soft_bounds``, with the range on it) of
        `labctl.analysis.updates.fit_updates`, fitted to both branches.
    scatter
        C2C and D2D.

    Raises
    ------
    BadInput
        The fit is of another law, lacks a branch, has no values, or does not saturate in either
        branch, so that there is no soft bound.
    """
    need = ("step_ltp", "step_ltd", "gamma_ltp", "gamma_ltd")
    values = _values(fit, "linear_step", need)
    half = fit.fixed["H"]
    up, down = values["gamma_ltp"], values["gamma_ltd"]
    if not (up > 0 and down > 0):
        raise BadInput(
            f"the steps do not fall towards the end (gamma {up:.3g} and {down:.3g}), so there are "
            "no soft bounds; make a card of a linear or exponential step"
        )
    bounds = (-1 / down, 1 / up)
    content = _preset(
        values["step_ltp"] / half, values["step_ltd"] / half, bounds, scatter or Scatter()
    )
    content["parameters"]["mult_noise"] = False  # the noise does not vanish with the step
    return _aihwkit("SoftBoundsDevice", content, _conductances(fit), _said(fit, scatter, need))


def exponential_step_card(up: Fit, down: Fit, scatter: Scatter | None = None) -> Card:
    """Return AIHWKit's ``ExpStepDevice``.

    Parameters
    ----------
    up, down
        Fits of `labctl.analysis.exponential_step.fit_exponential_step`, one a branch, in weights.
    scatter
        C2C and D2D.

    Raises
    ------
    BadInput
        A fit is of another law, has no values, or leaves gamma open, so that the step may as well
        be linear.
    """
    need = ("step", "gamma", "limit")
    one, two = (_values(fit, "exponential_step_weight", need) for fit in (up, down))
    if any(None in (fit.values["gamma"].low, fit.values["gamma"].high) for fit in (up, down)):
        raise BadInput(
            "the data do not tell an exponential step from a linear one (gamma is open); make a "
            "card of a linear step"
        )
    content = _preset(one["step"], two["step"], (-1.0, 1.0), scatter or Scatter())
    # with a = 1, b = 0 and a range of 2, AIHWKit's z is the weight
    content["parameters"] |= {
        "A_up": math.exp(-one["gamma"] * one["limit"]),
        "A_down": math.exp(-two["gamma"] * two["limit"]),
        "gamma_up": one["gamma"],
        "gamma_down": two["gamma"],
        "a": 1.0,
        "b": 0.0,
    }
    notes = (*_said(up, scatter, need), *_said(down, None, need))
    return _aihwkit("ExpStepDevice", content, {}, tuple(dict.fromkeys(notes)))


def _values(fit: Fit, law: str, names: tuple[str, ...]) -> dict[str, float]:
    if fit.model != law or not set(names) <= set(fit.values):
        missing = [name for name in names if name not in fit.values]
        raise BadInput(
            f'a card needs a fit of the law "{law}" to both branches; this is "{fit.model}" '
            f"without {', '.join(missing) or 'nothing'}. {fit.note}".rstrip()
        )
    return {name: value.value for name, value in fit.values.items()}


def _preset(
    up: float, down: float, bounds: tuple[float, float], scatter: Scatter
) -> dict[str, Any]:
    """Return what all devices of AIHWKit share; `up` and `down` are steps at weight zero."""
    if not (up > 0 and down > 0):
        raise BadInput(
            f"steps at the middle of the range of {up:.3g} up and {down:.3g} down were found; "
            "both must be positive, so check which branch is which"
        )
    larger = max(up, down)
    return {
        "parameters": {
            "dw_min": larger,
            "up_down": 1 - down / larger if up >= down else up / larger - 1,
            # the noise of a step is a share of dw_min, and the range is 2
            "dw_min_std": 2 * (scatter.step_over_range or 0.0) / larger,
            "dw_min_dtod": scatter.device or 0.0,
            "up_down_dtod": 0.0,
            "w_min": bounds[0],
            "w_max": bounds[1],
            "w_min_dtod": 0.0,
            "w_max_dtod": 0.0,
        },
        "steps_at_zero": {"up": up, "down": down},
    }


def _conductances(fit: Fit) -> dict[str, float]:
    return {
        "weight_minus_one": fit.fixed["Gc"] - fit.fixed["H"],
        "weight_plus_one": fit.fixed["Gc"] + fit.fixed["H"],
    }


def _aihwkit(
    model: str, content: dict[str, Any], conductances: Mapping[str, float], notes: tuple[str, ...]
) -> Card:
    if conductances:
        content = {**content, "conductances": dict(conductances)}
    inside = "".join(
        f"    {name}={_number(value)},\n" for name, value in content["parameters"].items()
    )
    text = (
        f"from aihwkit.simulator.configs.devices import {model}\n\ndevice = {model}(\n{inside})\n"
    )
    return Card("aihwkit", model, content, text, notes)


def _number(value: Any) -> str:
    if isinstance(value, bool | int):
        return str(value)
    return f"{value:.9g}"


def _said(fit: Fit, scatter: Scatter | None, names: tuple[str, ...]) -> tuple[str, ...]:
    notes = []
    loose = [name for name in names if None in (fit.values[name].low, fit.values[name].high)]
    if loose:
        notes.append(f"the data do not determine {', '.join(loose)}: the card is one of many")
    known = scatter or Scatter()
    if known.step_over_range is None:
        notes.append("C2C was not measured and is zero on the card")
    if known.device is None:
        notes.append("D2D was not measured and is zero on the card")
    return tuple(notes)
