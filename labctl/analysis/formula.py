"""A definition: what one figure of merit means, by the id that is stored with it.

Modules of the analysis offer their own as a tuple ``DEFINITIONS_...``;
`labctl.analysis.definitions` collects them.
"""

from __future__ import annotations

import msgspec

__all__ = ["Definition"]


class Definition(msgspec.Struct, frozen=True):
    """A formula with a name.

    Attributes
    ----------
    id
        Lower case, digits and hyphens; it is stored with every number and never changes its
        meaning.
    formula
        In plain characters, SI units.
    meaning
        What the symbols are, and what the formula leaves out; whole sentences.
    unit
        SI symbol, ``"1"`` for a ratio.
    doi, source
        Where it comes from; a source without a DOI is a book or a standard.
    code
        Dotted name of the function that computes it.
    quantity
        What people call the figure. Several definitions may define one quantity, as they do for the
        paired-pulse index.
    """

    id: str
    formula: str
    meaning: str
    unit: str = "1"
    doi: str = ""
    source: str = ""
    code: str = ""
    quantity: str = ""
