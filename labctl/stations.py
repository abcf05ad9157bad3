"""The stations of a bench: what stands round the sources, and when it may move.

Nothing of it moves while a source has its output on: sources are brought to zero first, the chuck
separates before it goes anywhere, and relays move only then. What a step needs is done before it: a
waveform finds its paths closed, its site under the needles, and a contact that a low read has seen.
Where the last readings on a site could be those of an open circuit, a low read tells whether the
needles still touch it. At the end the sources are made safe first, then lights are dark, the chuck
is separated and the relays are open. (Where a source could not be made safe the chuck separates all
the same: a contact that is broken with current on harms less than one that stays.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from math import isnan
from typing import Any, cast

from labctl.capability import (
    ContactCheck,
    Identity,
    LightSource,
    Prober,
    Station,
    StopRequest,
    Switch,
    Thermostat,
)
from labctl.errors import InstrumentFault, LabctlError
from labctl.readings import Row
from labctl.steps import Move, Play, Soak
from labctl.waveform import read, rest

__all__ = ["NoContact", "Stations"]

_READ = 50e-3  # s, of each of the two reads that check a contact
_COMPLIANCE = 1e-6  # A, of these reads: a sensitive range, and gentle to the sample

#: brings every source to zero; returns what could not be made safe
Quiet = Callable[[], list[str]]
#: plays a step on the source that can, without a word to the journal
Look = Callable[[Play, StopRequest], Iterator[list[Row]]]


class NoContact(InstrumentFault):
    """The needles do not touch a site, however often they came down on it."""


class Stations:
    """Prober, thermostat, switch and lights of a bench.

    Parameters
    ----------
    terminals
        Of the bench file: device terminal -> ``instrument.channel``.
    site
        Where the first contact is to be made; empty for where the prober stands.
    quiet, look
        What the sources do for them.
    """

    def __init__(self, terminals: Mapping[str, str], site: str, quiet: Quiet, look: Look) -> None:
        self._terminals, self._quiet, self._look = dict(terminals), quiet, look
        self.all: dict[str, Station] = {}
        self._of: dict[str, str] = {}  # capability -> instrument
        self.site = site
        self._down = self._routed = False
        self._open = False  # whether the last readings could be those of an open circuit
        self.lost: list[str] = []  #: each site that had a contact and lost it, as a sentence
        self._owed: Soak | None = None  # a temperature that an earlier part of the run had

    def add(self, name: str, station: Station, capabilities: tuple[str, ...]) -> None:
        """Take a station in; the first of a kind is the one that steps are given to."""
        self.all[name] = station
        for capability in capabilities:
            self._of.setdefault(capability, name)

    def __bool__(self) -> bool:
        return bool(self.all)

    def _get(self, capability: str) -> Any:
        name = self._of.get(capability)
        return None if name is None else self.all[name]

    @property
    def prober(self) -> Prober | None:
        """What moves the wafer."""
        return cast("Prober | None", self._get("prober"))

    @property
    def thermostat(self) -> Thermostat | None:
        """What heats it."""
        return cast("Thermostat | None", self._get("thermostat"))

    @property
    def switch(self) -> Switch | None:
        """What joins channels and terminals."""
        return cast("Switch | None", self._get("switch"))

    # -- steps --------------------------------------------------------------------------------

    def prepare(self, stop: StopRequest) -> None:
        """Close the paths and put the needles down, where that has not been done.

        Raises
        ------
        InstrumentFault
            A station failed.
        NoContact
            The needles do not touch.
        """
        if self._owed is not None:
            self.soak(self._owed, stop)
        if self.switch is not None and not self._routed:
            self._calm("the relays were not moved")
            self.switch.route(self._terminals)
            self._routed = True
        if self.prober is not None and not self._down:
            self._land(self.prober, stop)

    def move(self, step: Move, stop: StopRequest) -> None:
        """Contact another site; see `prepare` for what is raised."""
        self.leave(stop)
        self.site, self._down = step.site, False
        self.prepare(stop)

    def soak(self, step: Soak, stop: StopRequest) -> None:
        """Bring the sample to a temperature with the wafer off the needles.

        Raises
        ------
        InstrumentFault
            A station failed, or the temperature is out of its reach.
        """
        self._owed = None
        thermostat = self.thermostat
        assert thermostat is not None  # the bench has been asked before
        if not thermostat.reaches(step.temperature):
            raise InstrumentFault(
                f"a temperature of {step.temperature:g} K was asked for, which the chuck may not "
                "reach; ask for another, or widen coldest and hottest in the bench file"
            )
        self.leave(stop)
        self._calm("the chuck was not moved")
        if self.prober is not None:
            self._down = False
            self.prober.separate()
        thermostat.soak(step.temperature, stop)

    def stand(self, step: Move | Soak) -> None:
        """Take over what an earlier part of the run had done, before the next waveform."""
        if isinstance(step, Move):
            self.site = step.site
        else:
            self._owed = step

    def _land(self, prober: Prober, stop: StopRequest) -> None:
        self._calm("the chuck was not moved")
        site = prober.move(self.site)
        check = prober.contact_check
        if check is not None:
            self._check(prober, check, site, stop)
        self.site, self._down = site, True

    def _check(self, prober: Prober, check: ContactCheck, site: str, stop: StopRequest) -> None:
        """Look whether the needles touch, and come down again where they do not."""
        currents = []
        for touch in range(check.touches):
            if touch:
                self._calm("the chuck was not moved")
                prober.touch()
            currents.append(self._current(check.voltage, stop))
            if currents[-1] >= check.least or stop():
                return
        best = max(currents)
        raise NoContact(
            f"no contact on site {site} after {check.touches} touch-downs: {best:.3g} A at "
            f"{check.voltage:g} V, expected is {check.least:g} A or more; clean the needles, set "
            "the contact height anew, or skip the site"
        )

    def _current(self, voltage: float, stop: StopRequest) -> float:
        """Return the current of a low read on the first terminal, A.

        Half the difference of a read and its opposite: the offset of the ammeter falls out.
        """
        terminal = next(iter(self._terminals))
        up, down = (read(v, _READ, terminal=terminal) for v in (voltage, -voltage))
        both = up + rest(_READ) + down
        rows = [row for chunk in self._look(Play(both, _COMPLIANCE), stop) for row in chunk]
        return abs(rows[0].i - rows[-1].i) / 2 if len(rows) > 1 else 0.0

    def watch(self, rows: Sequence[Row]) -> None:
        """Take note of the readings of a waveform, for `leave`; without any it knows no more."""
        check = None if self.prober is None else self.prober.contact_check
        # where a current was asked for there is no level in V: an open circuit took it to the limit
        driven = [(row, row.v if isnan(row.v_set) else row.v_set) for row in rows]
        driven = [(row, level) for row, level in driven if level]
        if check is not None and driven:
            least = check.least / check.voltage  # S
            self._open = all(abs(r.i) <= 3 * r.u_i + least * abs(level) for r, level in driven)

    def leave(self, stop: StopRequest) -> None:
        """Note in `lost` where the needles do not touch the site any more that they stand on.

        That is looked for only where the last readings could be those of an open circuit.
        """
        check = None if self.prober is None else self.prober.contact_check
        if check is None or not self._down or not self._open:
            return
        self._open = False
        try:
            current = self._current(check.voltage, stop)
        except LabctlError:
            return  # what has failed is said when it is made safe
        if current < check.least:
            self.lost.append(
                f"site {self.site} had a contact and at the end has none: {current:.3g} A at "
                f"{check.voltage:g} V, expected is {check.least:g} A or more; do not trust its "
                "last readings before you have looked at the needles"
            )

    def _calm(self, otherwise: str) -> None:
        """Bring every source to zero with its output off; raises `InstrumentFault` if one fails."""
        if failures := self._quiet():
            raise InstrumentFault(f"{otherwise}, for {'; '.join(failures)}")

    # -- all of them --------------------------------------------------------------------------

    def lights(self) -> Iterator[LightSource]:
        """Yield the lights."""
        name = self._of.get("light")
        if name is not None:
            yield cast("LightSource", self.all[name])

    def identify(self) -> list[Identity]:
        """Ask every station who it is."""
        return [station.identify() for station in self.all.values()]

    def snapshot(self) -> dict[str, dict[str, str]]:
        """Return every setting of every station, as reported."""
        return {name: station.snapshot() for name, station in self.all.items()}

    def make_safe(self, sources_safe: bool) -> Iterator[str]:
        """Bring every station where it harms nobody; yields what could not be done.

        Parameters
        ----------
        sources_safe
            Whether every source is at zero; relays stay closed where one is not.
        """
        self._down = False
        relays = self._of.get("switch")
        order = sorted(self.all, key=lambda name: name == relays)  # relays last
        for name in order:
            if name == relays and not sources_safe:
                yield f"{name}: the relays were left as they are, since a source is not at zero"
                continue
            self._routed = self._routed and name != relays
            try:
                self.all[name].make_safe()
            except Exception as error:  # noqa: BLE001 - the next station must get its turn
                yield str(error) if name in str(error) else f"{name}: {error}"

    def close(self) -> None:
        """Give every connection back."""
        for station in self.all.values():
            station.close()
