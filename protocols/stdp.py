"""Spike-timing-dependent plasticity."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Gt, Le, Len, Lt
from pydantic import BeforeValidator, Field, PositiveInt, model_validator

from labctl.errors import BadInput
from labctl.outline import waveform_panel
from labctl.protocol import Measured, Reference
from labctl.results import Panel, Results
from labctl.steps import Play, Steps
from labctl.units import Ratio, Second, Seconds, Volt
from labctl.waveform import Node
from protocols.baseline import Learned
from protocols.looks import Look, look
from protocols.parameters import Terminal, Width
from protocols.spikes import Lines, Shape, pair, read_points, shape_of, spikes
from protocols.stdp_window import Windowed
from protocols.trials import Trials

__all__ = ["Stdp"]

_DELAYS = (10e-3, 20e-3, 40e-3, 80e-3, 160e-3, 320e-3)


def _points(value: Any) -> Any:
    """Read a spike from the file that is named, so that the record holds its points."""
    if not isinstance(value, str):
        return value
    try:
        return read_points(value)
    except BadInput as error:
        raise ValueError(str(error)) from None


Points = Annotated[
    tuple[tuple[Second, Volt], ...],
    BeforeValidator(_points),
    Field(description="CSV file of the spike, s and V, for the shape file; its points are kept."),
]


class Stdp(Trials):
    """Change of the weight by a pair of spikes, against dt = t_post - t_pre.

    The presynaptic spike is played on one terminal and the postsynaptic one on the other, both at
    once, so that they really overlap and the device sees their difference; without a second
    terminal the difference is played on the first. Every pair begins at the same verified
    baseline, in random order of dt. The change is that of the conductance some time after the
    pair. dt is counted from onset to onset, as achieved.

    A device with a threshold between one spike and two answers to the overlap, so its spikes need
    two signs: ``biphasic`` (Xia et al., Nano-Micro Lett. 2025, 17, 217), or a short head and a
    ``triangular`` or ``exponential`` tail (Zamarreño-Ramos et al., 10.3389/fnins.2011.00026). One
    that remembers a pulse for a while (second order) needs no overlap: ``square``.
    """

    title: ClassVar[str] = "Spike-timing-dependent plasticity"
    summary: ClassVar[str] = "Weight change against the time between two spikes, with its window."
    purpose: ClassVar[str] = "plasticity"
    reference: ClassVar[Reference] = Reference(
        "10.1038/78829", text="Song, Miller and Abbott, Nat. Neurosci. 2000, 3, 919"
    )
    decides: ClassVar[bool] = True

    kind: Literal["stdp"] = "stdp"
    shape: Annotated[Shape, Field(description="Of both spikes.")] = "square"
    amplitude: Annotated[
        Volt, Field(description="Level of the spikes; its sign turns the window round.")
    ] = -1.0
    width: Width = 100e-6
    delays: Annotated[
        Seconds, Len(2), Field(description="t_post - t_pre of the pairs, onset to onset.")
    ] = (*(-x for x in reversed(_DELAYS)), *_DELAYS)
    pause: Annotated[Second, Ge(0), Field(description="From a pair to the read after it.")] = 2.0
    pre: Terminal = "top"
    post: Annotated[
        str, Field(description="Terminal of the later neuron; empty: the difference on the first.")
    ] = ""
    head: Annotated[
        Ratio, Gt(0), Le(1), Field(description="Width of the head as a share of the width.")
    ] = 0.1
    decay: Annotated[
        Ratio, Gt(0), Le(1), Field(description="Time constant of an exponential, share of width.")
    ] = 0.25
    pieces: Annotated[
        PositiveInt,
        Lt(1000),
        Field(description="Straight pieces of a curve, or stairs of a slope."),
    ] = 12
    stairs: Annotated[
        bool, Field(description="Constant levels in place of slopes, where none can be played.")
    ] = False
    gap: Annotated[
        Second, Ge(0), Field(description="Zero volts after every level, for trigger models.")
    ] = 0.0
    spike: Points = ()

    @model_validator(mode="after")
    def _fit_together(self) -> Stdp:
        if self.amplitude == 0:
            raise ValueError("an amplitude of 0 V is no spike; give a positive or negative level")
        if self.shape == "file" and len(self.spike) < 2:
            raise ValueError(
                'the shape "file" was asked for without a file; name one with the key "spike"'
            )
        if self.shape != "file" and self.spike:
            raise ValueError(
                f'a spike from a file and the shape "{self.shape}" were asked for; '
                'set shape = "file" or leave the file out'
            )
        if self.pre == self.post:
            raise ValueError(
                f'both spikes on the terminal "{self.pre}" were asked for; give the later neuron '
                "another one, or an empty name to play the difference"
            )
        try:
            for dt in self.delays:
                self.pair(dt)
        except BadInput as error:
            raise ValueError(str(error)) from None
        return self

    @property
    def lines(self) -> Lines:
        """The spike of both neurons, as straight lines."""
        if self.shape == "file":
            return spikes(self.spike, pieces=self.pieces, stairs=self.stairs)
        return shape_of(
            self.shape, self.amplitude, self.width, head=self.head, decay=self.decay,
            pieces=self.pieces, stairs=self.stairs,
        )  # fmt: skip

    def pair(self, dt: float) -> Node:
        """Return a pair of spikes, dt = t_post - t_pre apart in s, measured in every piece."""
        return self._pair(dt)[0]

    def _pair(self, dt: float) -> tuple[Node, tuple[float, float]]:
        return pair(self.lines, self.lines, dt, (self.pre, self.post), self.gap)

    @property
    def peak(self) -> float:
        """Largest level that a device can see in a pair, V: what a return may write with."""
        levels = [level for _, *ends in self.lines for level in ends]
        overlapping = min(map(abs, self.delays)) < sum(length for length, _, _ in self.lines)
        most = max(levels) - min(levels) if overlapping else max(map(abs, levels))
        return max(most, max(map(abs, levels)))

    def steps(self) -> Steps:
        """Return to baseline, read, play a pair, wait and read; for every dt, in random order."""
        yield from self.bounded(self._course())

    def _course(self) -> Steps:
        target, learned = self.baseline, Learned()
        how = self.returning(self.peak, self.width, self.pre)
        reads = Look(
            self.read, self.read_width, self.compliance, self.read / self.peak, self.pre
        )  # fmt: skip
        for trial, dt in enumerate(self.shuffled(self.delays * self.repeats)):
            target, found = yield from self.begin(how, target, learned)
            yield from look(reads, 0.0, {"part": "before", "trial": trial})
            waveform, (first, second) = self._pair(dt)
            label = {
                "part": "pair", "trial": trial, "dt": dt, "onset_pre": first, "onset_post": second,
                **found,
            }  # fmt: skip
            yield Play(waveform, self.compliance, label=label)
            yield from look(reads, self.pause, {"part": "after", "trial": trial})

    def preview(self) -> tuple[Panel, ...]:
        """Return the closest pairs of both orders, to scale."""
        chosen = [min((x for x in self.delays if x > 0), default=None)]
        chosen.append(max((x for x in self.delays if x < 0), default=None))
        names = tuple(name for name in (self.pre, self.post) if name)
        return tuple(
            waveform_panel(
                f"Pair at dt = {dt * 1e3:+.4g} ms" + ("" if self.post else ": pre - post"),
                self.pair(dt),
                names,
            )
            for dt in chosen
            if dt is not None
        )

    def analyse(self, record: Measured) -> Results:
        """Return the window: changes against achieved dt, fits, energy of the pairs.

        Metrics: ``potentiation``, ``depression``, where they are, ``asymmetry`` and ``window`` by
        the means alone; ``A_plus``, ``tau_plus``, ``A_minus``, ``tau_minus`` and ``balance`` of the
        best window with two sides; ``energy_pre_first`` and ``energy_post_first`` of a pair;
        ``returned``. Fits: every kind of window that `labctl.analysis.stdp` knows, by name.
        """
        return Windowed.of(record, (self.pre, self.post)).results(
            self.preview(), self.said(record, "pair", len(self.delays) * self.repeats)
        )
