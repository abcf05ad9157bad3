"""What went wrong on the way to an instrument, in one sentence.

The link fails in many ways (a timeout, a refused or reset connection, a broken pipe) and VISA
libraries report them as `pyvisa.errors.Error` or as plain `OSError`; whoever drives an instrument
wants one kind of error that says who, what was being done, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pyvisa.constants import StatusCode
from pyvisa.errors import Error, VisaIOError

from labctl.errors import InstrumentFault

__all__ = ["link_faults", "queue_fault", "unexpected", "wrong_model"]


@contextmanager
def link_faults(name: str, doing: str) -> Iterator[None]:
    """Turn every failure of the link inside the block into one sentence.

    Parameters
    ----------
    name
        Name and address of the instrument, ``smu (GPIB0::26::INSTR)``.
    doing
        What was being done, as a clause: ``waiting for readings``.

    Raises
    ------
    InstrumentFault
        The instrument was silent, or the connection was refused, cut or lost.
    """
    try:
        yield
    except Error as error:
        raise InstrumentFault(f"{name}: {_visa_reason(error)} while {doing}") from error
    except OSError as error:
        reason = error.strerror or str(error) or type(error).__name__
        raise InstrumentFault(
            f"{name}: the connection failed ({reason}) while {doing}; "
            "check power, cable and address, then connect again"
        ) from error
    except UnicodeDecodeError as error:
        raise InstrumentFault(
            f"{name}: the answer was not text while {doing}; "
            "check that nothing else talks to the instrument, then connect again"
        ) from error


def _visa_reason(error: Error) -> str:
    if not isinstance(error, VisaIOError):
        return f"the connection is not open ({str(error).rstrip('.')})"
    if error.error_code == StatusCode.error_timeout:
        return "no answer came in time"
    return f"the link reported {error.abbreviation} ({error.description.rstrip('.')})"


def queue_fault(name: str, entries: Sequence[str], doing: str) -> InstrumentFault:
    """Return the fault that holds every entry of an instrument's error queue.

    Parameters
    ----------
    name
        Name and address of the instrument.
    entries
        Its error queue, oldest first.
    doing
        What was being done, as a clause.
    """
    listed = "; ".join(entries)
    return InstrumentFault(f"{name}: the instrument reported an error while {doing}: {listed}")


def unexpected(name: str, answer: str, what: str) -> InstrumentFault:
    """Return the fault of an answer that is not what was asked for.

    Parameters
    ----------
    name
        Name and address of the instrument.
    answer
        What came.
    what
        What should have come: ``readings``.
    """
    return InstrumentFault(
        f'{name}: "{answer[:80]}" was answered instead of {what}; '
        "check that nothing else talks to the instrument"
    )


def wrong_model(name: str, expected: str, idn: str) -> InstrumentFault:
    """Return the fault of another instrument answering than the bench file says.

    Parameters
    ----------
    name
        Name and address of the instrument.
    expected
        Model of the bench file.
    idn
        What answered to ``*IDN?``.
    """
    return InstrumentFault(
        f'{name}: a {expected} was expected but "{idn}" answered; '
        "correct the address or the model in the bench file"
    )
