"""References to None: a binding of Qt once lost one at every repaint, until Python aborted."""

from __future__ import annotations

import gc
import sys
from collections.abc import Callable

__all__ = ["lost"]


def lost(paint: Callable[[], object], count: int) -> int:
    """Return how many references to None are gone after painting so often.

    What earlier tests left holds some, too: it is collected before, and nothing is meanwhile.
    """
    gc.collect()
    gc.disable()
    try:
        before = sys.getrefcount(None)
        for _ in range(count):
            paint()
        return before - sys.getrefcount(None)
    finally:
        gc.enable()
