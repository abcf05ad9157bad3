"""The calibration commands of a Series 2400: its lock, its dates, and steps that find nothing.

A virtual instrument has no constants that could be set: its errors belong to its serial number. So
every step of a calibration ends as one on a real instrument does whose reference does not fit, with
the error of the instrument, and nothing is saved.

Source: Model 2400 Service Manual, 2400-902-01, appendix B, table B-1 (commands, default password)
and pages B-3 to B-8; 2400 Series SourceMeter User's Manual, 2400S-900-01 Rev. K, table B-1, errors
+500 to +510.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from sim_backend.wire.parameters import Number, ScpiError, Text, Whole
from sim_backend.wire.scpi import Command

__all__ = ["Calibration"]

OUT_OF_RANGE, REFUSED = -222, -200
INVALID, SOURCE_INVALID, SENSE_INVALID, LOCKED = 502, 505, 507, 509
_FACTORY = {"DATE": date(2025, 3, 3), "NDUE": date(2026, 3, 3)}  # [C]
_LONGEST = 8  # characters of a password
_DATE = (Whole(1994, 9999, names=()), Whole(1, 12, names=()), Whole(1, 31, names=()))
_CONSTANTS = "+0.000000E+00,+1.000000E+00,+1.000000E+00"  # zero, gains below and above it [C]


class Calibration:
    """What ``CALibration:PROTected`` knows.

    Parameters
    ----------
    model
        The model, whose number is part of the first password.
    """

    def __init__(self, model: str) -> None:
        self.locked, self.count = True, 1
        self._password = f"KI00{model[:4]}"
        self._dates = dict(_FACTORY)

    def commands(self) -> list[Command]:
        """Return the table."""
        c = ":CALibration:PROTected"
        table = [
            Command(f"{c}:CODE", self._unlock, None, (Text(),)),
            Command(f"{c}:COUNt", query=lambda: str(self.count)),
            Command(f"{c}:LOCK", self._lock, lambda: str(int(self.locked))),
            Command(f"{c}:SAVE", self._save),
        ]
        table += [self._date(f"{c}:{name}", name) for name in _FACTORY]
        for name, error in (("SENSe", SENSE_INVALID), ("SOURce", SOURCE_INVALID)):
            step = self._step(error)
            table.append(Command(f"{c}:{name}", step, None, (Number(names=()),)))
            table.append(Command(f"{c}:{name}:DATA", query=lambda: _CONSTANTS))
        return table

    def _unlock(self, password: str) -> None:
        """Unlock; when it is unlocked, change the password."""
        if self.locked and password != self._password:
            raise ScpiError(REFUSED)
        if not self.locked:
            if not (password.isalnum() and len(password) <= _LONGEST):
                raise ScpiError(OUT_OF_RANGE)
            self._password = password
        self.locked = False

    def _lock(self) -> None:
        self.locked = True

    def _check_unlocked(self) -> None:
        if self.locked:
            raise ScpiError(LOCKED)

    def _save(self) -> None:
        self._check_unlocked()
        raise ScpiError(INVALID)  # no step succeeded

    def _date(self, header: str, name: str) -> Command:
        def store(year: int, month: int, day: int) -> None:
            self._check_unlocked()
            try:
                self._dates[name] = date(year, month, day)
            except ValueError:
                raise ScpiError(OUT_OF_RANGE) from None

        def ask() -> str:
            known = self._dates[name]
            return f"{known.year},{known.month},{known.day}"

        return Command(header, store, ask, _DATE)

    def _step(self, error: int) -> Callable[[float], None]:
        def step(_: float) -> None:
            self._check_unlocked()
            raise ScpiError(error)

        return step
