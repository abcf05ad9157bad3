"""What the planner says of what is typed: one line, and each refusal with a button that helps."""

from __future__ import annotations

from collections.abc import Iterator

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.labels import Line
from gui.look import GRID, colours, font, icon
from gui.planning import Advice
from gui.remedies import Remedy
from labctl.feasibility import Stress, Verdict, lines, table
from labctl.planner import Plan
from labctl.report import typeset
from labctl.units import show
from labctl.violation import Violation

__all__ = ["VerdictView", "headline"]

_SLIMMEST = 240  # px, a width that is reckoned with before there is one
_TALLEST = 112  # px that refusals may take before they scroll, more in a tall window


def headline(plan: Plan, stress: Stress | None = None) -> str:
    """Say what matters of a plan in one short line.

    Parameters
    ----------
    plan
        Of a protocol on a bench.
    stress
        What the device has seen so far, where that is known.
    """
    least = "at least " if not plan.complete else "about " if plan.nominal else ""
    parts = [
        f"{least}{plan.duration_text}", f"{plan.pulses} pulses", plan.peak_text,
        f"up to {show(plan.charge, 'C')}",
    ]  # fmt: skip
    if stress is not None and stress.runs:
        parts.append(f"so far {stress.pulses} pulses in {stress.runs} run{'s' * (stress.runs > 1)}")
    return typeset(", ".join(parts))


