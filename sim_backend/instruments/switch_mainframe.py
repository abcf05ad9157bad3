"""The virtual switching mainframes: relays, status and front panel behind a TSP interface.

Source: Models 707B and 708B Switching Matrix Reference Manual, 707B-901-01; Series 3700A System
Switch/Multimeter Reference Manual. What they have in common with every TSP instrument is taken from
the Series 2600B.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from sim_backend.clock import Clock
from sim_backend.instruments.keithley2600_checks import number
from sim_backend.instruments.keithley2600_system import (
    Beeper,
    beeper_node,
    errors_node,
    timer_node,
)
from sim_backend.instruments.switch_account import Account
from sim_backend.instruments.switch_channels import channel_node, slot_node
from sim_backend.instruments.switch_matrix import Card, Relay, Wiring, joined
from sim_backend.instruments.switch_models import Mainframe
from sim_backend.instruments.switch_relays import Relays
from sim_backend.instruments.switch_system import (
    Panel,
    display_node,
    local_node,
    system_nodes,
)
from sim_backend.instruments.tsp_interface import Interface, urgent
from sim_backend.patchboard import Patchboard
from sim_backend.wire.tsp import Bounds

__all__ = ["SwitchMainframe"]

_EPOCH = 1767225600.0  # 2026-01-01: the date at the laboratory clock's zero


class SwitchMainframe:
    """A 707B, 708B or 3706A over the patchboard.

    Parameters
    ----------
    model
        The mainframe.
    cards
        Slot, from 1, to the card in it.
    board
        What the relays join.
    wiring
        What is wired to the cards.
    clock
        The laboratory's time.
    serial
        As it tells it.
    bounds
        When a script counts as a runaway.
    """

    def __init__(
        self,
        model: Mainframe,
        cards: Mapping[int, Card],
        board: Patchboard,
        wiring: Wiring,
        clock: Clock,
        *,
        serial: str = "1234567",
        bounds: Bounds | None = None,
    ) -> None:
        self.model, self.serial, self.firmware = model.name, serial, model.firmware
        self.clock, self.board, self._wiring = clock, board, wiring
        self.description = f"Keithley {model.name} #{serial}"
        self.prompts = self.show_errors = 0
        self.display, self.beeper = Panel(), Beeper()
        self.account = Account(
            f"KEITHLEY INSTRUMENTS INC.,MODEL {model.name},{serial},{model.firmware}",
            self.reset,
            lambda: self.interface.waiting,
        )
        self.errors = self.account.errors
        self.interface = Interface(
            clock,
            lambda: _EPOCH + clock.now_s,
            self.report,
            lambda: False,
            lambda: 0,
            _nothing,
            _nothing,
            self.account.commands(),
            bounds,
        )
        self.engine = self.interface.engine
        self.relays = Relays(cards, self.interface.time.pass_time, self._moved)
        self.interface.answered = self._prompt
        self._install(model, cards)

    @property
    def breathe(self) -> Callable[[], None]:
        """Called between slices of paced time, so that others may use the laboratory."""
        return self.interface.time.breathe

    @breathe.setter
    def breathe(self, call: Callable[[], None]) -> None:
        self.interface.time.breathe = call

    def close(self) -> None:
        """Switch off for good: gives back what only the instrument knows of, its Lua state."""
        self.interface.abort()
        self.engine.close()

    # -- the wire -----------------------------------------------------------------------------

    urgent = staticmethod(urgent)

    def write(self, message: bytes) -> None:
        """Take a message of one or more lines and execute what can be executed."""
        self.interface.write(message)

    def replies(self) -> list[bytes]:
        """Return and forget the replies that are ready, each with its newline."""
        return self.interface.replies()

    def poll(self) -> None:
        """Go on with what waited for something, if that has happened."""
        self.interface.poll()

    def interrupt(self) -> None:
        """Mark what is running to be aborted; may be called at any moment from any thread."""
        self.interface.interrupt()

    def abort(self) -> None:
        """End the running script."""
        self.interface.abort()

    def clear(self) -> None:
        """Take a device clear: nothing runs, nothing is queued."""
        self.interface.clear()

    def trigger(self) -> None:
        """Take a bus trigger."""
        self.interface.trigger()

    def status_byte(self) -> int:
        """Return the status byte, as a serial poll does."""
        return self.account.byte.condition

    def report(self, code: int, text: str = "") -> None:
        """Append an error to the queue."""
        self.account.report(code, text)

    def channel_state(self, _channel: str = "") -> Mapping[str, Any]:
        """Return what the front panel shows, and what was switched hot: for tests."""
        return {
            "closed": list(map(self.relays.name, self.relays.ordered(self.relays.closed))),
            "nets": self.board.nets,
            "hot": self.board.hot,
        }

    # -- relays -------------------------------------------------------------------------------

    def _moved(self, closed: Collection[Relay]) -> None:
        self.board.join(joined(sorted(closed), self._wiring))

    def reset(self) -> None:
        """Go back to the defaults (``reset()`` and ``*RST``): every relay opens."""
        every = [relay for slot in self.relays.cards for relay in self.relays.of_slot(slot)]
        self.relays.reset(every)
        self.relays.rule, self.relays.sequential = 1, 0
        self.display.clear()

    def _install(self, model: Mainframe, cards: Mapping[int, Card]) -> None:
        time = self.interface.time
        self.engine.install(
            [
                channel_node(self.relays),
                slot_node(model.slots, cards, self.serial),
                self.account.node(),
                display_node(self.display),
                beeper_node(self.beeper),
                errors_node(self.errors),
                timer_node(self.clock.now),
                local_node(self),
                *system_nodes(self.relays),
            ],
            {
                "delay": lambda seconds: time.pass_time(number(0.0, 1e5)(seconds)),
                "reset": self.reset,
                "opc": self.account.complete,
            },
            {"waitcomplete": (time.complete, lambda group=0: None)},
        )

    def _prompt(self) -> None:
        """Send what follows each message when prompts or errors are to be shown."""
        while self.show_errors and len(self.errors):
            self.interface.send("\t".join(map(str, self.errors.next())).encode("latin-1"))
        if self.prompts:
            self.interface.send(b"TSP?" if len(self.errors) else b"TSP>")


def _nothing() -> None:
    """Do nothing."""
