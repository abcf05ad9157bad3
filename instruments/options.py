"""What a bench file may say about an instrument beside driver, model and address."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from typing import TypeVar

from labctl.capability import Setup
from labctl.errors import BadInput
from labctl.units import parse

__all__ = [
    "check_options", "check_single_terminal", "duration_option", "known_model", "recognised",
]  # fmt: skip

M = TypeVar("M")


def known_model(setup: Setup, models: Mapping[str, M]) -> M:
    """Return what is known of the model that a bench file names.

    Raises
    ------
    BadInput
        It is none of the family.
    """
    model = models.get(setup.model)
    if model is None:
        raise BadInput(
            f'{setup.name}: the model "{setup.model}" is unknown; allowed are {", ".join(models)}'
        )
    return model


def recognised(idn: str, models: Container[str]) -> str | None:
    """Return the model of Keithley's that an answer to ``*IDN?`` tells of.

    Parameters
    ----------
    idn
        The answer.
    models
        Of the family; None is returned for any other.
    """
    match = re.search(r"KEITHLEY.*,\s*MODEL\s+([^,\s]+)", idn, re.IGNORECASE)
    return match[1].upper() if match and match[1].upper() in models else None


def check_single_terminal(setup: Setup, model: str, channels: Sequence[str]) -> None:
    """Refuse wiring that an instrument with one output does not have.

    Parameters
    ----------
    setup
        Section of the bench file.
    model
        For the sentence.
    channels
        Where a terminal may be: ``front``, ``rear``.

    Raises
    ------
    BadInput
        A channel is another one, or there are several terminals.
    """
    for terminal, channel in setup.channels.items():
        if channel not in channels:
            raise BadInput(
                f'{setup.name}: the terminal "{terminal}" is on channel "{channel}"; '
                f"a {model} has {' and '.join(channels)}"
            )
    if len(setup.channels) > 1:
        raise BadInput(
            f"{setup.name}: the terminals {', '.join(setup.channels)} are on one {model}, "
            "which drives one at a time; give each an instrument of its own"
        )


def check_options(
    setup: Setup, allowed: Sequence[str], choices: Mapping[str, Sequence[str]]
) -> None:
    """Refuse keys and words that the driver does not know.

    Parameters
    ----------
    setup
        Section of the bench file.
    allowed
        Keys that may be there.
    choices
        For keys that take one word out of several, the words; the first is the default.

    Raises
    ------
    BadInput
        A key or a word is not one of them.
    """
    unknown = sorted(set(setup.options) - set(allowed))
    if unknown:
        raise BadInput(
            f'{setup.name}: the key "{unknown[0]}" is unknown; allowed are {", ".join(allowed)}'
        )
    for key, words in choices.items():
        if setup.options.get(key, words[0]) not in words:
            raise BadInput(
                f'{setup.name}: {key} = "{setup.options[key]}" is not allowed; '
                f"allowed are {' and '.join(words)}"
            )


def duration_option(setup: Setup, key: str, default: float) -> float:
    """Return a positive time in s that a bench file may give.

    Raises
    ------
    BadInput
        It is not a time, or not positive.
    """
    given = setup.options.get(key, default)
    seconds = parse(given, "s") if isinstance(given, str) else float(given)
    if not seconds > 0:
        raise BadInput(f"{setup.name}: {key} = {given!r} is not allowed; give a positive time")
    return seconds
