"""What can go wrong, by who has to act: the user, the bench, or nobody any more.

Every message is one sentence: what was asked, what is allowed, what to do. The command line
turns each class into its exit status (``exit_status``).
"""

from __future__ import annotations

from collections.abc import Sequence

from labctl.violation import Violation

__all__ = [
    "Aborted",
    "BadInput",
    "InstrumentFault",
    "LabctlError",
    "RecordFault",
    "Refused",
    "Stopped",
]


class LabctlError(Exception):
    """Any error labctl raises on purpose; its text is one sentence for the user."""

    exit_status = 1


class BadInput(LabctlError):
    """A protocol, bench file, option or run folder that cannot be used as it is (exit status 2)."""

    exit_status = 2


class Refused(LabctlError):
    """The planner found violations; nothing was sent to any instrument (exit status 3).

    Parameters
    ----------
    violations
        Each limit that would be broken, with what was asked, what is allowed and the remedy.
    """

    exit_status = 3

    def __init__(self, violations: Sequence[Violation]) -> None:
        self.violations = tuple(violations)
        super().__init__("\n".join(str(violation) for violation in self.violations))


class InstrumentFault(LabctlError):
    """An instrument answered with an error, late, or not at all (exit status 4)."""

    exit_status = 4


class RecordFault(LabctlError):
    """The run folder could not be written, for example because the disk is full (exit status 4)."""

    exit_status = 4


class Aborted(LabctlError):
    """The user, a signal or a closed control pipe ended the run (exit status 5)."""

    exit_status = 5


class Stopped(Aborted):
    """The run was to end after the step in hand, and did (exit status 5)."""
