"""The attribute ``stimulus`` that every trigger object of a Series 2600B has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2600_checks import whole
from sim_backend.instruments.keithley2600_trigger import Events, Stimulus
from sim_backend.wire.tsp import Refusal

__all__ = ["stimulus_accessors"]


def stimulus_accessors(
    stimulus: Stimulus, events: Events
) -> tuple[Callable[[], int], Callable[[Any], None]]:
    """Return getter and setter of a stimulus attribute: an event's number, or 0 for none."""

    def select(value: Any) -> None:
        event = whole()(value)
        if event and not events.known(event):
            raise Refusal(-224)
        stimulus.select(event)

    return lambda: stimulus.event, select
