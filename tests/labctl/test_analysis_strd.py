"""NIST's Statistical Reference Datasets for nonlinear regression: all 27, from both starts.

The files in `strd` are NIST's own, https://www.itl.nist.gov/div898/strd/nls/nls_main.shtml, in the
public domain: starts, certified values and standard deviations, and data. Every start is used by
itself. Six digits of the parameters and four of the standard deviations are asked for.

`Lanczos1` is exact to thirteen digits: its residuals, 4e-14 of the data, are where double precision
ends, and the rounding of the data to doubles alone changes the standard deviations in their fourth
digit. The data are read in the longest float of the machine; where that is a double, two and a half
digits of these standard deviations are asked for.
"""

import math
import re
from pathlib import Path

import numpy as np
import pytest

from labctl.analysis.curves import Curve, Parameter
from labctl.analysis.nonlinear import fit_curve

exp, pi = np.exp, math.pi


def chwirut(x, b1, b2, b3):
    return exp(-b1 * x) / (b2 + b3 * x)


def gauss(x, b1, b2, b3, b4, b5, b6, b7, b8):
    peaks = b3 * exp(-((x - b4) ** 2) / b5**2) + b6 * exp(-((x - b7) ** 2) / b8**2)
    return b1 * exp(-b2 * x) + peaks


def cubic(x, b1, b2, b3, b4, b5, b6, b7):
    return (b1 + b2 * x + b3 * x**2 + b4 * x**3) / (1 + b5 * x + b6 * x**2 + b7 * x**3)


def lanczos(x, b1, b2, b3, b4, b5, b6):
    return b1 * exp(-b2 * x) + b3 * exp(-b4 * x) + b5 * exp(-b6 * x)


def enso(x, b1, b2, b3, b4, b5, b6, b7, b8, b9):
    turn = 2 * pi * x
    year = b2 * np.cos(turn / 12) + b3 * np.sin(turn / 12)
    first = b5 * np.cos(turn / b4) + b6 * np.sin(turn / b4)
    return b1 + year + first + b8 * np.cos(turn / b7) + b9 * np.sin(turn / b7)


MODELS = {
    "Bennett5": lambda x, b1, b2, b3: b1 * (b2 + x) ** (-1 / b3),
    "BoxBOD": lambda x, b1, b2: b1 * (1 - exp(-b2 * x)),
    "Chwirut1": chwirut,
    "Chwirut2": chwirut,
    "DanWood": lambda x, b1, b2: b1 * x**b2,
    "ENSO": enso,
    "Eckerle4": lambda x, b1, b2, b3: b1 / b2 * exp(-0.5 * ((x - b3) / b2) ** 2),
    "Gauss1": gauss,
    "Gauss2": gauss,
    "Gauss3": gauss,
    "Hahn1": cubic,
    "Kirby2": lambda x, b1, b2, b3, b4, b5: (b1 + b2 * x + b3 * x**2) / (1 + b4 * x + b5 * x**2),
    "Lanczos1": lanczos,
    "Lanczos2": lanczos,
    "Lanczos3": lanczos,
    "MGH09": lambda x, b1, b2, b3, b4: b1 * (x**2 + x * b2) / (x**2 + x * b3 + b4),
    "MGH10": lambda x, b1, b2, b3: b1 * exp(b2 / (x + b3)),
    "MGH17": lambda x, b1, b2, b3, b4, b5: b1 + b2 * exp(-x * b4) + b3 * exp(-x * b5),
    "Misra1a": lambda x, b1, b2: b1 * (1 - exp(-b2 * x)),
    "Misra1b": lambda x, b1, b2: b1 * (1 - (1 + b2 * x / 2) ** -2.0),
    "Misra1c": lambda x, b1, b2: b1 * (1 - (1 + 2 * b2 * x) ** -0.5),
    "Misra1d": lambda x, b1, b2: b1 * b2 * x / (1 + b2 * x),
    "Nelson": lambda x, b1, b2, b3: b1 - b2 * x[0] * exp(-b3 * x[1]),
    "Rat42": lambda x, b1, b2, b3: b1 / (1 + exp(b2 - b3 * x)),
    "Rat43": lambda x, b1, b2, b3, b4: b1 / (1 + exp(b2 - b3 * x)) ** (1 / b4),
    "Roszman1": lambda x, b1, b2, b3, b4: b1 - b2 * x - np.arctan(b3 / (x - b4)) / pi,
    "Thurber": cubic,
}
LONG = np.finfo(np.longdouble).nmant > np.finfo(float).nmant
DIGITS_OF_SIGMA = {"Lanczos1": 4 if LONG else 2.5}


def load(name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Return places, data, the table of starts and certified values, and the sum of squares."""
    lines = (Path(__file__).parent / "strd" / f"{name}.dat").read_text("ascii").splitlines()
    rows = [line.split("=")[1].split() for line in lines if re.match(r"\s*b\d+ =", line)]
    header = max(k for k, line in enumerate(lines) if line.startswith("Data:"))
    data = np.array([line.split() for line in lines[header + 1 :] if line.strip()], np.longdouble)
    squares = next(line for line in lines if line.startswith("Residual Sum of Squares"))
    x = data[:, 1] if data.shape[1] == 2 else data[:, 1:].T
    y = np.log(data[:, 0]) if name == "Nelson" else data[:, 0]
    return x, y, np.array(rows, float), float(squares.split(":")[1])


def test_all_27_are_there() -> None:
    files = {path.stem for path in (Path(__file__).parent / "strd").glob("*.dat")}
    assert files == set(MODELS)
    assert len(files) == 27


@pytest.mark.parametrize("start", [1, 2])
@pytest.mark.parametrize("name", MODELS)
def test_certified_values(name: str, start: int) -> None:
    x, y, table, squares = load(name)
    parameters = tuple(Parameter(f"b{k + 1}") for k in range(len(table)))
    curve = Curve(name, name, parameters, MODELS[name])
    fit = fit_curve(curve, x, y, starts=[table[:, start - 1]], intervals=False)
    values = np.array([value.value for value in fit.values.values()])
    assert values == pytest.approx(table[:, 2], rel=1e-6)
    sigma = np.sqrt(np.diag(np.array(fit.covariance)))
    assert sigma == pytest.approx(table[:, 3], rel=10.0 ** -DIGITS_OF_SIGMA.get(name, 4))
    rss = float(np.sum((y - MODELS[name](x, *values)) ** 2))
    assert rss == pytest.approx(squares, rel=1e-2 if name == "Lanczos1" else 1e-7)


@pytest.mark.parametrize("name", ["Misra1a", "Rat42", "MGH10", "Thurber", "Hahn1"])
def test_intervals_of_certified_problems_close_around_the_certified_values(name: str) -> None:
    x, y, table, _ = load(name)
    parameters = tuple(Parameter(f"b{k + 1}") for k in range(len(table)))
    fit = fit_curve(Curve(name, name, parameters, MODELS[name]), x, y, starts=[table[:, 1]])
    assert fit.identifiable
    for value, certified, sigma in zip(fit.values.values(), table[:, 2], table[:, 3], strict=True):
        assert value.low is not None
        assert value.high is not None
        assert value.low < certified < value.high
        assert value.sigma == pytest.approx(sigma, rel=1e-4)
        assert (value.high - value.low) / sigma == pytest.approx(4.2, rel=0.2)
