"""Parameters as they are written on a command line: ``--set width="100 us"``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from labctl.errors import BadInput

__all__ = ["read_assignments"]


def read_assignments(changes: Sequence[str]) -> dict[str, Any]:
    """Return parameters by name.

    Parameters
    ----------
    changes
        ``width=1 ms``; ``settings.width=1 ms`` is a parameter inside another.

    Raises
    ------
    BadInput
        One has no ``=``, or gives a value to a part of something that has a value of its own.
    """
    pairs: dict[str, Any] = {}
    for change in changes:
        key, equals, value = change.partition("=")
        if not equals or not key.strip():
            raise BadInput(f'--set "{change}" has no "="; write KEY=VALUE, as in width="100 us"')
        *outer, last = (part.strip() for part in key.split("."))
        inside = pairs
        for name in outer:
            inside = inside.setdefault(name, {})
            if not isinstance(inside, dict):
                raise BadInput(f'--set "{change}": {name} was given a value of its own before')
        inside[last] = value.strip()
    return pairs
