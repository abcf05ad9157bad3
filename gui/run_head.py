"""The line above a run's plots: what it is, how it stands, how far it is, what is to be known."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QVBoxLayout, QWidget

from gui import look
from gui.reading import Glance
from labctl.report import typeset
from labctl.units import show

__all__ = ["RunHead", "left_text", "status_text"]

_STANDS = 5.0  # s that something said stands before remarks on the run may replace it
_KINDS = {
    "running": "caption", "done": "good", "stopped": "warning", "aborted": "warning",
    "failed": "danger", "unreadable": "danger", "gone": "danger",
}  # fmt: skip


class RunHead(QWidget):
    """Title, status, progress and remarks of a run."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._title, self._state, self._facts = QLabel(), QLabel(), QLabel()
        self._state.setMinimumWidth(1)
        self._said = QLabel()
        self._said.setWordWrap(True)
        for label, kind in (
            (self._title, "heading"), (self._state, ""), (self._facts, "caption"),
            (self._said, "warning"),
        ):  # fmt: skip
            label.setProperty("kind", kind)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._bar = QProgressBar()
        self._bar.setTextVisible(False)
        self._bar.setFixedHeight(look.GRID // 2)
        self._bar.setMaximum(1000)
        self.row = QHBoxLayout()
        self.row.setSpacing(look.GRID)
        self.row.addWidget(self._title)
        self.row.addWidget(self._state)
        self.row.addStretch(1)
        self.row.addWidget(self._facts)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(look.GRID // 2)
        layout.addLayout(self.row)
        layout.addWidget(self._bar)
        layout.addWidget(self._said)
        self._until = 0.0  # what was said last stands so long
        self.show_run(None, "empty", None)

    def show_run(self, folder: Path | None, status: str, glance: Glance | None) -> None:
        """Say what is known of a run.

        Parameters
        ----------
        folder
            Of the run; None when none is open.
        status
            As `gui.run_view.RunView.status` has it.
        glance
            The last look at it, where there was one.
        """
        name = folder.name if folder is not None else ""
        self._title.setText(glance.title if glance is not None else name)
        self._state.setText(status_text(status))
        self._state.setToolTip(status_text(status))
        _set_kind(self._state, _KINDS.get(status, "caption"))
        self._bar.setVisible(status == "running")
        self._facts.setText("" if glance is None else _facts(glance))
        if time.monotonic() >= self._until:
            self._tell("\n".join([] if glance is None else remarks(glance)), "warning")
        if glance is not None:
            steps = max(int(glance.header.plan.get("steps", 0)), 1)
            self._bar.setValue(min(1000, 1000 * glance.steps // steps))

    def say(self, text: str, kind: str = "caption") -> None:
        """Say something that is not of the run: where a file was saved, what went wrong."""
        self._until = time.monotonic() + _STANDS
        self._tell(text, kind)

    def _tell(self, text: str, kind: str) -> None:
        _set_kind(self._said, kind)
        self._said.setText(text)
        self._said.setVisible(bool(text))


def status_text(status: str) -> str:
    """Return a status as it is shown."""
    return {
        "empty": "", "reading": "reading …", "running": "running", "done": "done",
        "stopped": "stopped, record kept", "aborted": "aborted, bench made safe, record kept",
        "failed": "failed, bench made safe, record kept", "unreadable": "cannot be read",
        "gone": "the folder has vanished; what was read is shown",
    }.get(status, status)  # fmt: skip


def left_text(done: int, plan: Mapping[str, object], now: float) -> str:
    """Return how far a run is and how long it will take on the bench's clock.

    Examples
    --------
    >>> left_text(30, {"steps": 60, "duration": 200.0}, 80.0)
    '50%, 120 s left'
    """
    steps, duration = plan.get("steps"), plan.get("duration")
    if not isinstance(steps, int) or not isinstance(duration, int | float) or not steps:
        return ""
    part = f"{min(done / steps, 1.0):.0%}"
    if duration <= now:
        return f"{part}, longer than planned"
    return typeset(f"{part}, {show(duration - now, 's')} left")


def remarks(glance: Glance) -> list[str]:
    """Return what must be known of a run beside its results: why it ended, flags, notes."""
    said = [glance.header.message] if glance.header.message else []
    said += [
        f"{count} of {glance.rows} readings {name}: ringed in the plot of readings"
        for name, count in glance.flagged.items()
    ]
    told = [note.text for note in glance.notes if note.kind in ("instrument", "safety", "record")]
    return list(dict.fromkeys([*said, *told[-2:]]))  # what ended a run is often noted as well


def _facts(glance: Glance) -> str:
    header = glance.header
    started = dt.datetime.fromtimestamp(header.started).astimezone()
    parts = [header.site, header.bench_name, f"{started:%H:%M}", f"{glance.rows} readings"]
    if header.status == "running":
        parts.append(left_text(glance.steps, header.plan, glance.now))
    return "  ·  ".join(part for part in parts if part)


def _set_kind(label: QLabel, kind: str) -> None:
    if label.property("kind") != kind:
        label.setProperty("kind", kind)
        label.style().unpolish(label)
        label.style().polish(label)
