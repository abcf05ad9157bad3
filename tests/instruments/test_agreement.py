"""The same protocols on every bench, against the device model without an instrument in between.

One device, one seed, the same protocol: on a bench the currents and the curves made from them may
differ from those of the direct bench by what the instrument is specified to be wrong by, and by
what follows from its timing. Both are computed and not chosen:

- the error of a reading is the bound that the driver states with it (``u_i``);
- the error of the source is carried through the device: the direct bench plays the protocol again
  with all levels larger by the gain, and by the offset, of the source range in the specification;
- so is the time that the source is specified to take until it has settled at a level;
- so is the timing, by as much as the achieved columns of the run differ from what was asked for:
  with longer levels, longer rests, readings elsewhere in their levels, and steps that begin later.

The effects of all of them are added up, as if every one were at its worst in the same direction.
The variation of the device from cycle to cycle is off; the instruments are as noisy as they are.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray

from instruments import (
    b1500_limits,
    keithley2400_limits,
    keithley2450_limits,
    keithley2600_limits,
    wgfmu_limits,
)
from instruments.agilent33500_limits import GENERATORS
from instruments.keithley4200_limits import MODELS as CARDS
from instruments.ranges import Range, range_for
from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.errors import Refused
from labctl.feasibility import examine
from labctl.readings import Flag, Readings
from labctl.steps import Label, Play
from labctl.waveform import Chain, Loop, Node, Overlay, Segment, Window, ticks
from labctl.workbench import Bench
from sim_backend import direct

Array = NDArray[np.float64]

_RESOLVED = 1e-9  # s: what is left of a difference of two times that are equal
#: bench -> ranges of the source that is in use
SOURCES: dict[str, tuple[Range, ...]] = {
    "sim-ftj": keithley2600_limits.MODELS["2602B"].v_source,
    "sim-2410": keithley2400_limits.MODELS["2410"].v_source,
    "sim-2430": keithley2400_limits.MODELS["2430"].v_source,
    "sim-2450": keithley2450_limits.MODELS["2450"].v_source,
    "sim-2461": keithley2450_limits.MODELS["2461"].v_source,
    # the levels of a pulse card are known as well as its voltmeter reads them back
    "sim-4200": tuple(source.v_meter for source in CARDS["4200A-SCS"].sources),
    "sim-b1500a": b1500_limits.MODULES["B1517A"].v_source,
    "sim-wgfmu": wgfmu_limits.MODELS["B1530A"].volts,
    "sim-33500": (GENERATORS["33522B"].level,),
    "sim-33500-2410": (GENERATORS["33522B"].level,),
    "sim-33500-2450": (GENERATORS["33522B"].level,),
    "sim-81160a": (GENERATORS["81160A"].level,),
    "sim-33500-scope": (GENERATORS["33522B"].level,),
}
#: shortest rest that is played instead of a shorter one, as the plan says, s
RESTS = {"sim-b1500a": b1500_limits.HOST_GAP}
#: those that have 50 Ohm inside; an oscilloscope's bench has two resistors besides
BEHIND = {name: 50.0 for name in SOURCES if name.startswith(("sim-4200", "sim-33", "sim-81"))}
BEHIND["sim-33500-scope"] += 620.0 + 1e3 / (1 + 1e3 / 1e6)
#: the device rests as long on every bench: noise does not decide whether it stands still
STILL = {"restore": "wait", "within": 0.5, "repeats": 1, "read_width": "20 ms"}
SLOW: dict[str, dict[str, Any]] = {
    "ppf": {**STILL, "width": "10 ms", "amplitude": "0.6 V", "intervals": "40 ms, 200 ms, 1 s"},
    "ltp-ltd": {
        "width": "10 ms", "potentiation": "0.6 V", "depression": "-0.8 V", "pulses": 8,
        "cycles": 1, "conditioning": 0, "energy_cycles": 0, "read_width": "20 ms",
        "period": "100 ms", "compliance": "1 mA",
    },
    "stdp": {
        **STILL, "width": "10 ms", "amplitude": "-0.7 V", "delays": "-40 ms, -20 ms, 20 ms, 40 ms",
        "pause": "3 s",
    },
    "endurance": {
        "cycles": 10, "set_width": "10 ms", "reset_width": "10 ms", "gap": "0.5 s",
        "set_amplitude": "0.8 V", "reset_amplitude": "-1 V", "read_width": "20 ms", "burst": 1,
        "confirm": 1, "least_window": 1.001, "compliance": "1 mA",
    },
}  # fmt: skip
#: an oscilloscope is as exact as its scale: the compliance chooses it, and nothing passes it here
SCALED = {"sim-33500-scope": {"compliance": "200 uA"}}


def slowly(kind: str, bench: str) -> dict[str, Any]:
    """Return the protocol with pulses that every bench can time."""
    return SLOW[kind] | SCALED.get(bench, {})


# -- running -------------------------------------------------------------------------------------


def bench_file(folder: Path, name: str, *, contact: float = 0.0) -> Path:
    """Write a bench like a shipped one whose device repeats itself, and that takes what there is.

    A pulse card has 50 Ohm inside, which the direct bench has in the contact.
    """
    text = catalogue.find_bench(name).read_text("utf-8")
    text = re.sub(r"(cycle|device) = true", r"\1 = false", text)
    if "accept_degraded" not in text:
        text = f"accept_degraded = true\n{text}"
    if contact:
        text += f'\n[simulation.wafer]\ncontact = "{contact!r} Ohm"\n'
    path = folder / f"{name}{'-contact' if contact else ''}.toml"
    path.write_text(text, "utf-8")
    return path


Played = list[tuple[Label, Readings]]


def played(kind: str, bench: Path, values: dict[str, Any]) -> Played:
    """Play a protocol as a run does, and return the label and the readings of every step."""
    done: Played = []
    definition, content = read_bench(bench)
    steps = catalogue.protocol_from(kind, values).steps()
    with Bench(definition, content, seed=1) as open_bench, suppress(StopIteration):
        step = next(steps)
        while True:
            rows = [row for chunk in open_bench.execute(step, lambda: False) for row in chunk]
            done.append((step.label, Readings(rows)))
            step = steps.send(done[-1][1])
    return done


@dataclass(frozen=True)
class Distortion:
    """What an instrument may do to a protocol; V and s."""

    gain: float = 0.0  #: of every level
    offset: float = 0.0
    width: float = 0.0  #: every level is longer by this
    rest: float = 0.0  #: every rest
    window: float = 0.0  #: every reading is earlier in its level
    late: float = 0.0  #: every step begins later
    up: float = 0.0  #: every positive level is approached for so long, along a straight line
    down: float = 0.0  #: every negative one
    least: float = 0.0  #: no rest is shorter

    def level(self, v: float) -> float:
        return v * (1 + self.gain) + self.offset if v else 0.0

    def of(self, node: Node) -> Node:
        """Return a distorted waveform."""
        match node:
            case Segment():
                return self._segment(node)
            case Loop():
                return Loop(self.of(node.body), node.count)
            case Chain() | Overlay():
                return type(node)(tuple(self.of(part) for part in node.parts))

    def _segment(self, part: Segment) -> Node:
        levels = {n: (self.level(a), self.level(b)) for n, (a, b) in part.levels.items()}
        driven = any(any(ends) for ends in levels.values())
        longer = part.length + ticks(self.width if driven else self.rest)
        longer = longer if driven else max(longer, ticks(self.least))
        scale = longer / part.length
        windows = tuple(
            Window(w.terminal, round(w.start * scale), round(w.stop * scale), w.role)
            for w in part.windows
        )
        whole = Segment(longer, levels, tuple(_earlier(w, ticks(self.window)) for w in windows),
                        part.role)  # fmt: skip
        return self._approached(whole)

    def _approached(self, part: Segment) -> Node:
        highest = max((first for first, _ in part.levels.values()), key=abs, default=0.0)
        before = ticks(self.up) if highest > 0 else ticks(self.down) if highest < 0 else 0
        if not before:
            return part
        # a level that is over before it is there gets a share of it
        share = min(1.0, part.length / before)
        rise = {name: (0.0, first * share) for name, (first, _) in part.levels.items()}
        if part.length <= before:
            return Segment(part.length, rise, part.windows, part.role)
        late = tuple(_earlier(window, before) for window in part.windows)
        there = Segment(part.length - before, part.levels, late, part.role)
        return Chain((Segment(before, rise), there))


def _earlier(window: Window, by: int) -> Window:
    start = max(0, window.start - by)
    return Window(window.terminal, start, max(start + 1, window.stop - by), window.role)


@contextmanager
def distorted(by: Distortion) -> Iterator[None]:
    """Let the direct bench play distorted waveforms and report what was asked for."""
    play = direct.DirectSource.play

    def distorting(self: Any, step: Play, stop: Any) -> Any:
        if by.late:
            self.clock.advance(by.late)
        for rows in play(self, msgspec.structs.replace(step, waveform=by.of(step.waveform)), stop):
            asked = [(row.v - by.offset) / (1 + by.gain) if row.v else 0.0 for row in rows]
            yield [row._replace(v=v, v_set=v) for row, v in zip(rows, asked, strict=True)]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(direct.DirectSource, "play", distorting)
        yield


# -- what is compared ----------------------------------------------------------------------------

#: the steps of a protocol that are compared, by their parts
PARTS = {
    "ppf": ("pair",), "ltp-ltd": ("cycle",), "stdp": ("before", "pair", "after"),
    "endurance": ("set", "lrs", "reset", "hrs"),
}  # fmt: skip


def rows_of(run: Played, kind: str) -> list[Readings]:
    """Return the readings of every step that is compared."""
    return [rows for label, rows in run if label.get("part") in PARTS[kind]]


def column(run: Played, kind: str, name: str) -> Array:
    return np.concatenate([getattr(rows, name) for rows in rows_of(run, kind)])


def ratios(kind: str) -> tuple[Array, Array]:
    """Return which reading is divided by which, as numbers of rows: the curve of the protocol.

    PPF: pulse and read of the second by those of the first. STDP: after by before. Endurance: the
    low-resistive by the high-resistive state. Potentiation and depression: every state by the
    first.
    """
    if kind == "ppf":
        first = np.arange(0, 12, 4)
        return np.concatenate([first + 2, first + 3]), np.concatenate([first, first + 1])
    if kind == "stdp":
        return np.arange(3, 16, 4), np.arange(0, 16, 4)
    if kind == "endurance":
        return np.array([1]), np.array([3])
    return np.arange(1, 17), np.zeros(16, dtype=int)


@dataclass(frozen=True)
class Compared:
    """What a run gave beside what it should give, and how far the two may be apart."""

    name: str
    got: Array
    true: Array
    bound: Array

    @property
    def used(self) -> Array:
        """Share of what is allowed that is used."""
        share: Array = np.abs(self.got - self.true) / self.bound
        return share


def compared(folder: Path, kind: str, bench: str, values: dict[str, Any]) -> list[Compared]:
    """Run a protocol on a bench and directly, and return currents and curve with their bounds."""
    run = played(kind, bench_file(folder, bench), values)
    reference = bench_file(folder, "direct-ftj", contact=BEHIND.get(bench, 0.0))
    played_instead = Distortion(least=RESTS.get(bench, 0.0))
    with distorted(played_instead):
        true = played(kind, reference, values)
    i, i_true = column(run, kind, "i"), column(true, kind, "i")
    error = np.sqrt(3.0) * column(run, kind, "u_i")
    over, under = ratios(kind)
    ratio, ratio_true = i[over] / i[under], i_true[over] / i_true[under]
    of_current = error
    of_ratio = (error[over] + np.abs(ratio) * error[under]) / np.abs(i[under])
    for distortion in distortions(run, true, kind, bench):
        with distorted(replace(distortion, least=played_instead.least)):
            other = column(played(kind, reference, values), kind, "i")
        of_current = of_current + np.abs(other - i_true)
        of_ratio = of_ratio + np.abs(other[over] / other[under] - ratio_true)
    assert not np.any(column(run, kind, "flags").astype(int) & (Flag.OVERRANGE | Flag.LOST))
    return [
        Compared("current", i, i_true, of_current), Compared("curve", ratio, ratio_true, of_ratio),
    ]  # fmt: skip


def distortions(run: Played, true: Played, kind: str, bench: str) -> list[Distortion]:
    """Return what the source is specified to be wrong by, and by what the times were different."""
    peak = max(float(np.max(np.abs(rows.v_set), initial=0.0)) for _, rows in run)
    source = range_for(SOURCES[bench], peak, source=True)
    assert source is not None
    pairs = list(zip(rows_of(run, kind), rows_of(true, kind), strict=True))
    wide = max(np.max(np.abs(a.width - b.width)) for a, b in pairs)
    inside = max((np.max(np.abs(np.diff(a.t) - np.diff(b.t))) for a, b in pairs if len(a) > 1),
                 default=0.0)  # fmt: skip
    steps = [np.diff([rows.t[0] for rows in side]) for side in zip(*pairs, strict=True)]
    late = max(np.max(np.abs(steps[0] - steps[1]), initial=0.0) - inside, 0.0)
    # every level may take any time up to the specified one, so either polarity counts by itself
    of_time = {
        "width": wide, "rest": inside, "window": inside, "late": late,
        "up": source.settling, "down": source.settling,
    }  # fmt: skip
    found = [Distortion(gain=source.gain), Distortion(offset=source.offset)]
    found += [Distortion(**{what: float(s)}) for what, s in of_time.items() if s > _RESOLVED]
    return found


#: largest bound, relative, in the middle of a run: one that a wrong result could break
SHARP = 0.25
#: an 81160A is specified to 3 % and 100 mV, which is most of a read: its curves are what tells;
#: of an oscilloscope it is the currents, of which a read is a tenth of the screen
COARSE = {"sim-81160a": ("curve", 0.3), "sim-33500-scope": ("current", 0.3)}


def judge(found: list[Compared], bench: str = "") -> None:
    tells, sharp = COARSE.get(bench, ("", SHARP))
    for one in found:
        assert len(one.got) == len(one.true)
        worst = int(np.argmax(one.used))
        assert np.all(one.used <= 1), (
            f"{one.name} {worst}: {one.got[worst]:.6g} instead of {one.true[worst]:.6g}, which is "
            f"{one.used[worst]:.2f} of what is allowed"
        )
        if not tells or one.name == tells:
            assert np.median(one.bound / np.abs(one.true)) < sharp


def brisk(kind: str, bench: str, width: str) -> dict[str, Any]:
    """Return the protocol with shorter pulses, as large as they have to be then."""
    scaled = {"compliance": "400 uA"} if bench in SCALED and kind == "endurance" else {}
    levels: dict[str, dict[str, str]] = {
        "ppf": {"amplitude": "1 V"}, "stdp": {"amplitude": "-1 V"},
        "ltp-ltd": {"potentiation": "0.9 V", "depression": "-1.2 V"},
        "endurance": {"set_amplitude": "1.2 V", "reset_amplitude": "-1.5 V"},
    }  # fmt: skip
    widths = {key: width for key in SLOW[kind] if key in ("width", "set_width", "reset_width")}
    return {**slowly(kind, bench), **levels[kind], **widths, **scaled}


#: one protocol on every bench; with the long tests all of them
FEW = [
    ("ppf", "sim-2410"), ("ppf", "sim-2461"), ("ltp-ltd", "sim-ftj"), ("stdp", "sim-2450"),
    ("endurance", "sim-2430"), ("stdp", "sim-4200"), ("ltp-ltd", "sim-33500"),
    ("ppf", "sim-b1500a"), ("stdp", "sim-wgfmu"), ("endurance", "sim-81160a"),
    ("ltp-ltd", "sim-33500-2410"), ("ppf", "sim-33500-2450"), ("endurance", "sim-33500-scope"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "bench"),
    [
        pytest.param(kind, bench, marks=() if (kind, bench) in FEW else pytest.mark.long)
        for kind in SLOW
        for bench in SOURCES
    ],
)
def test_a_protocol_agrees_with_the_device(tmp_path, kind, bench):
    judge(compared(tmp_path, kind, bench, slowly(kind, bench)), bench)


@pytest.mark.parametrize(
    ("kind", "bench", "width"),
    [
        pytest.param("ppf", "sim-4200", "100 us"),
        *(
            pytest.param(kind, bench, width, marks=pytest.mark.long)
            # 1.2 V takes a 2602B 110 us to settle: shorter levels are not specified to be there
            for bench, width in (
                ("sim-4200", "100 us"),
                ("sim-wgfmu", "100 us"),
                ("sim-33500", "100 us"),
                ("sim-33500-scope", "100 us"),
                ("sim-ftj", "200 us"),
                ("sim-ftj", "1 ms"),
            )
            for kind in SLOW
            if (kind, bench) != ("ppf", "sim-4200")
        ),
    ],
)
def test_with_short_pulses_too_where_the_source_settles_in_them(tmp_path, kind, bench, width):
    judge(compared(tmp_path, kind, bench, brisk(kind, bench, width)), bench)


# -- what is refused -----------------------------------------------------------------------------

#: the protocols as they were published: pulses of 100 us, read 200 us later
PUBLISHED: dict[str, dict[str, Any]] = {
    "ppf": {"intervals": "20 ms", "repeats": 1, "restore": "wait"},
    "ltp-ltd": {"pulses": 5, "cycles": 1, "conditioning": 0, "energy_cycles": 0},
    "stdp": {"delays": "-20 ms, 20 ms", "repeats": 1, "restore": "wait"},
    "endurance": {"cycles": 100},
}
#: bench -> the shortest level it plays instead, and rests; the others play what is asked for
INSTEAD = {
    "sim-2410": ("levels of 960 us", "960 us"), "sim-2430": ("levels of 160 us", "100 ms"),
    "sim-2450": ("levels of 630 us", "630 us"), "sim-2461": ("levels of 150 us", "300 us"),
    "sim-b1500a": ("pulses of 500 us", "100 ms"),
}  # fmt: skip
#: largest compliance, A, that is not held where its bench file accepts that
UNHELD = {"sim-4200": np.inf, "sim-wgfmu": wgfmu_limits.MOST_CURRENT * 0.999}
#: benches that cannot read within pulses of 100 us, or hold the compliance in them
SLOWLY = frozenset({"sim-33500-2410", "sim-33500-2450"})


@pytest.mark.parametrize("bench", [name for name in SOURCES if name not in SLOWLY])
@pytest.mark.parametrize("kind", PUBLISHED)
def test_what_a_bench_cannot_time_is_refused_with_what_it_would_play_instead(kind, bench):
    protocol = catalogue.protocol_from(kind, PUBLISHED[kind])
    verdict = examine(protocol, bench)
    assert verdict.plan is not None
    if bench not in INSTEAD:
        assert verdict.feasible
        said = " ".join(verdict.plan.degradations)
        unheld = verdict.plan.compliance <= UNHELD.get(bench, 0.0)
        assert ("with readings beyond that flagged" in said) == unheld
        return
    level, rest = INSTEAD[bench]
    wanted = {f"{level} instead of 100 us"}
    if kind != "stdp":  # its reads are seconds away
        # a train of pulses needs no visit of the computer, which a 2430 has between two runs
        rest = "1.9 ms" if (kind, bench) == ("endurance", "sim-2430") else rest
        wanted |= {f"rests of {rest} instead of 200 us"}
    found = {violation.instead.partition(": ")[2] for violation in verdict.plan.violations}
    assert wanted <= found
    assert all(violation.remedy for violation in verdict.plan.violations)
    assert verdict.word == "if degraded"
    assert verdict.accepting is not None


@pytest.mark.parametrize("bench", sorted(SLOWLY))
def test_a_reader_that_is_too_slow_is_named_with_what_to_do(bench):
    verdict = examine(catalogue.protocol_from("ppf", PUBLISHED["ppf"]), bench)
    assert verdict.plan is not None
    assert not verdict.feasible
    said = " ".join(map(str, verdict.plan.violations))
    assert re.search("at least 250 us, read by a 24.0.*read at a longer level after it", said)


def test_without_consent_nothing_of_it_is_played(tmp_path):
    definition, content = read_bench("sim-2450")
    steps = catalogue.protocol_from("ppf", PUBLISHED["ppf"]).steps()
    with Bench(definition, content, seed=1) as bench:
        step, before = next(steps), bench.now()
        while "pair" not in step.label.values():
            step = steps.send(Readings([row for rows in bench.execute(step, lambda: False)
                                        for row in rows]))  # fmt: skip
            before = bench.now()
        with pytest.raises(Refused, match="levels of 630 us instead of 100 us"):
            list(bench.execute(step, lambda: False))
        assert bench.now() == before
