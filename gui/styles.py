"""Which colour, marker and dash a trace has: the same choice as on paper (`labctl.plot`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from gui.look import Colours
from labctl.plot import CATEGORICAL, DEPRESSION, POTENTIATION
from labctl.results import Trace

__all__ = ["FLAGGED", "LEFT_OUT", "POINTS", "Style", "styles"]

#: kind of a trace whose points are rings round other points: readings with a flag
FLAGGED = "flagged"
#: kind of a trace of points that a fit did not use
LEFT_OUT = "left out"
#: kinds that are drawn as points
POINTS = frozenset({"points", FLAGGED, LEFT_OUT})

_BRANCHES = {"potentiation": POTENTIATION, "depression": DEPRESSION}
_MARKERS = ("o", "s", "t1", "d")
_DASHES: tuple[tuple[float, ...], ...] = ((), (5, 2), (1, 1.5), (6, 1.5, 1, 1.5))


class Style(NamedTuple):
    """How one trace is drawn."""

    colour: str
    marker: str
    dashes: tuple[float, ...]  #: nothing for a solid line


def styles(traces: Sequence[Trace], c: Colours, first: int = 0) -> list[Style]:
    """Give every trace of a panel its style.

    Beside data a line is a fit: the best one in ink and solid, its rivals faded and dashed. Without
    data it is the subject.

    Parameters
    ----------
    traces
        Of one panel.
    c
        The palette that holds.
    first
        Of the categorical colours, the one to begin with: an overlay begins with another.
    """
    has_data = any(trace.kind == "points" for trace in traces)
    found, subjects, lines = [], first, 0
    for trace in traces:
        if trace.kind in (FLAGGED, LEFT_OUT):
            found.append(Style(c.danger if trace.kind == FLAGGED else c.faded, "o", ()))
            continue
        fit = has_data and trace.kind != "points"
        plain = (c.faded if lines else c.ink) if fit else CATEGORICAL[subjects % 4]
        colour = _BRANCHES.get(trace.branch, plain)
        if first and not fit:
            colour = CATEGORICAL[subjects % 4]
        found.append(Style(colour, _MARKERS[subjects % 4], _DASHES[lines % 4] if fit else ()))
        lines += fit
        subjects += not fit and not trace.branch
    return found
