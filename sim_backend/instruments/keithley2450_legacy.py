"""A 2450-family SourceMeter that speaks the language of a Series 2400 (``*LANG SCPI2400``).

The tables are those of the virtual Series 2400 over the electronics of this unit: its ranges are
the old model's (nothing below 200 mV and 1 uA), its errors and its speed the new one's.

Source: 2450 Reference Manual, 2450-901-01 Rev. B, appendix D "Model 2450 in a Model 2400
application": two commands were added (``SYSTem:GPIB:ADDRess``, ``SYSTem:TLINk``); "Model 2461 in a
Series 2400 Application", 077162100, September 2019. What the unit tells of itself in this language
is to be checked [C]: the manuals do not say; here it stays its own model name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TypeVar

from sim_backend.clock import Clock
from sim_backend.instruments import keithley2400, keithley2420, keithley2430
from sim_backend.instruments.keithley26_electronics import Electronics
from sim_backend.instruments.keithley2400_instrument import Keithley2400
from sim_backend.instruments.keithley2400_specification import Model as OldModel
from sim_backend.instruments.keithley2400_specification import Timing
from sim_backend.instruments.keithley2450_site import Site
from sim_backend.instruments.keithley2450_specification import Model
from sim_backend.instruments.specification import MeasureRange, SourceRange
from sim_backend.wire.parameters import Choice, Whole
from sim_backend.wire.scpi import Command

__all__ = ["Keithley2400Language", "emulated"]

_OLD = {model.name: model for model in (keithley2400.MODEL, keithley2420.MODEL, keithley2430.MODEL)}
R = TypeVar("R", SourceRange, MeasureRange)


def emulated(model: Model, language: str) -> OldModel:
    """Return the old model as the new unit's electronics carry it out."""
    old, new = _OLD[model.emulates[language]], model.spec
    spec = replace(
        old.spec,
        v_source=_carried(old.spec.v_source, new.v_source),
        i_source=_carried(old.spec.i_source, new.i_source),
        v_measure=_carried(old.spec.v_measure, new.v_measure),
        i_measure=_carried(old.spec.i_measure, new.i_measure),
        slew=new.slew,
        source=f"{old.spec.source}, carried out by a {model.name}",
    )
    conversion = model.timing.conversion
    timing = Timing(latency_changed=model.timing.setting, conversion=conversion)
    return replace(old, spec=spec, timing=timing)


def _carried(old: tuple[R, ...], new: tuple[R, ...]) -> tuple[R, ...]:
    """Return the old ranges with errors, noise and settling of the new ones that hold them."""
    found = []
    for range_ in old:
        own = next((x for x in new if x.full_scale >= range_.full_scale * (1 - 1e-9)), new[-1])
        found.append(
            replace(
                range_,
                gain_error=own.gain_error,
                offset_error=own.offset_error,
                noise=own.noise,
                settling=own.settling,
            )
        )
    return tuple(found)


class Keithley2400Language(Keithley2400):
    """The Series 2400 command set of a 2450-family instrument.

    Parameters
    ----------
    model, language
        The instrument's model, and the command set.
    electronics, clock, line_frequency
        As for `Keithley2400`.
    site
        What the instrument keeps through a power cycle.
    told, choose
        Return and choose the command set (``*LANG``).
    """

    def __init__(
        self,
        model: Model,
        language: str,
        electronics: Mapping[str, Electronics],
        clock: Clock,
        line_frequency: float,
        site: Site,
        told: Callable[[], str],
        choose: Callable[[str], None],
    ) -> None:
        self._new_model, self._site = model, site
        self._told, self._choose = told, choose
        self.trigger_link = True
        super().__init__(
            emulated(model, language), electronics, clock, line_frequency=line_frequency
        )

    def table(self) -> list[Command]:
        """Return every command: those of the old model, and what was added."""

        def set_address(value: int) -> None:
            self._site.gpib = value

        def set_link(value: int) -> None:
            self.trigger_link = bool(value)

        languages = Choice({name: name for name in self._new_model.languages})
        return [
            *super().table(),
            Command("*IDN", query=lambda: self._site.identity),
            Command("*LANG", self._choose, self._told, (languages,)),
            Command(":SYSTem:GPIB:ADDRess", set_address, lambda: str(self._site.gpib),
                    (Whole(1, 30, names=()),)),
            Command(":SYSTem:TLINk", set_link, lambda: str(int(self.trigger_link)),
                    (Whole(0, 1, names=()),)),
        ]  # fmt: skip
