"""What a protocol is for, as the list groups them: its class variable ``purpose``, in words."""

from __future__ import annotations

from labctl.protocol import Protocol

__all__ = ["OTHER", "heading_of", "order_of"]

_HEADINGS = {
    "plasticity": "Plasticity",
    "memory": "Weights and memory",
    "devices": "Devices",
    "transport": "Transport",
    "light": "Light",
    "neuron and logic": "Neuron and logic",
    "reliability": "Reliability",
}
OTHER = "Other"


def heading_of(protocol: type[Protocol]) -> str:
    """Return the heading under which a protocol is listed; an unknown purpose is its own."""
    told = protocol.purpose.strip()
    return _HEADINGS.get(told, told.capitalize() or OTHER)


def order_of(heading: str) -> tuple[int, str]:
    """Return the place of a heading: known ones first, then by name, the rest at the end."""
    known = list(_HEADINGS.values())
    if heading == OTHER:
        return (len(known) + 1, heading)
    return (known.index(heading) if heading in known else len(known), heading)
