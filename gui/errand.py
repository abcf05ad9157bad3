"""The process that works for the window: fits, long files and figures, so that it never waits.

It reads requests from standard input and writes answers to
standard output, each as eight bytes of length and a pickle; both ends are the same program. It
ends when the pipe closes. No Qt here.
"""

from __future__ import annotations

import importlib
import os
import pickle
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

from labctl.errors import LabctlError
from labctl.results import Results

__all__ = ["LENGTH", "Answer", "Elsewhere", "Refitted", "Request", "pack", "serve", "unpack"]

LENGTH = 8  #: bytes before each message


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """A function that is imported only in the process that calls it."""

    module: str
    name: str

    def __call__(self, *arguments: Any) -> Any:
        """Import it and call it."""
        return getattr(importlib.import_module(self.module), self.name)(*arguments)


class Request(NamedTuple):
    """A function of a module, to be called."""

    number: int
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


class Refitted(NamedTuple):
    """What came out of a fit with another model or range; see `gui.refitting`."""

    results: Results
    used: int  #: points
    of: int  #: points


class Answer(NamedTuple):
    """What it returned, or one sentence about why it did not."""

    number: int
    value: Any
    error: str = ""


def pack(message: Request | Answer) -> bytes:
    """Return a message as it goes through the pipe."""
    content = pickle.dumps(message, pickle.HIGHEST_PROTOCOL)
    return len(content).to_bytes(LENGTH, "big") + content


def unpack(data: bytes) -> tuple[list[Any], bytes]:
    """Return the whole messages in what came, and the rest."""
    found, at = [], 0
    while len(data) - at >= LENGTH:
        end = at + LENGTH + int.from_bytes(data[at : at + LENGTH], "big")
        if end > len(data):
            break
        found.append(pickle.loads(data[at + LENGTH : end]))
        at = end
    return found, data[at:]


def serve(asked: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    while len(head := asked.read(LENGTH)) == LENGTH:
        number = -1
        try:
            request: Request = pickle.loads(asked.read(int.from_bytes(head, "big")))
            number = request.number
            answer = Answer(number, request.function(*request.arguments))
            packed = pack(answer)
        except LabctlError as error:
            packed = pack(Answer(number, None, str(error)))
        except Exception as error:  # noqa: BLE001 - the window says so, and works on
            packed = pack(Answer(number, None, f"{type(error).__name__}: {error}"))
        answers.write(packed)
        answers.flush()


def main() -> None:
    """Serve on the standard streams; whatever prints goes to standard error."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    serve(sys.stdin.buffer, answers)
