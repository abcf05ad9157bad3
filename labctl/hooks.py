"""Hooks: the user's own program is called when something ended, failed or passed a threshold."""

from __future__ import annotations

import os
import subprocess
from typing import Annotated, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from labctl.condition import ConditionText

__all__ = ["Hook", "Told", "call"]


class Hook(BaseModel):
    """``[notify]``: which program, and when."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    #: program and arguments, no shell; it gets one JSON object on its standard input
    command: Annotated[tuple[str, ...], Field(min_length=1)]
    on: tuple[Literal["end", "error", "threshold"], ...] = ("end", "error", "threshold")
    threshold: ConditionText = ""  #: condition on the figures of a run, as in "index < 5 %"
    timeout: Annotated[float, Field(gt=0)] = 30.0  #: s, after which it is ended


class Told(msgspec.Struct, frozen=True):
    """What the program reads."""

    event: str  #: ``end``, ``error`` or ``threshold``
    text: str
    folder: str


def call(hook: Hook, told: Told) -> str:
    """Call the program; return what went wrong with it, for that must never end a measurement.

    Parameters
    ----------
    hook
        The program and the events that it wants.
    told
        What has happened; also in ``LABCTL_EVENT``, ``LABCTL_TEXT`` and ``LABCTL_FOLDER``.
    """
    if told.event not in hook.on:
        return ""
    surroundings = {
        **os.environ, "LABCTL_EVENT": told.event, "LABCTL_TEXT": told.text,
        "LABCTL_FOLDER": told.folder,
    }  # fmt: skip
    try:
        done = subprocess.run(
            hook.command, input=msgspec.json.encode(told), env=surroundings, capture_output=True,
            timeout=hook.timeout,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        return f"notify: {hook.command[0]} could not be called: {error}"
    if done.returncode:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        last = f": {said[-1]}" if said else ""
        return f"notify: {hook.command[0]} ended with status {done.returncode}{last}"
    return ""
