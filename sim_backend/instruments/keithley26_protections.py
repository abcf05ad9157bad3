"""What switches a Series 2600B off by itself: an open interlock, too much heat.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 3, "Interlock", and section 8 on error
messages.
"""

from __future__ import annotations

from sim_backend.instruments.keithley26_electronics import Quantity
from sim_backend.instruments.keithley26_family import MODELS
from sim_backend.instruments.keithley2600_channel import Channel
from sim_backend.instruments.keithley2600_status import INTERLOCK, StatusModel
from sim_backend.wire.tsp import Refusal

__all__ = ["Protections"]

_BLOCKED, _TOO_HOT = 802, 5046
_SAFE_VOLTAGE = 42.0  # V: what can be had with the interlock open


class Protections:
    """The part of an instrument that looks at its interlock and its temperature."""

    model: str
    channels: dict[str, Channel]
    _interlock, _too_hot = True, False

    @property
    def _states(self) -> StatusModel:
        status: StatusModel = self.status  # type: ignore[attr-defined]
        return status

    @property
    def interlock(self) -> bool:
        """Whether the interlock is asserted; without one it always is.

        Opened under a range that needs it, the outputs go off.
        """
        return self._interlock

    @interlock.setter
    def interlock(self, asserted: bool) -> None:
        if not MODELS[self.model].interlock:
            return
        self._interlock = asserted
        self._states.show("measurement", INTERLOCK, asserted)
        for channel in self.channels.values():
            if not asserted and channel.source.needs_interlock():
                self._switch_off(channel, _BLOCKED)

    def overheat(self, too_hot: bool) -> None:
        """Let the unit be too hot: its outputs switch off and stay off until it has cooled."""
        self._too_hot = too_hot
        for letter, channel in self.channels.items():
            self._states.note(letter, "over_temperature", too_hot)
            if too_hot:
                self._switch_off(channel, _TOO_HOT)

    def _switch_off(self, channel: Channel, why: int) -> None:
        if channel.source.output:
            channel.source.set_output(0)
            self.report(why)  # type: ignore[attr-defined]

    @property
    def ills(self) -> frozenset[str]:
        """What can go wrong in the unit: see `suffer`."""
        return frozenset({"over-temperature", *(["interlock"] * MODELS[self.model].interlock)})

    def suffer(self, kind: str) -> None:
        """Let the interlock open or the unit be too hot."""
        if kind == "interlock":
            self.interlock = False
        else:
            self.overheat(True)

    def permit(self, quantity: Quantity, range_: float) -> None:
        """Refuse what heat or the interlock do not allow.

        Raises
        ------
        Refusal
            The unit is too hot, or the range is beyond 42 V and the interlock is open.
        """
        if self._too_hot:
            raise Refusal(_TOO_HOT)
        if quantity == "v" and range_ > _SAFE_VOLTAGE and not self._interlock:
            raise Refusal(_BLOCKED)
