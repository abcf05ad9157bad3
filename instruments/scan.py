"""What VISA sees: every resource, and what answers there to ``*IDN?``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pyvisa
from pyvisa.errors import Error

__all__ = ["scan"]

_PATIENCE = 2000  # ms: an instrument that does not answer by then is taken to be silent
#: serial ports are left alone: whatever is there may not expect to be asked
_ASKED = ("GPIB", "USB", "TCPIP", "VXI")


def scan(visa: Any = "") -> Iterator[tuple[str, str]]:
    """Yield (address, answer to ``*IDN?``) of every resource; the answer is empty where none came.

    Nothing but the question is sent, to GPIB, USB and network resources.

    Parameters
    ----------
    visa
        What ``pyvisa.ResourceManager`` takes: a library object, its name, or ``""``.
    """
    manager = pyvisa.ResourceManager(visa)
    for address in manager.list_resources("?*"):
        answer = _asked(manager, address) if address.upper().startswith(_ASKED) else ""
        yield address, answer


def _answered(resource: pyvisa.resources.MessageBasedResource, end: str) -> str:
    """Ask with messages that end like this: a 4200A ends its own with a null."""
    resource.read_termination = resource.write_termination = end
    try:
        return str(resource.query("*IDN?")).strip("\0\r\n ")
    except Error:
        return ""


def _asked(manager: pyvisa.ResourceManager, address: str) -> str:
    try:
        with manager.open_resource(address, open_timeout=_PATIENCE) as resource:
            resource.timeout = _PATIENCE
            if not isinstance(resource, pyvisa.resources.MessageBasedResource):
                return ""
            for end in ("\n", "\0") if resource.resource_class == "SOCKET" else ("\n",):
                if answer := _answered(resource, end):
                    return answer
            return ""
    except (Error, OSError, UnicodeDecodeError, ValueError):
        return ""  # silent, busy or not an instrument: it is listed as that
