"""What a 2450-family unit keeps through a reset and a power cycle: identity, addresses, access.

Source: 2461 Reference Manual, 2461-901-01 Rev. A, pages 6-141 to 6-156 and appendix B.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

__all__ = ["PROTECTED", "Site"]

PROTECTED = -203  #: what is refused before somebody logged in


@dataclass(slots=True)
class Site:
    """What the instrument keeps through a reset and a power cycle."""

    identity: str
    mac: str
    gpib: int = 18
    lan: str = "AUTO,0.0.0.0,255.255.255.0,0.0.0.0"
    access: str = "FULL"
    password: str = "admin"
    admitted: bool = True  #: somebody logged in, where that is needed
    power_on: str = "RST"
    continuous: str = "AUTO"  #: trigger mode after the next start: OFF, AUTO or REST
    domain: int = 0  #: of LXI events
    calibrations: int = 0
    calibrated: datetime | None = None

    def admit(self, message: bytes) -> bytes | None:
        """Take ``login`` and ``logout``; returns what is to be executed, None when refused."""
        if self.admitted:
            if self.access in ("PROT", "LOCK") and message.strip() == b"logout":
                self.admitted = False
                return b""
            return message  # ``login`` is no command where nobody is asked for a password
        word, _, given = message.decode("latin-1").strip().partition(" ")
        if word != "login" or given.strip() != self.password.strip():
            return None
        self.admitted = True
        return b""
