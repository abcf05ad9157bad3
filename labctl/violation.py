"""What a protocol would break, in one sentence: asked, allowed, remedy."""

from __future__ import annotations

import msgspec

__all__ = ["Violation"]


class Violation(msgspec.Struct, frozen=True):
    """One limit that a protocol would break."""

    limit: str  #: what is limited, and by whom: ``2602B pulse width``
    asked: str
    allowed: str
    remedy: str  #: what to do, as a clause
    #: what would be played where the user accepts it, ``2410: levels of 1 ms instead of 100 us``;
    #: empty where there is no such thing
    instead: str = ""
    #: largest current that could flow then, A, where the compliance would not hold
    reach: float = 0.0

    def __str__(self) -> str:
        accept = f", or accept {self.instead} with --accept-degraded" if self.instead else ""
        return (
            f"{self.limit}: {self.asked} was asked for, {self.allowed} is allowed; "
            f"{self.remedy}{accept}."
        )
