"""The needles: which device of the wafer they stand over, and how well they touch it.

A prober moves the chuck; `Needles` is what that does to the sample. Devices are made when they are
first stood over and rest while others are measured. Every touch-down is a contact of its own: its
resistance is drawn round the wafer's median, and a share of touch-downs misses. Pressing harder
lowers the resistance like one over the root of the force, as plastic contact spots do (Holm,
Electric Contacts, 4th ed., 10.1007/978-3-662-06688-1), with needles that are springs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sim_backend.devices.joined import ApartDevice
from sim_backend.devices.model import DeviceModel, State, Stream
from sim_backend.fixture import Fixture
from sim_backend.wafer import Place, Site, Wafer

__all__ = ["PRESS", "Needles", "Sitting", "Wire"]

PRESS = 20.0  #: um beyond first touch at which a contact has the wafer's resistance
_LIVE = 1e-3  # V: more than this on a terminal is a live one

#: takes a model, its state and contact resistances by terminal
Wire = Callable[[DeviceModel, State, Mapping[str, float]], None]


@dataclass(slots=True)
class Sitting:
    """One device of the wafer, as it is or as it was left."""

    place: Place
    model: DeviceModel
    state: State
    left: float = 0.0  #: time up to which it has come, s
    touches: int = 0  #: touch-downs so far
    account: dict[str, Any] = field(default_factory=dict)  #: what the model says of itself


@dataclass(slots=True)
class Counts:
    """What was done to needles and wafer."""

    touches: int = 0  #: touch-downs
    live: int = 0  #: contacts made or broken with a voltage on a terminal
    scratches: int = 0  #: sideways moves while the needles touched


@dataclass(slots=True)
class _Contact:
    """How the needles touch now."""

    down: bool = False
    made: bool = False
    drawn: float = 0.0  # Ohm, at `PRESS`
    depth: float = 0.0  # um
    lost: bool = False


class Needles:
    """The needles over a wafer.

    Parameters
    ----------
    fixture
        Where the device under the needles is measured.
    wafer
        What lies on the chuck.
    make
        Returns the device at a site as it is when nobody has touched it.
    start
        The device that is in the fixture already; the needles stand over it and do not touch it.
    contacts
        Where the quality of contacts is looked up.
    wire
        Puts what is between channels and device into the fixture: with the device's terminals
        their contact resistances; a switching matrix stands here.
    """

    def __init__(
        self,
        fixture: Fixture,
        wafer: Wafer,
        make: Callable[[Site], Sitting],
        start: Sitting,
        contacts: Stream,
        wire: Wire,
    ) -> None:
        self.fixture, self.wafer, self._make = fixture, wafer, make
        self._contacts, self._wire = contacts, wire
        self.known: dict[Site, Sitting] = {start.place.site: start}
        self.here = start  #: the device in the fixture: touched, or the last one stood over
        self.over: Site | None = start.place.site  #: site under the needles; None between sites
        self.counts = Counts()
        self.version = 0  #: grows with every change of `known`
        self._contact = _Contact()
        self._heats: list[tuple[float, float]] = [(-math.inf, fixture.temperature)]
        self._join()

    @property
    def touching(self) -> bool:
        """Whether the device under the needles is electrically connected."""
        contact = self._contact
        return contact.down and contact.made and not contact.lost and self.over is not None

    @property
    def resistance(self) -> float:
        """Resistance of the contact, Ohm; infinite when there is none."""
        if not self.touching:
            return math.inf
        contact = self._contact
        return contact.drawn * math.sqrt(PRESS / max(contact.depth, 1e-3 * PRESS))

    # -- what a prober does -------------------------------------------------------------------

    def go(self, site: Site | None) -> None:
        """Stand over another site, or between sites."""
        if site == self.over:
            return
        self.over = site
        if site is not None and site != self.here.place.site:
            self._leave()
            self.here = self.known.get(site) or self._make(site)
            self.known[site] = self.here
            self.version += 1
            self._catch_up(self.here)
        self._join()

    def touch(self, depth: float) -> None:
        """Come down on the pads, or press on them with another depth, um."""
        contact = self._contact
        if contact.down:
            contact.depth = depth
            self._join()
            return
        self._note_live()
        self.counts.touches += 1
        self.here.touches += 1
        self.version += 1
        place, touch = self.here.place, self.here.touches
        self._contact = _Contact(
            down=True,
            made=not self.wafer.missed(place, touch, self._contacts),
            drawn=self.wafer.contact_resistance(place, touch, self._contacts),
            depth=depth,
        )
        self._join()

    def lift(self) -> None:
        """Come off the pads."""
        if self._contact.down:
            self._note_live()
            self._contact = _Contact()
            self._join()

    def scratch(self) -> None:
        """Note that the wafer was moved sideways under needles that touched it."""
        self.counts.scratches += 1

    def lose(self) -> None:
        """Let the contact be lost: it is open until the next touch-down."""
        self._contact.lost = True
        self._join()

    def heat(self, temperature: float) -> None:
        """Give the wafer another temperature, K."""
        self.fixture.set_temperature(temperature)
        self._heats.append((self.fixture.clock.now_s, temperature))

    # -- devices ------------------------------------------------------------------------------

    def _note_live(self) -> None:
        self.fixture.sync()
        if any(abs(drive.v) > _LIVE for drive in self.fixture.drives):
            self.counts.live += 1

    def _join(self) -> None:
        """Put the device into the fixture as the needles have it."""
        here = self.here
        if self.touching:
            contact = {here.model.terminals[0]: self.resistance}
            resistances = {name: ohm for name, ohm in contact.items() if ohm}
            model = here.model
        else:
            resistances, model = {}, ApartDevice(here.model)
        self._wire(model, here.state, resistances)

    def _leave(self) -> None:
        self.fixture.sync()
        self.here.left = self.fixture.time

    def _catch_up(self, sitting: Sitting) -> None:
        """Let a device rest from when it was left until now, at the temperatures there were."""
        now = self.fixture.clock.now_s
        for (begins, temperature), until in zip(
            self._heats, [*(begins for begins, _ in self._heats[1:]), now], strict=True
        ):
            duration = min(until, now) - max(begins, sitting.left)
            if duration > 0:
                sitting.model.advance(sitting.state, {}, duration, temperature, self.fixture.stream)
        sitting.left = now
