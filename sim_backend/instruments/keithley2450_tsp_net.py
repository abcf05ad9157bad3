"""TSP-Net in the script language of the 2450 family: settings, and connections that fail.

The instrument has no network of its own to look for others in, so that ``tspnet.connect`` gives up
after its timeout, as it does where nobody answers, and no other function has a connection to use.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 8-324 to 8-336 (default values from the
table of each command).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sim_backend.instruments.keithley2450_tsp_values import (
    Attribute,
    constants,
    field,
    number,
    optional,
    text,
    tree,
    whole,
    words_of,
)
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["Net"]

FAILED, NO_CONNECTION = 2401, 2408  #: [C] numbers of the TSP-Net events
_TIMEOUT = 20.0  # s
_TERMINATIONS = words_of("tspnet.", {"TERM_LF": 1, "TERM_CR": 2, "TERM_CRLF": 3, "TERM_LFCR": 4})
_PORT = whole(0, 65535)
_CONNECTED = ("clear", "disconnect", "idn", "read", "readavailable", "write", "execute")


class Net:
    """Settings of ``tspnet``.

    Parameters
    ----------
    pass_time
        Lets the time of an attempt pass.
    """

    def __init__(self, pass_time: Callable[[float], None]) -> None:
        self._pass_time = pass_time
        self.timeout, self.aborts = _TIMEOUT, 1

    def reset(self) -> None:
        """Go back to the defaults."""
        self.timeout, self.aborts = _TIMEOUT, 1

    def node(self) -> Node:
        """Describe ``tspnet``."""
        return tree(
            "tspnet",
            {
                "timeout": self._setting("timeout", number(1e-3, 30.0)),
                "tsp.abortonconnect": self._setting("aborts", whole(0, 1)),
            },
            {
                "connect": self._connect,
                "reset": lambda: None,
                "termination": self._terminate,
                **dict.fromkeys(_CONNECTED, _not_connected),
                **{f"tsp.{name}": _not_connected for name in ("abort", "rbtablecopy", "runscript")},
            },
            constants(_TERMINATIONS),
        )

    def _setting(self, name: str, check: Callable[[Any], Any]) -> Attribute:
        return field(lambda: getattr(self, name), lambda value: setattr(self, name, value), check)

    def _connect(self, address: Any, port: Any = None, message: Any = None) -> None:
        """Wait for an answer that does not come."""
        text()(address)
        optional(_PORT, port, 0)
        optional(text(), message, "")
        self._pass_time(self.timeout)
        raise Refusal(FAILED, "TSP-Net connection failed")

    def _terminate(self, connection: Any, kind: Any = None) -> None:
        optional(_TERMINATIONS.read, kind, 1)
        _not_connected(connection)


def _not_connected(connection: Any = None, *_: Any) -> None:
    """Refuse: there is no connection with this number."""
    whole(0, 2**31)(connection)
    raise Refusal(NO_CONNECTION, "TSP-Net connection does not exist")
