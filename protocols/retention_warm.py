"""Retention at several temperatures: activation energies from lives and from whole decays."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from labctl.analysis.arrhenius import BOLTZMANN_EV, draw_arrhenius, fit_arrhenius
from labctl.analysis.competition import Axes
from labctl.analysis.decay import fit_decay
from labctl.analysis.joint import DecayCurve, fit_arrhenius_decays
from labctl.results import Fit, Metric, Panel, Trace
from protocols.retention_states import Asked, Fading, Judged

__all__ = ["activation", "energies"]

Array = NDArray[np.float64]

_REFERENCE = "temperature"  # of the time constants of a joint fit, in `Fit.fixed`


def activation(
    state: int, own: Sequence[Judged], asked: Asked
) -> tuple[dict[str, Fit], list[Panel]]:
    """Return the fits over the temperatures of one state, and their pictures.

    Parameters
    ----------
    state
        Its number.
    own
        It at each temperature.
    asked
        Of the protocol.
    """
    kelvin = np.array([one.fading.kelvin or math.nan for one in own])
    if len(np.unique(kelvin[np.isfinite(kelvin)])) < 2:
        return {}, []
    fits: dict[str, Fit] = {}
    panels: list[Panel] = []
    lives, u = np.array([one.life for one in own]), np.array([one.u_life for one in own])
    seen = np.isfinite(lives)
    if len(np.unique(kelvin[seen])) >= 2:
        fit = fit_arrhenius(kelvin[seen], lives[seen], u[seen], asked.use, "life")
        fits[f"arrhenius_{state}"] = fit
        axes = Axes(f"State {state}: time to a change of {asked.loss:g}", "life/s")
        panels.append(draw_arrhenius(kelvin[seen], lives[seen], u[seen], fit, axes))
    if not asked.joint:
        return fits, panels
    curves = [_curve(one.fading, asked) for one in own]
    joint = fit_arrhenius_decays(
        curves, kelvin, asked.decay, "free", "s", "1" if asked.logarithm else "S", absolute=False
    )
    fits[f"decays_{state}"] = joint
    panels.append(_draw_times(state, curves, kelvin, joint, asked))
    return fits, panels


def _draw_times(
    state: int, curves: Sequence[DecayCurve], kelvin: Array, joint: Fit, asked: Asked
) -> Panel:
    """Return the time constants fitted at each temperature, and the lines of the joint fit."""
    alone = [
        fit_decay(c.t, c.y, c.sigma, asked.decay, "free", absolute=False, slow=c.slow)
        for c in curves
    ]
    traces = []
    names = [name for name in joint.values if name.startswith("tau")]
    names = names or ["tau1"]
    for name in names:
        seen = [(1e3 / t, f.values[name]) for t, f in zip(kelvin, alone, strict=True) if f.values]
        rows = [(float(x), math.log(v.value), (v.sigma or 0.0) / v.value) for x, v in seen]
        if rows:
            x, y, u = zip(*rows, strict=True)
            traces.append(Trace(x, y, f"{name}, each temperature alone", "points", u))
    for name in names if joint.values else []:
        tau, energy = joint.values[name].value, joint.values[name.replace("tau", "ea")].value
        ends = np.array([kelvin.min(), kelvin.max()])
        middle = joint.fixed[_REFERENCE]
        line = math.log(tau) + energy / BOLTZMANN_EV * (1 / ends - 1 / middle)
        label = f"{name}, joint fit: {energy:.3f} eV"
        traces.append(Trace(tuple((1e3 / ends).tolist()), tuple(line.tolist()), label, "line"))
    title = f"State {state}: relaxation times against temperature"
    return Panel(title, "1000 K/T", "1", "ln(time/s)", "1", tuple(traces))


def _curve(fading: Fading, asked: Asked) -> DecayCurve:
    """Return a decay for the joint fit, cut where the protocol says."""
    t, g, sigma = fading.t, fading.g, fading.sigma()
    y = np.log(g) if asked.logarithm else g
    if sigma is not None and asked.logarithm:
        sigma = sigma / g
    if asked.window is not None:
        left = np.abs((y - y[-1]) / (y[0] - y[-1])) if y[0] != y[-1] else np.ones(len(y))
        tenth = t[int(np.argmax(left < 0.1))] if (left < 0.1).any() else t[-1]
        near = t <= asked.window * tenth
        t, y = t[near], y[near]
        sigma = None if sigma is None else sigma[near]
    # 1/f noise is in proportion to the conductance
    slow = np.ones(len(y)) if asked.logarithm else y
    return DecayCurve(t, y, sigma, f"{fading.kelvin:g}K", slow)


def energies(state: int, fits: dict[str, Fit]) -> dict[str, Metric]:
    """Return activation energies and the life in use of a state from its fits."""
    found = {}
    life = fits.get(f"arrhenius_{state}")
    for name, key, unit, definition in (
        ("Ea", "ea_life", "eV", "activation-energy"),
        ("life_use", "life_use", "s", "retention-life"),
    ):
        value = None if life is None else life.values.get(name)
        if value is not None and value.sigma is not None:
            found[f"{key}_{state}"] = Metric(value.value, value.sigma, unit, definition)
    decays = fits.get(f"decays_{state}")
    for name, value in ({} if decays is None else decays.values).items():
        if name.startswith("ea") and value.sigma is not None:
            found[f"{name}_{state}"] = Metric(value.value, value.sigma, "eV", "activation-energy")
    return found
