"""What goes wrong off the wire: in an instrument, at the prober, at the sample.

A fault (see `sim_backend.faults`) is timed by a line that an instrument is sent; what it does there
depends on what is on the bench.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from labctl.errors import BadInput
from sim_backend.clock import Clock
from sim_backend.devices.placed import PlacedDevice
from sim_backend.faults import AT_SAMPLE, IN_INSTRUMENT, OF_PROBER, Fault, FaultyInstrument
from sim_backend.fixture import Fixture
from sim_backend.patchboard import Patchboard
from sim_backend.wire.port import Port

__all__ = ["Mishaps"]

_SHORT = 0.1  # S: a device that has broken down for good conducts like a wire of 10 Ohm


class Mishaps:
    """What can go wrong on one bench.

    Parameters
    ----------
    bench
        Its name, for an error.
    instruments
        Name to virtual instrument; filled while the bench is built. One that can have faults says
        which in ``ills`` and has them by ``suffer(kind)``.
    fixture, board
        Where the device is, and the relays before it.
    """

    def __init__(
        self,
        bench: str,
        instruments: Mapping[str, Any],
        fixture: Fixture,
        board: Patchboard | None,
    ) -> None:
        self._bench, self._instruments = bench, instruments
        self._fixture, self._board = fixture, board

    def check(self, fault: Fault) -> None:
        """Refuse a fault that nothing on this bench can have.

        Raises
        ------
        BadInput
            The instrument is not there, or it cannot go wrong like this.
        """
        if fault.instrument not in self._instruments:
            raise BadInput(
                f'a fault of "{fault.instrument}" was asked for; {self._bench} has '
                f"{', '.join(self._instruments) or 'no virtual instruments'}"
            )
        known = _ills(self._instruments[fault.instrument]) & IN_INSTRUMENT
        if fault.kind in IN_INSTRUMENT and fault.kind not in known:
            raise BadInput(
                f'{self._bench}: a fault "{fault.kind}" is planned for {fault.instrument}, which '
                "cannot have it; beside what can go wrong on its wire it may have "
                f"{', '.join(sorted(known)) or 'none'}"
            )
        if fault.kind in OF_PROBER and self._prober() is None:
            raise BadInput(
                f'{self._bench}: a fault "{fault.kind}" is planned for {fault.instrument}, but no '
                "prober is on this bench; take the fault out or add a prober"
            )

    def plan(self, fault: Fault, port: Port, clock: Clock) -> None:
        """Let a fault that was checked strike behind a port, its line counted from now."""
        name = fault.instrument
        if isinstance(port.instrument, FaultyInstrument):
            port.instrument.plan(fault)
            return
        sound, suffer = self._instruments[name], self.suffering(name)
        calls = getattr(sound, "plan", None)
        if calls is not None:  # it is not reached by lines, but by calls of a library
            calls(fault, suffer)
            return
        port.replace(FaultyInstrument(sound, [fault], clock, suffer))

    def suffering(self, name: str) -> Callable[[str], None]:
        """Return what takes the kind of a fault that a line to instrument `name` has timed."""

        def suffer(kind: str) -> None:
            if kind in AT_SAMPLE:
                self._short()
            else:
                (self._prober() if kind in OF_PROBER else self._instruments[name]).suffer(kind)

        return suffer

    def _prober(self) -> Any:
        """Return the prober; None without one."""
        found = (i for i in self._instruments.values() if _ills(i) >= OF_PROBER)
        return next(found, None)

    def _short(self) -> None:
        """Short the device that is in the fixture, until another one is."""
        fixture, board = self._fixture, self._board
        behind = (fixture.model, fixture.state, fixture.resistances)
        model, state, contacts = behind if board is None else board.device
        shorted = PlacedDevice(model, 1.0, short=_SHORT)
        (fixture.exchange if board is None else board.wire)(shorted, state, contacts)


def _ills(instrument: Any) -> frozenset[str]:
    return frozenset(getattr(instrument, "ills", ()))
