"""Following a run from outside: which step is in hand, how far it is, what the instruments say.

Reads on from where it was in the journal, whole lines only, and the end of the table of readings.
Nothing here knows a window.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from labctl.bounds import bounds
from labctl.errors import BadInput
from labctl.journal import JOURNAL, READINGS, Begun, Done, Entry, Interrupted, Note, Session
from labctl.parts import Cursor, last_part
from labctl.readings import Flag
from labctl.record import read_header
from labctl.steps import Move, Play, Soak, Wait
from labctl.units import show

__all__ = ["Following", "step_in_doubt", "told_of_step"]

_decode = msgspec.json.Decoder(Entry).decode
_END = 4096  # bytes of the table of readings that are looked at
_MOST = 1 << 22  # bytes of the journal taken at once, so that a look is always short


class Following:
    """What is known of one run while it goes on.

    Parameters
    ----------
    folder
        The run folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.step: Begun | None = None  #: in hand
        self.done = 0  #: steps
        self.planned = 0  #: steps; 0 while that is not known
        self.nominal = False  #: the plan is that of a protocol that decides from readings
        self.flags = Flag(0)  #: of the last reading
        self._journal = Cursor(folder / JOURNAL)

    @property
    def read(self) -> int:
        """Bytes of the journal that were read."""
        return self._journal.read

    @property
    def output_on(self) -> bool:
        """Whether a waveform is being played."""
        return self.step is not None and isinstance(self.step.what, Play)

    def poll(self) -> list[tuple[str, str]]:
        """Read on.

        Returns
        -------
        list of (str, str)
            What is new, a kind (``step``, ``info``, ``warning``, ``danger``) and a sentence each.
        """
        if not self.planned:
            self._read_plan()
        said = []
        for line in self._lines():
            try:
                entry = _decode(line)
            except msgspec.MsgspecError:
                continue  # a line of a newer version says nothing here; the record reads it
            said.append(self._take(entry))
        self._read_flags()
        return [one for one in said if one[1]]

    def progress(self) -> str:
        """Say how far it is; how long it still takes stands beside the plots."""
        if not self.planned:
            return "running"
        if self.done >= self.planned:
            return f"{self.done} steps"
        return f"{100 * self.done // self.planned} %"

    def _read_plan(self) -> None:
        try:
            plan = read_header(self.folder).plan
        except BadInput:
            return
        self.planned = int(plan.get("steps", 0))
        self.nominal = bool(plan.get("nominal", False))

    def _lines(self) -> list[bytes]:
        try:
            return self._journal.more(_MOST).splitlines()
        except OSError:
            return []

    def _take(self, entry: Entry) -> tuple[str, str]:
        if isinstance(entry, Begun):
            self.step = entry
            return "step", f"step {entry.step}: {told_of_step(entry)}"
        if isinstance(entry, Done):
            self.step, self.done = None, self.done + 1
            return "step", f"step {entry.step} done, {entry.row} readings so far"
        if isinstance(entry, Interrupted):
            self.step = None
            return "warning", f"step {entry.step} had been interrupted: {entry.handling}"
        if isinstance(entry, Session):
            return "info", ""
        return _told_of_note(entry)

    def _read_flags(self) -> None:
        try:
            with last_part(self.folder / READINGS).open("rb") as file:
                size = file.seek(0, 2)
                file.seek(max(0, size - _END))
                lines = file.read().split(b"\n")[1:-1]
            last = int(lines[-1].rpartition(b",")[2]) if lines else 0
        except (OSError, ValueError):
            return
        self.flags = Flag(last)


def step_in_doubt(folder: Path) -> str:
    """Say which pulses may have reached the device and were not acknowledged; empty for none.

    Parameters
    ----------
    folder
        A run that was broken off.
    """
    run, before = Following(folder), -1
    while run.read != before:
        before = run.read
        run.poll()
    if run.step is None or not run.output_on:
        return ""
    return f"step {run.step.step}, {told_of_step(run.step)}"


def told_of_step(step: Begun) -> str:
    """Say what a step does in a few words.

    Parameters
    ----------
    step
        As it is journaled.
    """
    what = step.what
    label = " ".join(f"{name} {value}" for name, value in what.label.items() if value is not None)
    if isinstance(what, Play):
        pulses, most = what.waveform.summary().pulses, bounds(what)
        peaks = [f"{show(max(most.volts.values(), default=0.0), 'V')}"] if most.volts else []
        if most.amperes:
            limit = show(max(most.limits.values()), "V")
            peaks.append(f"{show(max(most.amperes.values()), 'A')} within {limit}")
        told = (
            f"play {show(what.waveform.duration, 's')}, {pulses} pulses, peak "
            f"{' and '.join(peaks) or '0 V'}, compliance {show(what.compliance, 'A')}"
        )
    elif isinstance(what, Wait):
        told = f"wait {show(what.duration, 's')}"
    elif isinstance(what, Move):
        told = f"move to {what.site}"
    else:
        assert isinstance(what, Soak)
        told = f"soak at {show(what.temperature, 'K')}"
    return f"{told} ({label})" if label else told


def _told_of_note(note: Note) -> tuple[str, str]:
    kinds = {"safety": "danger", "instrument": "warning", "record": "warning"}
    return kinds.get(note.kind, "info"), f"{note.kind}: {note.text}"