class VerdictView(QWidget):
    """The verdict; the value is an `Advice` or None.

    Parameters
    ----------
    parent
        As for every widget.
    """

    remedyTaken = Signal(object)  # noqa: N815 - a `Remedy`
    everywhereAsked = Signal(bool)  # noqa: N815 - whether every bench is to be planned on

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._advice: Advice | None = None
        self._accepted = False
        self._stress: Stress | None = None
        self._mark = QLabel(self)
        self._line = Line(self)
        self._more = QToolButton(self)
        self._more.setText("Details")
        self._more.setCheckable(True)
        self._more.setToolTip("Timing, envelope, what is resolved, and every bench (Ctrl+D)")
        self._more.toggled.connect(self._expand)
        self._body = QWidget(self)
        self._rows = QVBoxLayout(self._body)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(GRID // 2)
        self._area = QScrollArea(self)
        self._area.setWidget(self._body)
        self._area.setWidgetResizable(True)
        self._area.setFrameShape(QFrame.Shape.NoFrame)
        self._area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        top = QHBoxLayout()
        top.setSpacing(GRID)
        top.addWidget(self._mark)
        top.addWidget(self._line, 1)
        top.addWidget(self._more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(GRID // 2)
        column.addLayout(top)
        column.addWidget(self._area)
        self.setValue(None)

    @property
    def everywhere(self) -> bool:
        """Whether the details are open, and with them every bench."""
        return self._more.isChecked()

    def value(self) -> Advice | None:
        """Return what is shown."""
        return self._advice

    def setValue(self, advice: Advice | None, *, accepted: bool = False) -> None:  # noqa: N802
        """Show an answer; None while there is nothing to plan.

        Parameters
        ----------
        advice
            What the planner says.
        accepted
            What the instruments can do instead has been accepted.
        """
        self._advice, self._accepted = advice, accepted
        self._fill()

    def setStress(self, stress: Stress | None) -> None:  # noqa: N802 - Qt's manner
        """Say with the verdict what the device has seen so far; None where that is not known."""
        self._stress = stress
        if self._advice is not None:
            self._fill()

    def say(self, text: str) -> None:
        """Say something instead of a verdict, such as that a field is wrong."""
        self._advice = None
        self._fill(text)

    def text(self) -> str:
        """Return all that is said, a line each."""
        said = [self._line.value()]
        for k in range(self._rows.count()):
            item = self._rows.itemAt(k)
            row = None if item is None else item.widget()
            if isinstance(row, QLabel):
                said.append(row.text())
            elif row is not None:
                said += [label.text() for label in row.findChildren(QLabel)]
        return "\n".join(said)

    def toggle(self) -> None:
        """Open or close the details."""
        self._more.toggle()

    def busy(self) -> None:
        """Mark that the verdict is being made anew; the old one stays until then."""
        self._set_mark("timer-sand", colours().faded)

    def _set_mark(self, name: str, colour: str) -> None:
        self._mark.setPixmap(icon(name, colour).pixmap(16, 16))

    def _expand(self, wanted: bool) -> None:
        self._fill()
        self.everywhereAsked.emit(wanted)

    def _fill(self, text: str = "") -> None:
        while (item := self._rows.takeAt(0)) is not None:
            if (old := item.widget()) is not None:
                old.hide()
                old.deleteLater()
        advice = self._advice
        if advice is None or advice.verdict is None:
            problem = text if advice is None else advice.problem
            self._set_mark("alert-circle-outline" if problem else "", colours().danger)
            self._line.setValue(problem)
        else:
            self._show(advice, advice.verdict)
        count = self._rows.count()
        self._area.setVisible(count > 0)
        for row in self._body.children():
            if isinstance(row, QWidget) and self._rows.indexOf(row) >= 0:
                row.show()  # else the layout counts it from the next turn of the event loop
        self._rows.activate()  # else the height is that of what has been taken out
        width = max(self._area.viewport().width(), _SLIMMEST)
        tall = self._rows.totalHeightForWidth(width) if count else 0
        self._area.setFixedHeight(min(max(tall, 0), max(_TALLEST, self.window().height() // 5)))

    def _show(self, advice: Advice, verdict: Verdict) -> None:
        plan = verdict.plan_for(accept_degraded=self._accepted)
        good = not plan.violations
        self._set_mark(
            "check-circle" if good else "close-circle", colours().good if good else colours().danger
        )
        degraded = " degraded" if plan.degradations else ""
        word = f"feasible{degraded}" if good else "refused"
        said = f"{verdict.bench}: {word}, {headline(plan, self._stress)}"
        self._line.setValue(said, typeset(plan.sentence()))
        for violation in plan.violations:
            self._rows.addWidget(self._refusal(violation, advice))
        if verdict.accepting is not None:
            self._rows.addWidget(self._accepting(verdict.accepting))
        for warning in plan.warnings if good else ():
            self._rows.addWidget(self._sentence(warning, "warning"))
        if self.everywhere:
            for sentence in self._details(advice, verdict):
                self._rows.addWidget(self._sentence(sentence, "caption"))

    def _details(self, advice: Advice, verdict: Verdict) -> Iterator[str]:
        yield from (line for line in lines(verdict, self._stress) if line[:7] != "warning")
        if advice.benches:
            yield from table(advice.benches)
        else:
            yield "planning on every bench ..."

    def _refusal(self, violation: Violation, advice: Advice) -> QWidget:
        row = QWidget(self._body)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        said = f"{violation.limit}: {violation.asked} asked, {violation.allowed} allowed"
        remedies = advice.remedies.get(violation, ())
        layout.addWidget(
            self._sentence(said if remedies else f"{said}; {violation.remedy}", "danger"), 1
        )
        for remedy in remedies:
            layout.addWidget(self._button(remedy))
        return row

    def _accepting(self, plan: Plan) -> QWidget:
        row = QWidget(self._body)
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(GRID)
        taken = self._accepted
        said = f"{'accepted' if taken else 'possible'}, degraded: {'; '.join(plan.degradations)}"
        layout.addWidget(self._sentence(said, "warning"), 1)
        label = "do not accept" if taken else "accept degraded"
        layout.addWidget(self._button(Remedy(label, accept=not taken)))
        return row

    def _button(self, remedy: Remedy) -> QPushButton:
        made = QPushButton(typeset(remedy.label), self._body)
        made.clicked.connect(lambda: self.remedyTaken.emit(remedy))
        return made

    def _sentence(self, text: str, kind: str) -> QLabel:
        made = QLabel(typeset(text), self._body)
        made.setProperty("kind", kind)
        made.setFont(font(-1))
        made.setWordWrap(True)
        made.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        return made
