"""Verification: whether a record is as it was written, and its figures follow from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path

import msgspec

from labctl.journal import JOURNAL, READINGS, RESULTS, RUN
from labctl.parts import pieces
from labctl.record import UNREADABLE, Record
from labctl.results import Results
from labctl.seal import retrace, seal_of
from labctl.units import show

__all__ = ["Verification", "verify"]

_ALIKE = 1e-6  # relative; a fit on another machine stops at another last digit


class Verification(msgspec.Struct, frozen=True):
    """What was found; a record holds where `problems` is empty."""

    folder: str
    figures: int  #: metrics and parameters that were derived again
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()  #: what could not be checked, and why

    @property
    def holds(self) -> bool:
        """Whether nothing speaks against the record."""
        return not self.problems


def verify(folder: Path | str) -> Verification:
    """Check a record's chain of hashes and derive every figure of merit again.

    Parameters
    ----------
    folder
        The run folder.

    Raises
    ------
    BadInput
        It is not a run folder, or cannot be read at all.
    """
    record = Record(folder)
    problems, remarks = list(_edited(record)), []
    if record.header.status == "running":
        remarks.append("the run has not ended: its seal and results are still to come")
    elif not record.header.seal:
        remarks.append("the record bears no seal: it was written by an older labctl")
    kept = _kept(record.folder)
    if kept is None:
        remarks.append(f"there is no {RESULTS} to compare with")
        return Verification(str(folder), 0, tuple(problems), tuple(remarks))
    try:
        derived = _numbers(record.analyse())
    except Exception as error:  # noqa: BLE001 - what was edited may break any analysis
        problems.append(f"the figures cannot be derived again ({type(error).__name__}: {error})")
        return Verification(str(folder), 0, tuple(problems), tuple(remarks))
    problems += _differences(_numbers(kept), derived)
    return Verification(str(folder), len(derived), tuple(problems), tuple(remarks))


def _edited(record: Record) -> Iterator[str]:
    last = max((step.last or 0 for step in record.steps), default=0)
    journal, readings = (pieces(record.folder / name) for name in (JOURNAL, READINGS))
    chain, wrong = retrace(journal, readings)
    if wrong:
        yield wrong
    header = json.loads((record.folder / RUN).read_bytes())
    sealed = header.get("seal")
    if sealed and record.header.status != "running" and seal_of(chain.total(), header) != sealed:
        yield f"the seal does not fit: {RUN}, or the last lines of the other files, were changed"
    rows = len(record.readings)
    if rows < last:
        yield f"{READINGS} has {rows} rows, but {last} were acknowledged"


def _kept(folder: Path) -> Results | None:
    try:
        return msgspec.json.decode((folder / RESULTS).read_bytes(), type=Results)
    except (OSError, *UNREADABLE):
        return None


def _numbers(results: Results) -> dict[str, tuple[float, float | None, str]]:
    """Return value, uncertainty and unit of every metric and parameter."""
    found = {name: (m.value, m.sigma, m.unit) for name, m in results.metrics.items()}
    for name, fit in results.fits.items():
        for key, value in fit.values.items():
            found[f"{name}.{key}"] = (value.value, value.sigma, value.unit)
    return found


def _differences(
    kept: dict[str, tuple[float, float | None, str]],
    derived: dict[str, tuple[float, float | None, str]],
) -> Iterator[str]:
    for name in kept.keys() | derived.keys():
        if name not in derived or name not in kept:
            where = RESULTS if name in kept else "what the readings give"
            yield f"{name} stands only in {where}"
            continue
        (value, sigma, unit), (again, sigma_again, _) = kept[name], derived[name]
        if not _alike(value, again):
            yield f"{name}: {show(value, unit)} in {RESULTS}, {show(again, unit)} from the readings"
        elif not _alike(sigma or 0.0, sigma_again or 0.0):
            yield f"{name}: the uncertainty in {RESULTS} is not the one that the readings give"


def _alike(a: float, b: float) -> bool:
    return math.isclose(a, b, rel_tol=_ALIKE) or (math.isnan(a) and math.isnan(b))
