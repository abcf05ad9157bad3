"""Planning beside the window: the verdict on what is typed, without the event loop ever waiting.

A plan walks the protocol, which may have a hundred thousand steps. It is made in a thread; what is
typed meanwhile makes it worthless, and it is broken off at its next step.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import msgspec
from PySide6.QtCore import QObject, QRunnable, QThreadPool, QTimer, Signal

from gui.remedies import Remedy, proven
from labctl.errors import LabctlError
from labctl.feasibility import Verdict, examine, survey
from labctl.violation import Violation

if TYPE_CHECKING:
    from labctl.protocol import Protocol
    from labctl.steps import Steps

__all__ = ["Advice", "Planner", "Question"]

_PAUSE = 150  # ms without a change before a plan is made


class Question(msgspec.Struct, frozen=True):
    """What is to be planned."""

    protocol: Protocol
    texts: dict[str, str]
    bench: str
    everywhere: bool = False  #: on every bench, not only this one
    #: folder of the sample, device on it, folder of the runs: what the sample may still see counts
    limits: tuple[Path, str, Path] | None = None


class Advice(msgspec.Struct, frozen=True):
    """The answer."""

    question: Question
    verdict: Verdict | None = None  #: None where the bench cannot be used
    problem: str = ""  #: why it cannot
    remedies: dict[Violation, tuple[Remedy, ...]] = {}
    benches: tuple[Verdict, ...] = ()  #: of every bench, where that was asked


class _Overtaken(Exception):
    """A newer question has been asked."""


class _Watched:
    """A protocol whose steps end as soon as nobody wants to know any more."""

    def __init__(self, protocol: Protocol, is_stale: _Ticket) -> None:
        self._protocol, self._is_stale = protocol, is_stale
        self.decides = protocol.decides

    def steps(self) -> Steps:
        steps = self._protocol.steps()
        step = next(steps, None)
        while step is not None:
            if self._is_stale.stale:
                raise _Overtaken
            answer = yield step
            try:
                step = steps.send(answer)
            except StopIteration:
                return


class _Ticket:
    """Whether an answer is still wanted; set from the window, read in the thread."""

    stale = False


class _Told(QObject):
    """Carries an answer from the thread to the window."""

    answered = Signal(object)


class _Task(QRunnable):
    def __init__(self, question: Question, ticket: _Ticket, told: _Told) -> None:
        super().__init__()
        self._question, self._ticket, self._told = question, ticket, told

    def run(self) -> None:
        try:
            for advice in answers(self._question, self._ticket):
                if not self._ticket.stale:
                    self._told.answered.emit(advice)
        except _Overtaken:
            return


def answers(question: Question, ticket: _Ticket) -> Iterator[Advice]:
    """Yield the verdict on the bench, and then, where it was asked, that on every bench.

    Parameters
    ----------
    question
        What is to be planned.
    ticket
        Breaks it off.
    """
    here = advise(question, ticket)
    yield here
    if question.everywhere and here.verdict is not None:
        watched = cast("Protocol", _Watched(question.protocol, ticket))
        yield msgspec.structs.replace(here, benches=tuple(survey(watched)))


def advise(question: Question, ticket: _Ticket | None = None) -> Advice:
    """Plan a protocol on one bench, and test what would help where it is refused.

    Parameters
    ----------
    question
        What is to be planned.
    ticket
        Breaks it off.
    """
    ticket = ticket or _Ticket()

    def watched(protocol: Protocol) -> Protocol:
        return cast("Protocol", _Watched(protocol, ticket))

    try:
        verdict = examine(watched(question.protocol), question.bench, limits=question.limits)
    except (LabctlError, ValueError, ArithmeticError) as error:
        return Advice(question, problem=str(error))
    remedies = {}
    if verdict.plan is not None and verdict.plan.violations:
        remedies = proven(
            verdict.plan.violations,
            question.protocol,
            question.texts,
            lambda changed: _violations(watched(changed), question),
        )
    return Advice(question, verdict, "", remedies)


def _violations(protocol: Protocol, question: Question) -> tuple[Violation, ...]:
    plan = examine(protocol, question.bench, limits=question.limits).plan
    return () if plan is None else plan.violations


class Planner(QObject):
    """Answers questions about what is typed, the last one asked.

    Parameters
    ----------
    parent
        As for every object of Qt.
    """

    asked = Signal()  #: a question is being thought about
    answered = Signal(object)  #: an `Advice`

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._told = _Told(self)
        self._told.answered.connect(self._answer)
        self._ticket = _Ticket()
        self._question: Question | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._begin)

    def ask(
        self,
        protocol: Protocol,
        texts: Mapping[str, str],
        bench: str,
        everywhere: bool = False,
        limits: tuple[Path, str, Path] | None = None,
    ) -> None:
        """Ask; the answer to an earlier question is not wanted any more."""
        self._question = Question(protocol, dict(texts), bench, everywhere, limits)
        self._ticket.stale = True
        self.asked.emit()
        self._timer.start()

    def forget(self) -> None:
        """Want no answer."""
        self._question = None
        self._ticket.stale = True
        self._timer.stop()

    def close(self) -> None:
        """Break off and wait for the thread."""
        self.forget()
        self._pool.clear()
        self._pool.waitForDone()

    def _begin(self) -> None:
        if self._question is not None:
            self._ticket = _Ticket()
            self._pool.start(_Task(self._question, self._ticket, self._told))

    def _answer(self, advice: Advice) -> None:
        if advice.question == self._question:
            self.answered.emit(advice)
