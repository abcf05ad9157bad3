"""Noise: the power spectral density of even samples, with its confidence band, and its integral.

`spectrum` averages windowed segments (Welch, doi:10.1109/TAU.1967.1161901). What the average is
worth follows from the window and the overlap alone: the effective degrees of freedom, and how much
neighbouring frequencies know of each other. Both are kept, because every uncertainty of a number
taken from a spectrum (`integrated_noise`, `labctl.analysis.flicker.fit_flicker`) needs them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from labctl.analysis.formula import Definition
from labctl.errors import BadInput
from labctl.results import Metric, Panel, Trace

__all__ = [
    "DEFINITIONS_NOISE", "Spectrum", "draw_spectrum", "even_samples", "integrated_noise",
    "spectrum",
]  # fmt: skip

Array = NDArray[np.float64]

_FEWEST = 16  # samples
_LARGEST = 1e150  # of a sample
_EVEN = 0.02  # largest distance of a sample from an even grid, in sample intervals
_SEGMENTS = 8  # of the record, when no length is asked for
_SHORTEST = 256  # samples of a segment, when no length is asked for
_NEIGHBOURS = 8  # bins beyond which two estimates of any usual window are independent

DEFINITIONS_NOISE = (
    Definition(
        "psd-welch",
        "S(f) = 2 dt/(K sum w^2) sum_k |sum_n w_n x_kn exp(-2 pi i f n dt)|^2",
        "One-sided power spectral density: K overlapping segments of the samples x, each without "
        "its straight line, weighted by the window w. Its integral over frequency is the variance. "
        "The 95 % band is that of chi2 with the effective degrees of freedom of the overlapping "
        "segments.",
        unit="X^2/Hz",
        doi="10.1109/TAU.1967.1161901",
        source="Welch, IEEE Trans. Audio Electroacoust. 1967, 15, 70",
        code="labctl.analysis.noise.spectrum",
        quantity="power spectral density",
    ),
    Definition(
        "noise-rms-in-band",
        "x_rms = sqrt(integral from f1 to f2 of S(f) df)",
        "Root mean square of the noise between two frequencies, from the power spectral density. "
        "The standard uncertainty counts the correlation of neighbouring frequencies.",
        doi="10.1109/TAU.1967.1161901",
        source="Parseval's theorem on the estimate of Welch",
        code="labctl.analysis.noise.integrated_noise",
        quantity="noise in a band",
    ),
)


@dataclass(frozen=True, slots=True)
class Spectrum:
    """A power spectral density; arrays have one entry for each frequency, zero left out."""

    f: Array  #: Hz
    psd: Array  #: one-sided density, unit^2/Hz
    low: Array  #: lower end of the 95 % band
    high: Array  #: upper end of the 95 % band
    dof: Array  #: effective degrees of freedom of each estimate
    correlation: Array  #: of two estimates 0, 1, 2, ... bins apart
    resolution: float  #: distance of two bins, Hz
    segments: int
    samples: int
    unit: str  #: of the samples

    def covariance(self, chosen: NDArray[np.bool_]) -> Array:
        """Return the covariance of the relative errors of the estimates chosen."""
        at, dof = np.flatnonzero(chosen), self.dof[chosen]
        apart = np.abs(at[:, None] - at[None, :])
        known = apart < len(self.correlation)
        shared = np.where(known, self.correlation[np.where(known, apart, 0)], 0.0)
        covariance: Array = shared * 2 / np.sqrt(np.outer(dof, dof))
        return covariance


def even_samples(x: ArrayLike, dt: float | None, t: ArrayLike | None) -> tuple[Array, float]:
    """Return samples and their interval, or refuse what has no spectrum.

    Parameters
    ----------
    x
        Samples in time order.
    dt
        Sample interval, s; or
    t
        the time of every sample, s.

    Raises
    ------
    BadInput
        Fewer than 16 samples, one that is not finite, all alike, or times that are not even
        within 2 % of their distance.
    """
    values = np.ravel(np.asarray(x, float))
    step = _interval(dt, t, len(values))
    bad = int(np.sum(~np.isfinite(values)))
    if bad:
        raise BadInput(
            f"{bad} of {len(values)} samples are not finite; noise analysis needs an unbroken "
            "record, so cut the record there or measure again"
        )
    if len(values) < _FEWEST:
        raise BadInput(f"{len(values)} samples were given; noise analysis needs {_FEWEST} or more")
    if float(np.max(np.abs(values))) > _LARGEST:
        raise BadInput(
            f"a sample of {float(np.max(np.abs(values))):g} was given; its square is beyond the "
            "largest number there is, so check the units"
        )
    if float(np.ptp(values)) <= 1e-14 * float(np.max(np.abs(values))):
        raise BadInput(
            "all samples are alike: the meter did not resolve the noise; use a smaller range"
        )
    return values, step


def _interval(dt: float | None, t: ArrayLike | None, count: int) -> float:
    if t is None:
        if dt is None or not (math.isfinite(dt) and dt > 0):
            raise BadInput(f"a sample interval of {dt} s was given; it must be positive and finite")
        return float(dt)
    times = np.ravel(np.asarray(t, float))
    if len(times) != count:
        raise BadInput(f"{len(times)} times for {count} samples; their numbers must be equal")
    if count < 2 or not np.all(np.isfinite(times)):
        raise BadInput("noise analysis needs two or more times, all of them finite")
    step = float(times[-1] - times[0]) / (count - 1)
    off = np.max(np.abs(times - times[0] - step * np.arange(count)))
    if not (step > 0 and off <= _EVEN * step):
        raise BadInput(
            f"the times are not even: a sample is {off:.3g} s off a grid of {step:.3g} s; measure "
            "with the instrument's own timer, since interpolation would change the spectrum"
        )
    return step


def spectrum(
    x: ArrayLike,
    dt: float | None = None,
    *,
    t: ArrayLike | None = None,
    segment: int | None = None,
    overlap: float = 0.5,
    window: str = "hann",
    unit: str = "A",
) -> Spectrum:
    """Estimate the one-sided power spectral density.

    Parameters
    ----------
    x
        Samples in time order, all of them. Divide a current by its mean for the relative density.
    dt, t
        Sample interval, s, or the times themselves.
    segment
        Samples in a segment; by default an eighth of the record, but at least 256. Longer ones
        reach lower, more of them scatter less.
    overlap
        Share of a segment that the next one repeats.
    window
        A window of scipy.signal by name.
    unit
        Of the samples.

    Returns
    -------
    Spectrum
        From the first frequency above zero up to half the sampling rate.

    Raises
    ------
    BadInput
        The samples have no spectrum (`even_samples`), or a segment or overlap that cannot be.
    """
    from scipy import signal

    values, step = even_samples(x, dt, t)
    length = _segment(len(values), segment)
    if not 0 <= overlap <= 0.95:
        raise BadInput(f"an overlap of {overlap:g} was asked for; it must lie in 0 to 0.95")
    hop = max(1, length - round(overlap * length))
    try:
        weights = np.asarray(signal.get_window(window, length), float)
    except ValueError:
        raise BadInput(f'the window "{window}" is unknown; use one of scipy.signal') from None
    scale = float(np.max(np.abs(values)))
    f, psd = signal.welch(  # type: ignore[call-overload]  # the stubs misspell "linear"
        values / scale, 1 / step, window=weights, nperseg=length, noverlap=length - hop,
        detrend="linear",
    )  # fmt: skip
    count = (len(values) - length) // hop + 1
    variance = _covariance(weights, hop, count)
    dof = np.full(len(f) - 1, 2 / variance[0])
    if length % 2 == 0:
        dof[-1] /= 2  # the last one is real, the others are pairs of a sine and a cosine
    return _banded(f[1:], psd[1:] * scale**2, dof, variance, count, len(values), unit)


def _segment(samples: int, asked: int | None) -> int:
    if asked is None:
        return min(samples, max(_SHORTEST, samples // _SEGMENTS))
    if not _FEWEST <= asked <= samples:
        raise BadInput(
            f"segments of {asked} samples were asked for; allowed are {_FEWEST} to {samples}"
        )
    return asked


def _covariance(w: Array, hop: int, count: int) -> Array:
    """Return the covariance of two relative estimates 0, 1, 2, ... bins apart.

    For segments j hops apart and bins m apart it is |sum_n w_n w_(n+jD) exp(-2 pi i m n/N)|^2 over
    (sum w^2)^2; the average of K segments has K - j such pairs on either side.
    """
    total = np.zeros(min(_NEIGHBOURS, len(w) // 2))
    for j in range(min(count, -(-len(w) // hop))):
        both = np.zeros(len(w))
        both[: len(w) - j * hop] = w[: len(w) - j * hop] * w[j * hop :]
        pairs = (count - j) * (2 if j else 1)
        total += pairs * np.abs(np.fft.rfft(both)[: len(total)]) ** 2
    covariance: Array = total / (count * float(w @ w)) ** 2
    return covariance


def _banded(
    f: Array, psd: Array, dof: Array, variance: Array, count: int, samples: int, unit: str
) -> Spectrum:
    from scipy.special import chdtri

    low, high = (psd * dof / chdtri(dof, share) for share in (0.025, 0.975))
    correlation = variance / variance[0]
    return Spectrum(
        f, psd, low, high, dof, correlation, float(f[0]), count, samples, unit
    )  # fmt: skip


def integrated_noise(
    found: Spectrum, low: float | None = None, high: float | None = None
) -> Metric:
    """Return the root mean square of the noise between two frequencies.

    Parameters
    ----------
    found
        A power spectral density.
    low, high
        Ends of the band, Hz; by default those of the spectrum.

    Raises
    ------
    BadInput
        The band holds no frequency of the spectrum.
    """
    first = found.f[0] if low is None else low
    last = found.f[-1] if high is None else high
    chosen = (found.f >= first * (1 - 1e-12)) & (found.f <= last * (1 + 1e-12))
    if not np.any(chosen):
        raise BadInput(
            f"no frequency of the spectrum lies in {first:g} to {last:g} Hz; it reaches from "
            f"{found.f[0]:g} to {found.f[-1]:g} Hz in steps of {found.resolution:g} Hz"
        )
    parts = found.psd[chosen] * found.resolution
    power = float(np.sum(parts))
    spread = math.sqrt(max(float(parts @ _spread(found, chosen, parts)), 0.0))
    rms = math.sqrt(power)
    return Metric(rms, spread / (2 * rms) if rms else None, found.unit, "noise-rms-in-band")


def _spread(found: Spectrum, chosen: NDArray[np.bool_], parts: Array) -> Array:
    """Return covariance @ parts without writing a large matrix out: it is a narrow band."""
    weight = parts * np.sqrt(2 / found.dof[chosen])
    total = weight.copy()
    for m in range(1, min(len(found.correlation), len(weight))):
        total[m:] += found.correlation[m] * weight[:-m]
        total[:-m] += found.correlation[m] * weight[m:]
    spread: Array = total * np.sqrt(2 / found.dof[chosen])
    return spread


def draw_spectrum(found: Spectrum, curve: Array | None = None, title: str = "Noise") -> Panel:
    """Return the density with its band, and a fitted curve where there is one.

    The axis is in unit^2/Hz without prefix, since a prefix before a square is misread.
    """
    x = tuple(found.f.tolist())
    traces = [
        Trace(x, tuple(found.psd.tolist()), "density", "line"),
        Trace(x, tuple(found.low.tolist()), "95 % band", "line"),
        Trace(x, tuple(found.high.tolist()), "", "line"),
    ]
    if curve is not None:
        traces.append(Trace(x, tuple(curve.tolist()), "fit", "line"))
    label = f"power spectral density ({found.unit}^2/Hz)"
    return Panel(title, "frequency", "Hz", label, "1", tuple(traces), x_log=True, y_log=True)
