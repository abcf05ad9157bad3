"""What is on the bench: instruments that VISA sees, who they are, and how they are set."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import msgspec

from labctl import catalogue
from labctl.benchfile import capabilities, read_bench
from labctl.capability import Identity
from labctl.workbench import Bench

__all__ = ["Seen", "identify", "propose", "scan", "snapshot"]


class Seen(msgspec.Struct, frozen=True):
    """One resource, and what is known of what is there."""

    address: str
    idn: str  #: the answer to ``*IDN?``; empty where none came
    driver: str = ""  #: the driver that knows it; empty where none does
    model: str = ""


def scan(visa: Any = "") -> Iterator[Seen]:
    """Yield what VISA sees; nothing but ``*IDN?`` is sent.

    Parameters
    ----------
    visa
        Library, as pyvisa takes it.
    """
    drivers = {name: catalogue.load("instrument", name) for name in catalogue.names("instrument")}
    for name in catalogue.names("scanner"):
        for address, idn in catalogue.load("scanner", name)(visa):
            yield _recognised(address, idn, drivers)


def _recognised(address: str, idn: str, drivers: dict[str, Any]) -> Seen:
    for name, driver in drivers.items():
        recognise = getattr(driver, "recognise", None)
        model = recognise(idn) if recognise is not None and idn else None
        if model is not None:
            return Seen(address, idn, name, model)
    return Seen(address, idn)


def propose(seen: Iterable[Seen]) -> str:
    """Return a bench file for what was found, to be completed by hand."""
    lines = ['name = "my-bench"', 'title = ""']
    terminals = []
    for number, one in enumerate(seen, 1):
        if not one.driver:
            lines += ["", f"# {one.address}: {one.idn or 'no answer to *IDN?'}"]
            continue
        plays = "waveforms" in capabilities(one.driver)
        name = f"{'smu' if plays else 'station'}{number}"
        lines += [
            "", f"# {one.idn}", f"[instruments.{name}]", f'driver = "{one.driver}"',
            f'model = "{one.model}"', f'address = "{one.address}"',
        ]  # fmt: skip
        if plays:
            terminals.append(name)
    lines += ["", "# device terminal -> instrument.channel, as it is wired", "[terminals]"]
    lines += [f'# top = "{name}.CHANNEL"' for name in terminals]
    lines += ["", "# what the sample may see, whatever a protocol asks for", "[envelope]"]
    lines += ['v = "2 V"', 'i = "1 mA"']
    return "\n".join(lines) + "\n"


def identify(name: str) -> list[Identity]:
    """Ask every instrument of a bench who it is, and change nothing.

    Parameters
    ----------
    name
        Name or file of the bench.

    Raises
    ------
    BadInput
        The bench file cannot be used.
    InstrumentFault
        An instrument does not answer, or is another model than the bench file says.
    """
    with _looking(name) as bench:
        return bench.identify()


def snapshot(name: str) -> dict[str, dict[str, str]]:
    """Return every setting of every instrument of a bench, and change nothing.

    Parameters
    ----------
    name
        Name or file of the bench.

    Raises
    ------
    BadInput
        The bench file cannot be used.
    InstrumentFault
        An instrument does not answer, or is another model than the bench file says.
    """
    with _looking(name) as bench:
        return bench.snapshot()


def _looking(name: str) -> Bench:
    definition, content = read_bench(name)
    return Bench(definition, content, looking=True)
