"""Definitions of the figures that many devices give together."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_UNIFORMITY"]

_SOURCE = "Searle, Casella and McCulloch, Variance Components, 1992"

DEFINITIONS_UNIFORMITY = (
    Definition(
        "c2c-figure-over-mean",
        "s_W/|mean|",
        "Scatter of a figure of merit over repeated measurements of one device, pooled over the "
        "devices, relative to the mean of all devices. A bound where its interval reaches zero.",
        source=_SOURCE,
        code="labctl.analysis.uniformity.explained",
        quantity="C2C variation",
    ),
    Definition(
        "d2d-figure-over-mean",
        "s_B/|mean|",
        "Variance component of a figure of merit between devices, the scatter of their repeated "
        "measurements taken out, relative to the mean of all devices. Where its interval reaches "
        "zero, the upper end as a bound.",
        doi="10.1080/00949659008811240",
        source=_SOURCE,
        code="labctl.analysis.uniformity.explained",
        quantity="D2D variation",
    ),
    Definition(
        "spread-figure-over-mean",
        "s/|mean|",
        "Standard deviation of a figure of merit over devices that were measured once each, "
        "relative to their mean: C2C and D2D together.",
        code="labctl.analysis.uniformity.explained",
        quantity="C2C and D2D together",
    ),
    Definition(
        "share-of-contacts",
        "devices with a contact / devices visited",
        "Share of the sites on which the needles made a contact within the touch-downs allowed; "
        "its uncertainty is half the 95 % interval of Wilson over 1.96.",
        doi="10.1080/01621459.1927.10502953",
        source="Wilson, J. Am. Stat. Assoc. 1927, 22, 209",
        code="labctl.analysis.uniformity.explained",
        quantity="share of contacts",
    ),
)
