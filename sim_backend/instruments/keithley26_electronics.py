"""What a channel of a Series 2600B needs of the electronics below it (`sim_backend.analogue`)."""

from __future__ import annotations

from typing import Literal, Protocol

from sim_backend.instruments.specification import ChannelSpec

__all__ = ["Electronics", "Output", "Quantity", "Sample"]

Quantity = Literal["v", "i"]


class Sample(Protocol):
    """One reading of both quantities (`sim_backend.analogue.Sample`)."""

    @property
    def v(self) -> float:
        """Voltage, V."""

    @property
    def i(self) -> float:
        """Current, A."""

    @property
    def limited(self) -> bool:
        """Whether the source was limiting."""

    @property
    def v_overrange(self) -> bool:
        """Whether the voltmeter could not show the value."""

    @property
    def i_overrange(self) -> bool:
        """Whether the ammeter could not show the value."""


class Output(Protocol):
    """What a source needs of what it programs."""

    def set_source(
        self, function: Quantity, level: float, range_: float, limit: float, limit_range: float
    ) -> None:
        """Program level and limit, now."""

    def set_output(self, on: bool, high_impedance: bool = False) -> None:
        """Close or open the output, now."""


class Electronics(Output, Protocol):
    """What a channel needs of the electronics (`sim_backend.analogue.SourceMeter`)."""

    @property
    def contact(self) -> float:
        """Resistance between source and device, Ohm."""

    def adopt(self, spec: ChannelSpec, name: str) -> None:
        """Be other electronics from now on; the output is off."""

    def voltages(self) -> tuple[float, float]:
        """Return the voltage that is sensed, and the one at the output, V."""

    def set_sense(self, *, remote: bool) -> None:
        """Sense at the device or at the source."""

    def begin(self) -> object:
        """Begin an aperture now."""

    def finish(
        self,
        mark: object,
        *,
        v_range: float,
        i_range: float,
        nplc: float,
        line_frequency: float,
        autozero: bool,
        sense_remote: bool,
    ) -> Sample:
        """End the aperture now."""

    @property
    def limited(self) -> bool:
        """Whether the limit is in control now."""
