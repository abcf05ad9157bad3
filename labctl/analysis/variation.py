"""Variation from cycle to cycle (C2C) and from device to device (D2D), branch by branch.

Potentiation and depression are never mixed: their scatter differs, and one number for both
describes neither. What scatters from cycle to cycle also makes the means of the devices differ, so
D2D is the variance component between devices (analysis of variance with random effects), not the
scatter of the means. The deviations at neighbouring pulse numbers of one cycle belong together (the
whole curve is shifted), so a curve of 100 pulses is not 100 independent observations: intervals
stand on effective degrees of freedom from the covariance of the curve itself (Satterthwaite,
doi:10.2307/3002019; Bai and Saranadasa, Stat. Sinica 1996, 6, 311).
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.formula import Definition
from labctl.analysis.quantiles import student_95
from labctl.analysis.statistics import Estimate, deviation_interval
from labctl.errors import BadInput
from labctl.results import Value

__all__ = ["DEFINITIONS_VARIATION", "Components", "Variation", "variance_components", "variations"]

Array = NDArray[np.float64]

_ANOVA = (
    "Searle, Casella and McCulloch, Variance Components, 1992; interval by Ting, Burdick, "
    "Graybill, Jeyaratnam and Lu, J. Stat. Comput. Simul. 1990, 35, 135"
)

DEFINITIONS_VARIATION = (
    Definition(
        "variance-component-within",
        "s_W = sqrt(sum_ij (x_ij - mean_i)^2/(N - a))",
        "C2C: scatter of the values of one device around its own mean, pooled over a devices and "
        "N values.",
        unit="X",
        source=_ANOVA,
        code="labctl.analysis.variation.variance_components",
        quantity="variance component of cycles",
    ),
    Definition(
        "variance-component-between",
        "s_B = sqrt(var(mean_i) - s_W^2/n), n the harmonic mean of the values per device",
        "D2D: scatter of the true means of the devices, the scatter of their cycles taken out. "
        "Where the interval reaches zero, the metric is its upper end.",
        unit="X",
        doi="10.1080/00949659008811240",
        source=_ANOVA,
        code="labctl.analysis.variation.variance_components",
        quantity="variance component of devices",
    ),
    Definition(
        "c2c-level-over-range",
        "rms over pulse numbers of sigma(G at equal pulse number)/(Gmax - Gmin)",
        "Scatter of the conductance over the cycles of one branch, at equal pulse number, over the "
        "range of the mean curve of that branch. The range is taken as known.",
        code="labctl.analysis.variation.variations",
        quantity="C2C variation",
    ),
    Definition(
        "c2c-level-over-mean",
        "rms over pulse numbers of sigma(G)/mean(G) at equal pulse number",
        "Relative scatter of the conductance over the cycles of one branch, at equal pulse number.",
        doi="10.1002/adma.202412006",
        source="the C2C variation of Nie et al., Adv. Mater. 2025, 2412006",
        code="labctl.analysis.variation.variations",
        quantity="C2C variation",
    ),
    Definition(
        "c2c-step-over-mean",
        "rms over pulse numbers of sigma(dG)/mean(dG), dG the change by one pulse",
        "Scatter of one step over the cycles of one branch, at equal pulse number, over the mean "
        "step of the branch. Read noise counts twice in it. The mean step is taken as known.",
        code="labctl.analysis.variation.variations",
        quantity="C2C variation",
    ),
    Definition(
        "c2c-step-over-range",
        "rms over pulse numbers of sigma(dG)/(Gmax - Gmin), dG the change by one pulse",
        "Scatter of one step over the cycles of one branch, at equal pulse number, over the range "
        "of the mean curve: what NeuroSim calls sigmaCtoC. Read noise counts twice in it. The "
        "range is taken as known.",
        doi="10.1109/TCAD.2018.2789723",
        source="Chen, Peng and Yu, IEEE TCAD 2018, 37, 3067",
        code="labctl.analysis.variation.variations",
        quantity="C2C variation",
    ),
    Definition(
        "d2d-level-over-range",
        "rms over pulse numbers of s_B(G at equal pulse number)/(Gmax - Gmin)",
        "Variance component between devices at equal pulse number, over the range of the mean "
        "curve of the branch.",
        source=_ANOVA,
        code="labctl.analysis.variation.variations",
        quantity="D2D variation",
    ),
    Definition(
        "d2d-level-over-mean",
        "rms over pulse numbers of s_B(G)/mean(G) at equal pulse number",
        "Variance component between devices at equal pulse number, relative to the mean of all.",
        doi="10.1002/adma.202412006",
        source="the D2D variation of Nie et al., Adv. Mater. 2025, 2412006, with the scatter of "
        "the cycles taken out",
        code="labctl.analysis.variation.variations",
        quantity="D2D variation",
    ),
)


class Components(msgspec.Struct, frozen=True):
    """Variance components of one quantity over devices and cycles."""

    mean: Value
    within: Estimate  #: C2C
    between: Estimate  #: D2D
    devices: int
    values: int
    note: str = ""


def variance_components(x: ArrayLike, device: ArrayLike, unit: str = "1") -> Components:
    """Split the scatter of a quantity into that of the cycles and that of the devices.

    Parameters
    ----------
    x
        Values; those that are not finite are left out.
    device
        A label for each value.
    unit
        Of the values.

    Returns
    -------
    Components
        Intervals of 95 %: chi2 for the cycles, modified large sample for the devices. A D2D of
        zero means that the means differ no more than their cycles make them.

    Raises
    ------
    BadInput
        Labels do not match, fewer than two devices, or no device with two values.
    """
    values, labels = np.ravel(np.asarray(x, float)), np.ravel(np.asarray(device))
    if len(values) != len(labels):
        raise BadInput(f"{len(labels)} device labels for {len(values)} values; give one for each")
    good = np.isfinite(values)
    values, labels = values[good], labels[good]
    groups = [values[labels == label] for label in np.unique(labels)]
    dof = len(values) - len(groups)
    if len(groups) < 2 or dof < 1:
        raise BadInput(
            f"{len(values)} values of {len(groups)} devices; variance components need at least two "
            "devices, one of them with two cycles"
        )
    means = np.array([np.mean(group) for group in groups])
    within = sum(float(np.sum((group - np.mean(group)) ** 2)) for group in groups) / dof
    each = len(groups) / float(np.sum([1 / len(group) for group in groups]))
    between = each * float(np.var(means, ddof=1))
    error = math.sqrt(float(np.var(means, ddof=1)) / len(means))
    half = student_95(len(means) - 1) * error
    mean = float(np.mean(means))
    left = int(np.sum(~good))
    return Components(
        Value(mean, error, mean - half, mean + half, unit),
        _within(math.sqrt(within), dof, unit, "variance-component-within"),
        _between(between, len(groups) - 1, within, dof, each, unit, "variance-component-between"),
        len(groups),
        len(values),
        f"left out: {left} not finite" if left else "",
    )


def _within(s: float, dof: float, unit: str, definition: str) -> Estimate:
    low, high = deviation_interval(s, dof)
    return Estimate(Value(s, s / math.sqrt(2 * dof), low, high, unit), definition, dof)


def _between(
    s1: float, n1: float, s2: float, n2: float, each: float, unit: str, definition: str
) -> Estimate:
    """Return sqrt((s1 - s2)/each) with the interval of Ting and others for the difference.

    `s1` and `s2` are mean squares with `n1` and `n2` degrees of freedom.
    """
    from scipy.special import chdtri, fdtri

    tails = (0.025, 0.975)
    up1, down1 = (float(chdtri(n1, share)) / n1 for share in tails)
    up2, down2 = (float(chdtri(n2, share)) / n2 for share in tails)
    f_low, f_high = (float(fdtri(n1, n2, share)) for share in tails)
    g1, h2, h1, g2 = 1 - 1 / up1, 1 / down2 - 1, 1 / down1 - 1, 1 - 1 / up2
    g12 = ((f_high - 1) ** 2 - (g1 * f_high) ** 2 - h2**2) / f_high
    h12 = ((1 - f_low) ** 2 - (h1 * f_low) ** 2 - g2**2) / f_low
    below = math.sqrt(max((g1 * s1) ** 2 + (h2 * s2) ** 2 + g12 * s1 * s2, 0.0))
    above = math.sqrt(max((h1 * s1) ** 2 + (g2 * s2) ** 2 + h12 * s1 * s2, 0.0))
    ends = [math.sqrt(max(end, 0.0) / each) for end in (s1 - s2 - below, s1 - s2, s1 - s2 + above)]
    error = math.sqrt(2 * (s1**2 / n1 + s2**2 / n2)) / each
    sigma = error / (2 * ends[1]) if ends[1] > 0 and ends[0] > 0 else None
    note = "" if ends[0] > 0 else "the devices differ no more than their cycles: an upper bound"
    return Estimate(Value(ends[1], sigma, ends[0], ends[2], unit), definition, n1, note)


class Variation(msgspec.Struct, frozen=True):
    """Variation of one branch."""

    branch: str
    devices: int
    cycles: int  #: over all devices
    pulses: int
    range: tuple[float, float]  #: of the mean curve, S
    estimates: dict[str, Estimate]  #: by id of the definition
    note: str = ""


def variations(
    g: ArrayLike,
    pulse: ArrayLike,
    branch: ArrayLike,
    cycle: ArrayLike,
    device: ArrayLike | None = None,
) -> dict[str, Variation]:
    """Return C2C and D2D of update curves by every definition in use, for each branch.

    Parameters
    ----------
    g
        Conductance read after each pulse, S.
    pulse, branch, cycle, device
        Number of the pulse in its branch, name of the branch, number of the cycle, and label of
        the device (None: one device), for each value.

    Returns
    -------
    dict
        By branch. Cycles that lack a pulse or hold a value that is not finite are left out as a
        whole, and `note` says how many.

    Raises
    ------
    BadInput
        Columns of different length, or a branch without two complete cycles of one device.
    """
    values = np.ravel(np.asarray(g, float))
    columns = [np.ravel(np.asarray(part)) for part in (pulse, branch, cycle)]
    columns.append(np.zeros(len(values)) if device is None else np.ravel(np.asarray(device)))
    if any(len(column) != len(values) for column in columns):
        lengths = [len(values), *(len(column) for column in columns)]
        raise BadInput(f"the columns have {lengths} entries; their numbers must be equal")
    numbers, branches, cycles, devices = columns
    found = {}
    for name in np.unique(branches):
        here = branches == name
        curves, left = _curves(values[here], numbers[here], cycles[here], devices[here])
        found[str(name)] = _variation(str(name), curves, left)
    return found


def _curves(
    g: Array, pulse: NDArray[np.generic], cycle: NDArray[np.generic], device: NDArray[np.generic]
) -> tuple[list[Array], int]:
    """Return for each device its complete cycles, shape (cycles, pulses), and how many are not."""
    numbers = np.unique(pulse)
    curves, left = [], 0
    for label in np.unique(device):
        rows = []
        for k in np.unique(cycle[device == label]):
            at = (device == label) & (cycle == k)
            order = np.argsort(pulse[at], kind="stable")
            whole = np.array_equal(pulse[at][order], numbers) and np.all(np.isfinite(g[at]))
            if whole:
                rows.append(g[at][order])
            left += not whole
        if rows:
            curves.append(np.array(rows))
    return curves, left


def _variation(branch: str, curves: list[Array], left: int) -> Variation:
    if not curves or max(len(rows) for rows in curves) < 2:
        raise BadInput(
            f'the branch "{branch}" has no device with two complete cycles; variation needs at '
            "least two, with a finite value at every pulse"
        )
    mean = np.mean([np.mean(rows, axis=0) for rows in curves], axis=0)
    low, high = float(np.min(mean)), float(np.max(mean))
    steps = [np.diff(rows, axis=1) for rows in curves]
    spans = {"range": (curves, np.full(len(mean), high - low)), "mean": (curves, np.abs(mean))}
    estimates: dict[str, Estimate] = {}
    for name, (rows, size) in spans.items():
        if np.all(size > 0):
            estimates |= _both([part / size for part in rows], name)
    step = abs(float(np.mean(np.diff(mean)))) if len(mean) > 1 else 0.0
    for name, unit in (("mean", step), ("range", high - low if step else 0.0)):
        if unit > 0:
            entry = _cycle_scatter([part / unit for part in steps], f"c2c-step-over-{name}")
            estimates[entry.definition] = entry
    return Variation(
        branch, len(curves), sum(len(rows) for rows in curves), len(mean), (low, high), estimates,
        f"{left} incomplete cycles left out" if left else "",
    )  # fmt: skip


def _both(curves: list[Array], over: str) -> dict[str, Estimate]:
    cycles = _cycle_scatter(curves, f"c2c-level-over-{over}")
    found = {cycles.definition: cycles}
    if len(curves) > 1:
        means = np.array([np.mean(rows, axis=0) for rows in curves])
        each = len(curves) / float(np.sum([1 / len(rows) for rows in curves]))
        square, dof = _mean_square(means - np.mean(means, axis=0), len(means) - 1)
        name = f"d2d-level-over-{over}"
        found[name] = _between(
            each * square, dof, cycles.value.value**2, cycles.dof, each, "1", name
        )
    return found


def _cycle_scatter(curves: list[Array], definition: str) -> Estimate:
    """Pool the deviations of every cycle from the mean curve of its device."""
    apart = np.vstack([rows - np.mean(rows, axis=0) for rows in curves])
    square, dof = _mean_square(apart, sum(len(rows) - 1 for rows in curves))
    return _within(math.sqrt(square), dof, "1", definition)


def _mean_square(apart: Array, n: int) -> tuple[float, float]:
    """Return the mean square deviation over pulse numbers, and its effective degrees of freedom.

    With S the covariance from n degrees of freedom, these are n (tr Sigma)^2/tr(Sigma^2). The
    estimate n (tr S)^2/tr(S^2) is too small where pulse numbers are independent; the one with
    tr(Sigma^2) = n^2/((n - 1)(n + 2)) (tr S^2 - (tr S)^2/n) is not, but it scatters, and intervals
    from it miss the truth in 6 to 9 of 100 cases. Their harmonic mean misses it in 4 to 6 of 100
    where the curve moves as a whole, and in fewer where it does not.
    """
    pulses = apart.shape[1]
    trace = float(np.sum(apart**2)) / n
    if n < 2 or trace == 0:
        return trace / pulses, float(n)
    gram = apart @ apart.T / n  # its square has the trace of S^2, and it is the smaller one
    whole = float(np.sum(gram**2))
    squares = n**2 / ((n - 1) * (n + 2)) * (whole - trace**2 / n)
    least = n * trace**2 / whole
    most = n * (trace**2 - 2 * max(squares, 0.0) / n) / squares if squares > 0 else math.inf
    least, most = (min(max(dof, n), n * pulses) for dof in (least, most))
    return trace / pulses, 2 / (1 / least + 1 / most)
