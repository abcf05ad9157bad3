"""Statistics of samples: location and scale, shares, histograms and probability coordinates.

Every number comes with a 95 % interval by the formula that is exact for it (Student, chi2, order
statistics, Clopper and Pearson), by Wilson's for shares, and by the bootstrap where there is none.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.formula import Definition
from labctl.analysis.quantiles import student_95
from labctl.analysis.resampling import bootstrap
from labctl.errors import BadInput
from labctl.results import Metric, Panel, Trace, Value

__all__ = [
    "DEFINITIONS_STATISTICS", "Coordinates", "Estimate", "Proportion", "Summary",
    "deviation_interval", "draw_histogram", "draw_probability", "probability", "proportion",
    "summarise",
]  # fmt: skip

Array = NDArray[np.float64]

_MAD = 1.482602218505602  # of a normal distribution, its standard deviation over its MAD
_DRAWS = 1000  # of the bootstrap of the robust spread
_Z = 1.959963984540054

DEFINITIONS_STATISTICS = (
    Definition(
        "yield-share",
        "Y = n(working)/n",
        "Share of the devices tested that pass the criterion stated with it. The interval is "
        "Wilson's; that of Clopper and Pearson, which never covers less than it says, stands "
        "beside it. The standard uncertainty is the half-width of Wilson's over 1.96.",
        doi="10.1080/01621459.1927.10502953",
        source="Wilson, J. Am. Stat. Assoc. 1927, 22, 209; Clopper and Pearson, Biometrika 1934, "
        "26, 404",
        code="labctl.analysis.statistics.proportion",
        quantity="yield",
    ),
    Definition(
        "scale-median-absolute-deviation",
        "s = 1.4826 median(|x - median(x)|)",
        "Spread that half of the sample may be wrong without changing; the standard deviation for "
        "normal data. Interval by BCa bootstrap.",
        unit="X",
        doi="10.1080/01621459.1974.10482962",
        source="Hampel, J. Am. Stat. Assoc. 1974, 69, 383",
        code="labctl.analysis.statistics.summarise",
        quantity="robust spread",
    ),
)


class Estimate(msgspec.Struct, frozen=True):
    """A number with its interval and the id of its definition."""

    value: Value
    definition: str
    dof: float = math.inf  #: degrees of freedom that the interval stands on
    note: str = ""

    @property
    def metric(self) -> Metric:
        """The same as a figure of merit; one that reaches zero is an upper bound."""
        number = self.value
        if number.low is not None and number.low <= 0 < (number.high or 0):
            return Metric(number.high or 0.0, None, number.unit, self.definition, bound=True)
        return Metric(number.value, number.sigma, number.unit, self.definition)


class Proportion(msgspec.Struct, frozen=True):
    """A share of a number of trials, with two 95 % intervals."""

    value: float
    successes: int
    total: int
    wilson: tuple[float, float]
    exact: tuple[float, float]  #: Clopper and Pearson

    @property
    def metric(self) -> Metric:
        """The share as a yield."""
        half = (self.wilson[1] - self.wilson[0]) / (2 * _Z)
        return Metric(self.value, half, "1", "yield-share")


def proportion(successes: int, total: int) -> Proportion:
    """Return a share with its intervals.

    Parameters
    ----------
    successes, total
        How many passed, and how many were tested.

    Raises
    ------
    BadInput
        Nothing was tested, or more passed than were tested.

    Examples
    --------
    >>> low, high = proportion(9, 10).exact
    >>> round(low, 4), round(high, 4)
    (0.555, 0.9975)
    """
    from scipy.special import betaincinv

    if not 0 <= successes <= total or total < 1:
        raise BadInput(f"{successes} of {total} passed; give 0 to n of n, n at least 1")
    share, z2 = successes / total, _Z**2
    centre = (share + z2 / (2 * total)) / (1 + z2 / total)
    spread = math.sqrt(share * (1 - share) / total + z2 / (4 * total**2))
    half = _Z * spread / (1 + z2 / total)
    failed = total - successes
    low = float(betaincinv(successes, failed + 1, 0.025)) if successes else 0.0
    high = float(betaincinv(successes + 1, failed, 0.975)) if failed else 1.0
    wilson = (max(0.0, centre - half), min(1.0, centre + half))
    return Proportion(share, successes, total, wilson, (low, high))


class Summary(msgspec.Struct, frozen=True):
    """Location and scale of a sample, with 95 % intervals; what is not known is empty."""

    count: int
    mean: Value  #: interval by Student's t
    deviation: Value  #: standard deviation, interval by chi2 (for normal data)
    median: Value  #: interval by order statistics
    scale: Value  #: 1.4826 MAD, interval by bootstrap
    note: str = ""


def deviation_interval(s: float, dof: float) -> tuple[float, float]:
    """Return the 95 % interval of a standard deviation with `dof` degrees of freedom."""
    from scipy.special import chdtri

    low, high = (s * math.sqrt(dof / float(chdtri(dof, share))) for share in (0.025, 0.975))
    return low, high


def summarise(x: ArrayLike, unit: str = "1", seed: int = 0) -> Summary:
    """Return location and scale of a sample, plain and robust.

    Parameters
    ----------
    x
        Values; those that are not finite are left out, and `note` says so.
    unit
        Of the values.
    seed
        Fixes the bootstrap.

    Raises
    ------
    BadInput
        No value is finite.
    """
    values, note = _finite(x)
    count = len(values)
    mean, median = float(np.mean(values)), float(np.median(values))
    scale = bootstrap(values, _mad, draws=_DRAWS, seed=seed, unit=unit)
    if count < 2:
        return Summary(count, Value(mean, unit=unit), Value(0.0, unit=unit),
                       Value(median, unit=unit), scale, note)  # fmt: skip
    s = float(np.std(values, ddof=1))
    error, half = s / math.sqrt(count), student_95(count - 1) * s / math.sqrt(count)
    low, high = deviation_interval(s, count - 1)
    ends = _median_ends(np.sort(values))
    return Summary(
        count,
        Value(mean, error, mean - half, mean + half, unit),
        Value(s, s / math.sqrt(2 * (count - 1)), low, high, unit),
        Value(median, None if None in ends else (ends[1] - ends[0]) / (2 * _Z), *ends, unit),  # type: ignore[operator]
        scale,
        note,
    )


def _finite(x: ArrayLike) -> tuple[Array, str]:
    values = np.ravel(np.asarray(x, float))
    good = np.isfinite(values)
    left = int(np.sum(~good))
    if not np.any(good):
        raise BadInput(f"none of {len(values)} values is finite; statistics need at least one")
    return values[good], f"left out of {len(values)}: {left} not finite" if left else ""


def _mad(values: Array) -> float:
    return _MAD * float(np.median(np.abs(values - np.median(values))))


def _median_ends(ordered: Array) -> tuple[float | None, float | None]:
    """Return the narrowest pair of order statistics that holds the median with 95 %."""
    n = len(ordered)
    below, at = 0.0, -1
    for k in range(n // 2):
        below += math.comb(n, k) * 0.5**n if n < 1000 else _binomial(n, k)
        if below > 0.025:
            break
        at = k
    if at < 0:
        return None, None
    return float(ordered[at]), float(ordered[n - 1 - at])


def _binomial(n: int, k: int) -> float:
    logs = math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1) - n * math.log(2)
    return math.exp(logs)


class Coordinates(msgspec.Struct, frozen=True):
    """Points that lie on a straight line when the sample has the distribution."""

    x: tuple[float, ...]  #: values in rising order; their logarithms for ``lognormal``
    z: tuple[float, ...]  #: normal quantile of each
    distribution: str
    note: str = ""


def probability(x: ArrayLike, distribution: str = "normal") -> Coordinates:
    """Return a sample in normal or log-normal probability coordinates.

    The k-th of n values stands at the normal quantile of (k - 0.3)/(n + 0.4), its median rank.

    Parameters
    ----------
    x
        Values.
    distribution
        ``"normal"`` or ``"lognormal"``; then values must be positive, others are left out.

    Raises
    ------
    BadInput
        Another distribution, or no usable value.
    """
    from scipy.special import ndtri

    if distribution not in ("normal", "lognormal"):
        raise BadInput(f'"{distribution}" is not offered; allowed are normal and lognormal')
    values, note = _finite(x)
    if distribution == "lognormal":
        bad = int(np.sum(values <= 0))
        if bad == len(values):
            raise BadInput("log-normal coordinates need positive values; there are none")
        values = np.log(values[values > 0])
        note = "; ".join(part for part in (note, bad and f"{bad} not positive left out") if part)
    ranks = (np.arange(1, len(values) + 1) - 0.3) / (len(values) + 0.4)
    z = np.asarray(ndtri(ranks), float)
    return Coordinates(tuple(np.sort(values).tolist()), tuple(z.tolist()), distribution, note)


def draw_probability(found: Coordinates, name: str, unit: str) -> Panel:
    """Return a probability plot: the points, and the line of their mean and spread."""
    x, z = np.array(found.x), np.array(found.z)
    line = np.array([-1, 1]) * max(2.5, float(np.max(np.abs(z))))
    at = float(np.mean(x)) + line * (float(np.std(x, ddof=1)) if len(x) > 1 else 0.0)
    logarithm = found.distribution == "lognormal"
    shown, ends = (np.exp(x), np.exp(at)) if logarithm else (x, at)
    traces = (
        Trace(tuple(shown.tolist()), found.z),
        Trace(tuple(ends.tolist()), tuple(line.tolist()), found.distribution, "line"),
    )
    title = f"{name[:1].upper()}{name[1:]}, {found.distribution} coordinates"
    return Panel(title, name, unit, "normal quantile", "1", traces, x_log=logarithm)


def draw_histogram(x: ArrayLike, name: str, unit: str) -> Panel:
    """Return a histogram with the bin width of Freedman and Diaconis (doi:10.1007/BF01025868)."""
    values, _ = _finite(x)
    span = float(np.ptp(values))
    quarter = float(np.subtract(*np.quantile(values, (0.75, 0.25))))
    width = 2 * quarter / len(values) ** (1 / 3)
    bins = 1 if span == 0 else 10
    if width > 0:
        bins = min(200, max(1, math.ceil(span / width)))
    counts, edges = np.histogram(values, bins)
    corners = np.repeat(edges, 2)[1:-1]
    heights = np.repeat(counts.astype(float), 2)
    outline = Trace(
        (float(edges[0]), *corners.tolist(), float(edges[-1])),
        (0.0, *heights.tolist(), 0.0),
        f"{len(values)} values",
        "line",
    )
    return Panel(f"Histogram of {name}", name, unit, "count", "1", (outline,))
