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

    def __str__(self) -> str:
        return (
            f"{self.limit}: {self.asked} was asked for, {self.allowed} is allowed; {self.remedy}."
        )
