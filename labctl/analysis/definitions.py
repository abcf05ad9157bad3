"""The registry of definitions: every figure of merit, by the id that is stored with it.

Published figures of the same name differ in their formula, so every metric carries the id of the
one used; the registry says what the id stands for, where it comes from, and which function computes
it. ``labctl describe ID`` prints an entry; `labctl.analysis.definition_page` makes the reference
page of all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from labctl.analysis.arrhenius import DEFINITIONS_ARRHENIUS
from labctl.analysis.bcm import DEFINITIONS_BCM
from labctl.analysis.conduction import DEFINITIONS_CONDUCTION
from labctl.analysis.definitions_currents import DEFINITIONS_CURRENTS
from labctl.analysis.definitions_imported import DEFINITIONS_IMPORTED
from labctl.analysis.definitions_programming import DEFINITIONS_PROGRAMMING
from labctl.analysis.definitions_reliability import DEFINITIONS_RELIABILITY
from labctl.analysis.definitions_spikes import DEFINITIONS_SPIKES
from labctl.analysis.definitions_stimuli import DEFINITIONS_STIMULI
from labctl.analysis.definitions_trains import DEFINITIONS_TRAINS
from labctl.analysis.definitions_transport import DEFINITIONS_TRANSPORT
from labctl.analysis.definitions_uniformity import DEFINITIONS_UNIFORMITY
from labctl.analysis.drift import DEFINITIONS_DRIFT
from labctl.analysis.dwell import DEFINITIONS_DWELL
from labctl.analysis.energy_definitions import DEFINITIONS_ENERGY_PARTS
from labctl.analysis.energy_kinds import DEFINITIONS_ENERGY_KINDS
from labctl.analysis.figures import DEFINITIONS_FIGURES
from labctl.analysis.flicker import DEFINITIONS_FLICKER
from labctl.analysis.formula import Definition
from labctl.analysis.life import DEFINITIONS_LIFE
from labctl.analysis.noise import DEFINITIONS_NOISE
from labctl.analysis.retention import DEFINITIONS_RETENTION
from labctl.analysis.slow_noise import DEFINITIONS_SLOW_NOISE
from labctl.analysis.states import DEFINITIONS_STATES
from labctl.analysis.statistics import DEFINITIONS_STATISTICS
from labctl.analysis.stdp import DEFINITIONS_STDP
from labctl.analysis.switching import DEFINITIONS_SWITCHING
from labctl.analysis.telegraph import DEFINITIONS_TELEGRAPH
from labctl.analysis.updates import DEFINITIONS_UPDATES
from labctl.analysis.variation import DEFINITIONS_VARIATION
from labctl.errors import BadInput

__all__ = ["DEFINITIONS", "Definition", "collect", "definition", "lines"]


def collect(entries: Iterable[Definition]) -> dict[str, Definition]:
    """Return entries by id.

    Raises
    ------
    BadInput
        Two different entries have one id.
    """
    found: dict[str, Definition] = {}
    for entry in entries:
        if found.setdefault(entry.id, entry) != entry:
            raise BadInput(f'the definition "{entry.id}" is given twice; give one another id')
    return found


#: every definition, by id
DEFINITIONS: dict[str, Definition] = collect(
    (
        *DEFINITIONS_ARRHENIUS,
        *DEFINITIONS_BCM,
        *DEFINITIONS_CONDUCTION,
        *DEFINITIONS_TRANSPORT,
        *DEFINITIONS_TRAINS,
        *DEFINITIONS_RELIABILITY,
        *DEFINITIONS_SPIKES,
        *DEFINITIONS_STIMULI,
        *DEFINITIONS_PROGRAMMING,
        *DEFINITIONS_CURRENTS,
        *DEFINITIONS_DRIFT,
        *DEFINITIONS_SLOW_NOISE,
        *DEFINITIONS_DWELL,
        *DEFINITIONS_ENERGY_PARTS,
        *DEFINITIONS_ENERGY_KINDS,
        *DEFINITIONS_FIGURES,
        *DEFINITIONS_FLICKER,
        *DEFINITIONS_IMPORTED,
        *DEFINITIONS_LIFE,
        *DEFINITIONS_NOISE,
        *DEFINITIONS_RETENTION,
        *DEFINITIONS_STATES,
        *DEFINITIONS_STATISTICS,
        *DEFINITIONS_STDP,
        *DEFINITIONS_SWITCHING,
        *DEFINITIONS_TELEGRAPH,
        *DEFINITIONS_UNIFORMITY,
        *DEFINITIONS_UPDATES,
        *DEFINITIONS_VARIATION,
    )
)


def definition(name: str) -> Definition:
    """Return a definition by its id.

    Raises
    ------
    BadInput
        There is no such id.
    """
    try:
        return DEFINITIONS[name]
    except KeyError:
        known = ", ".join(sorted(DEFINITIONS))
        raise BadInput(f'the definition "{name}" is unknown; known are {known}') from None


def rows() -> list[tuple[str, str]]:
    """Return id and formula of every definition, sorted."""
    return [(name, entry.formula) for name, entry in sorted(DEFINITIONS.items())]


def describe(name: str) -> str:
    """Return a definition as text.

    Raises
    ------
    BadInput
        There is no such id.
    """
    if name not in DEFINITIONS:
        raise BadInput(
            f'there is no protocol, device, bench or definition called "{name}"; '
            "labctl list protocols, devices, benches or definitions shows the names"
        )
    return "\n".join(lines(DEFINITIONS[name]))


def lines(entry: Definition) -> Iterator[str]:
    """Yield an entry as lines of text: id and unit, formula, meaning, source, code."""
    named = f" ({entry.quantity})" if entry.quantity else ""
    yield f"{entry.id} [{entry.unit}]{named}"
    yield f"  {entry.formula}"
    yield f"  {entry.meaning}"
    source = " ".join(part for part in (entry.source, entry.doi and f"doi:{entry.doi}") if part)
    if source:
        yield f"  {source}"
    if entry.code:
        yield f"  computed by {entry.code}"
