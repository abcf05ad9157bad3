"""The bench in full: instruments with identity and state, terminals, envelope, what is going on."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence

from PySide6.QtCore import Signal
from PySide6.QtGui import QTextOption
from PySide6.QtWidgets import QFrame, QPushButton, QTextBrowser, QVBoxLayout, QWidget

from gui.following import Following, told_of_step
from gui.instruments import InstrumentState
from gui.look import GRID, colours, icon
from labctl.benchfile import Definition
from labctl.readings import Flag
from labctl.report import typeset
from labctl.units import show

__all__ = ["BenchView", "bench_html"]

_ENVELOPE = (("v", "V"), ("i", "A"), ("charge", "C"), ("energy", "J"))
_FLAGS = {
    Flag.COMPLIANCE: "in compliance", Flag.OVERRANGE: "over range", Flag.LOST: "reading lost",
    Flag.CONTACT: "no contact", Flag.UNSETTLED: "not settled",
}  # fmt: skip

_Rows = Sequence[tuple[str, str]]


def bench_html(
    definition: Definition | None,
    states: Mapping[str, InstrumentState],
    run: Following | None = None,
    problem: str = "",
) -> str:
    """Return everything about a bench as rich text.

    Parameters
    ----------
    definition
        The bench; None where it cannot be used, and `problem` says why.
    states
        What is known of its instruments.
    run
        The run that is going on, if any.
    problem
        Why there is no definition.
    """
    if definition is None:
        return html.escape(problem) or "No bench is chosen; choose one above."
    parts = [f"<b>{html.escape(definition.title or definition.name)}</b>"]
    if run is not None:
        parts.append(_section("Now", tuple(_now(run))))
    instruments: list[tuple[str, str]] = []
    for name, section in definition.instruments.items():
        state = states.get(name)
        instruments.append((f"{name} ({section.model or section.driver})", _state(state)))
        instruments.append(("", f"{section.driver} at {section.address or 'no address'}"))
        if state is not None and state.word != "unknown":
            instruments.append(("", state.told))
    parts.append(_section("Instruments", instruments))
    parts.append(_section("Terminals", tuple(definition.terminals.items())))
    limits = tuple(_limits(definition))
    parts.append(_section("Envelope of the sample", limits or (("none", "is set"),)))
    return "".join(parts)


def _now(run: Following) -> Iterator[tuple[str, str]]:
    yield "output", "on" if run.output_on else "off between steps"
    if run.step is not None:
        yield f"step {run.step.step}", told_of_step(run.step)
    said = [text for flag, text in _FLAGS.items() if flag in run.flags]
    yield "last reading", ", ".join(said) or "nothing to remark"


def _limits(definition: Definition) -> Iterator[tuple[str, str]]:
    for key, unit in _ENVELOPE:
        most = getattr(definition.envelope, key)
        if most is not None:
            yield key, f"at most {show(most, unit)}"
    for name, light in definition.light.items():
        most = "" if light.most is None else f", at most {show(light.most, 'W/m2')}"
        yield f"light {name}", f"{show(light.wavelength, 'm')}{most}"


def _state(state: InstrumentState | None) -> str:
    return "not asked yet" if state is None or state.word == "unknown" else state.word


def _section(title: str, rows: _Rows) -> str:
    faded = colours().faded
    body = "".join(
        f'<tr><td style="color:{faded}; padding-right:8px">{html.escape(name)}</td>'
        f"<td>{html.escape(typeset(text))}</td></tr>"
        for name, text in rows
    )
    return f'<p style="color:{faded}; margin:8px 0 2px 0">{title}</p><table>{body}</table>'


class BenchView(QWidget):
    """The bench in full; asks the instruments who they are when told to.

    Parameters
    ----------
    parent
        As for every widget.
    """

    identifyAsked = Signal()  # noqa: N815 - Qt's manner

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._definition: Definition | None = None
        self._problem = ""
        self._states: dict[str, InstrumentState] = {}
        self._run: Following | None = None
        self._shown = ""
        self._text = QTextBrowser(self)
        self._text.setFrameShape(QFrame.Shape.NoFrame)
        self._text.setStyleSheet("QTextBrowser { border: none; background: transparent; }")
        self._text.setWordWrapMode(QTextOption.WrapMode.WrapAtWordBoundaryOrAnywhere)
        self._ask = QPushButton(icon("card-account-details-outline"), "Identify", self)
        self._ask.setToolTip("Ask every instrument who it is; nothing is changed")
        self._ask.clicked.connect(self.identifyAsked)
        column = QVBoxLayout(self)
        column.setContentsMargins(GRID, 0, 0, GRID // 2)
        column.addWidget(self._text, 1)
        column.addWidget(self._ask)

    def setValue(self, definition: Definition | None, problem: str = "") -> None:  # noqa: N802
        """Show a bench, or why it cannot be used."""
        self._definition, self._problem = definition, problem
        self._ask.setEnabled(definition is not None)
        self.redraw()

    def setStates(self, states: Mapping[str, InstrumentState]) -> None:  # noqa: N802
        """Show what is known of the instruments."""
        self._states = dict(states)
        self.redraw()

    def setRun(self, run: Following | None) -> None:  # noqa: N802 - Qt's manner
        """Show what is going on; None when nothing is."""
        self._run = run
        self._ask.setEnabled(run is None and self._definition is not None)
        self.redraw()

    def text(self) -> str:
        """Return all that is shown, as plain text."""
        return self._text.toPlainText()

    def redraw(self) -> None:
        """Write everything again."""
        text = bench_html(self._definition, self._states, self._run, self._problem)
        if text != self._shown:
            self._shown = text
            self._text.setHtml(text)
