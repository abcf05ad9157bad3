"""Compiled kernels: modules that need numba, imported only where they pay.

A module of kernels (``labctl.analysis.kernels.*``, ``sim_backend.devices.kernels.*``) imports numba
at its top, which takes a second, and compiles on first use, after that from a cache. Whoever has a
kernel has the same calculation in plain numpy beside it, and one suite of tests holds both::

    fast = kernels("sim_backend.devices.kernels.junction")
    if fast is None:
        ...  # plain

The environment variable ``LABCTL_KERNELS=numpy`` asks for the plain path everywhere.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from functools import lru_cache
from types import ModuleType

__all__ = ["Recurring", "kernels"]

_VARIABLE = "LABCTL_KERNELS"
_CHOICES = ("numba", "numpy")


def kernels(module: str) -> ModuleType | None:
    """Return a module of compiled kernels, or None where the plain path is to be taken.

    Parameters
    ----------
    module
        Full name of the module.

    Raises
    ------
    ValueError
        ``LABCTL_KERNELS`` is neither ``numba`` nor ``numpy``.
    """
    chosen = os.environ.get(_VARIABLE, "numba")
    if chosen not in _CHOICES:
        raise ValueError(f'{_VARIABLE}="{chosen}" is unknown; use {" or ".join(_CHOICES)}')
    return importlib.import_module(module) if chosen == "numba" and _there_is_numba() else None


@lru_cache(maxsize=1)
def _there_is_numba() -> bool:
    return importlib.util.find_spec("numba") is not None


class Recurring:
    """Compiled code for a small problem that comes back again and again.

    One such problem must not wait until a module is loaded; some thousand of them are worth it. Who
    has the problem holds the count, so that every run of a program has the same of them calculated
    by the same code, however many runs there were before it in the process.

    Parameters
    ----------
    module
        Full name of the module of kernels.
    after
        How often the plain path is taken before.
    """

    __slots__ = ("_left", "_module")

    def __init__(self, module: str, after: int) -> None:
        self._module, self._left = module, after

    def kernels(self) -> ModuleType | None:
        """Return the module, or None where the plain path is to be taken this time."""
        if self._left > 0:
            self._left -= 1
            return None
        return kernels(self._module)
