"""How a run ends: what its record says of it, and what the instruments still had to say."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from labctl.errors import Aborted, InstrumentFault, LabctlError, RecordFault, Stopped
from labctl.journal import Journal, Status
from labctl.workbench import Bench

__all__ = ["best_effort", "ending", "message_of", "note_error", "note_found", "settings_left"]


def settings_left(bench: Bench | None, journal: Journal) -> dict[str, dict[str, str]]:
    """Return the settings after the run; what instruments and needles had to say is noted."""
    if bench is None:
        return {}
    for text in bench.stations.lost:
        journal.note("contact", text)
    note_found(bench.settings_after, journal)
    return bench.settings_after


def note_found(settings: Mapping[str, Mapping[str, str]], journal: Journal) -> None:
    """Note the errors that instruments had kept for whoever asks."""
    for reported in settings.values():
        if "found" in reported:
            journal.note("instrument", reported["found"])


def ending(error: BaseException) -> Status:
    """Return the status of a run that an error ended."""
    if isinstance(error, Stopped):
        return "stopped"
    if isinstance(error, Aborted | KeyboardInterrupt):
        return "aborted"
    return "failed"


def _text(error: BaseException) -> str:
    return str(error) if isinstance(error, LabctlError) else f"{type(error).__name__}: {error}"


def message_of(error: BaseException) -> str:
    """Return why a run ended, with what could not be made safe."""
    return "; ".join([_text(error), *getattr(error, "__notes__", [])])


def note_error(journal: Journal, error: BaseException) -> None:
    """Journal the error that ended a run; where the journal is the trouble, nothing."""
    if isinstance(error, RecordFault):
        return
    kind = "instrument" if isinstance(error, InstrumentFault) else "control"
    with best_effort("failed"):
        journal.note(kind, _text(error))
        for note in getattr(error, "__notes__", []):
            journal.note("safety", note)


@contextmanager
def best_effort(status: str) -> Iterator[None]:
    """Let a fault of the record pass unless the run is done: another error is on its way."""
    try:
        yield
    except RecordFault:
        if status == "done":
            raise
