"""What the drivers of probe stations have in common: how the chuck goes to a site and touches it.

A movement always begins in separation. The commands are each station's own.
"""

from __future__ import annotations

from typing import Any, ClassVar

from instruments.prober import ProberOptions, Site, read_site
from instruments.secured import Secured
from instruments.thermostat import waiting
from labctl.capability import ContactCheck, Setup

__all__ = ["Chuck"]


class Chuck(Secured):
    """Put before a driver of pymeasure; the station gives `do` and `position`.

    Parameters
    ----------
    adapter
        An open connection.
    setup
        Its section of the bench file.
    options
        Checked.
    more
        For the driver.
    """

    #: commands: to touch the wafer, to take it off the needles, and to step to a column, a row and
    #: a site counted from 0
    contact_command: ClassVar[str]
    separation_command: ClassVar[str]
    step_command: ClassVar[str]

    def __init__(self, adapter: Any, setup: Setup, options: ProberOptions, **more: Any) -> None:
        super().__init__(adapter, f"{setup.name} ({setup.address})", **more)  # type: ignore[call-arg]
        self.label, self.options_given = setup.name, options
        self._pause = waiting(setup)
        self._site = ""

    def do(self, command: str, doing: str) -> str:
        """Send a command and return what the station answers.

        Parameters
        ----------
        command
            With its parameters.
        doing
            What it is for, as a clause, for an error.

        Raises
        ------
        InstrumentFault
            The station answered with an error, or not at all.
        """
        raise NotImplementedError

    def position(self) -> Site:
        """Return the site that the map says is under the needles."""
        raise NotImplementedError

    def drain(self) -> list[str]:
        """Return nothing: there is no error queue, every answer carries its error."""
        return []

    @property
    def contact_check(self) -> ContactCheck | None:
        """How the bench file wants contacts checked."""
        return self.options_given.contact_check

    def move(self, site: str) -> str:
        """Separate, stand over a site, and touch it.

        Parameters
        ----------
        site
            ``column,row,site``; empty for the site it stands over.

        Raises
        ------
        BadInput
            The site is not written as one.
        InstrumentFault
            The station refused or failed; the chuck is in separation as far as it could be.
        """
        wanted = read_site(self.name, site) if site else None
        self.separate()
        if wanted is not None:
            place = (wanted.column, wanted.row, wanted.site - 1)
            self.do(self.step_command.format(*place), f"stepping to {wanted}")
        self._site = str(self.position())
        self.do(self.contact_command, f"touching {self._site}")
        return self._site

    def touch(self) -> None:
        """Separate and come down again where the needles stand."""
        self.separate()
        self.do(self.contact_command, f"touching {self._site or 'the wafer'} again")

    def separate(self) -> None:
        """Take the wafer off the needles, and see that it is so."""
        self.do(self.separation_command, "separating")

    def make_safe(self) -> None:
        """Take the wafer off the needles."""
        self.separate()

    def reaches(self, temperature: float) -> bool:
        """Whether the bench file allows a temperature, K."""
        return self.options_given.coldest <= temperature <= self.options_given.hottest

    def asked_all(self, questions: tuple[str, ...]) -> dict[str, str]:
        """Return the answers to questions, by the word each begins with."""
        return {question.split()[0]: self.do(question, "asking") for question in questions}
