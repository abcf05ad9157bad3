"""Waveforms: the algebra, its laws, and that repetition costs nothing."""

import itertools
import math
import tracemalloc
from collections import defaultdict
from dataclasses import asdict
from fractions import Fraction

import msgspec
import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from labctl.errors import BadInput
from labctl.waveform import (
    LONGEST_SEGMENT,
    TICKS_PER_SECOND,
    Chain,
    Loop,
    Node,
    Overlay,
    Segment,
    Summary,
    Waveform,
    Window,
    pulse,
    read,
    rest,
    seconds,
    segment,
    ticks,
    train,
)

GRID = 1000  # ticks; durations are multiples of it where a waveform is sampled on it
BILLION = 10**9

levels = st.floats(-3, 3, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-6)
ends = st.tuples(levels, levels) | levels.map(lambda v: (v, v))


@st.composite
def segments(draw: st.DrawFn, terminals: tuple[str, ...] = ("top", "gate")) -> Segment:
    """Draw a segment a few grid points long, with levels and windows on some terminals."""
    length = GRID * draw(st.integers(1, 6))
    driven = draw(st.dictionaries(st.sampled_from(terminals), ends, max_size=len(terminals)))
    windows = ()
    if driven and draw(st.booleans()):
        start = draw(st.integers(0, length - 1))
        stop = draw(st.integers(start + 1, length))
        windows = (Window(draw(st.sampled_from(sorted(driven))), start, stop),)
    return Segment(length, driven, windows, draw(st.sampled_from(["pulse", "read", "rest"])))


def trees(terminals: tuple[str, ...] = ("top", "gate")) -> st.SearchStrategy[Node]:
    """Draw waveforms of chains and loops."""
    return st.recursive(
        segments(terminals),
        lambda inner: (
            st.tuples(inner, inner).map(lambda pair: pair[0] + pair[1])
            | st.tuples(inner, st.integers(1, 4)).map(lambda pair: pair[0] * pair[1])
        ),
        max_leaves=6,
    )


overlays = st.tuples(trees(("top",)), trees(("gate",))).map(lambda pair: pair[0] | pair[1])
waveforms = trees() | overlays


def repeated(samples: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
    return {name: np.tile(values, count) for name, values in samples.items()}


def same(a: dict[str, np.ndarray], b: dict[str, np.ndarray]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)


def walked(waveform: Waveform) -> Summary:
    """Sum up a waveform by walking every segment of it."""
    peak: dict[str, float] = {}
    exposure: dict[str, list[float]] = defaultdict(list)
    biased: dict[str, list[float]] = defaultdict(list)
    pieces = [piece for _, piece in waveform.flatten()]
    driven = []
    for piece in pieces:
        for name, (a, b) in piece.levels.items():
            if (a, b) == (0.0, 0.0):
                continue
            driven.append(piece)
            peak[name] = max(peak.get(name, 0.0), abs(a), abs(b))
            exposure[name].append(area(a, b) * seconds(piece.length))
            biased[name].append(seconds(piece.length))
    windows = [window for piece in pieces for window in piece.windows]
    return Summary(
        ticks=sum(piece.length for piece in pieces),
        segments=len(pieces),
        pulses=sum(piece.role == "pulse" for piece in pieces),
        readings=len(windows),
        peak=peak,
        exposure={name: math.fsum(parts) for name, parts in exposure.items()},
        biased={name: math.fsum(parts) for name, parts in biased.items()},
        shortest=min((piece.length for piece in driven), default=None),
        shortest_window=min((window.stop - window.start for window in windows), default=None),
        ramps=any(a != b for piece in pieces for a, b in piece.levels.values()),
    )


def area(a: float, b: float) -> float:
    """Integrate the magnitude of a straight line from a to b over unit length, exactly."""
    start, stop = Fraction(a), Fraction(b)
    if start * stop >= 0:
        return float((abs(start) + abs(stop)) / 2)
    zero = abs(start) / (abs(start) + abs(stop))  # where the line crosses zero
    return float((abs(start) * zero + abs(stop) * (1 - zero)) / 2)


def close(a: dict[str, float], b: dict[str, float]) -> bool:
    return a.keys() == b.keys() and all(math.isclose(a[name], b[name], rel_tol=1e-9) for name in a)


# --- time


@given(count=st.integers(1, 8000 * TICKS_PER_SECOND))
@example(count=4_496_400_372_629_499)
def test_whole_picoseconds_survive_seconds(count: int) -> None:
    assert ticks(seconds(count)) == count


@given(count=st.integers(1, 10**15), scale=st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_decimal_durations_are_exact(count: int, scale: int) -> None:
    written = (
        float(f"{count}e-12") if scale == 1 else float(f"{count}e{int(math.log10(scale)) - 12}")
    )
    assume(written < 1e6)  # where a float still tells neighbouring values apart
    assert ticks(written) == pytest.approx(count * scale, rel=2**-52, abs=0)
    if count * scale < 2**53:
        assert ticks(written) == count * scale


@pytest.mark.parametrize("duration", [-1e-6, math.inf, math.nan, 1e-13])
def test_durations_that_cannot_be(duration: float) -> None:
    with pytest.raises(BadInput):
        ticks(duration)


@given(a=waveforms, b=waveforms)
def test_durations_add_exactly(a: Node, b: Node) -> None:
    assert (a + b).ticks == a.ticks + b.ticks
    assert a.then(b) == a + b
    assert (a + b).duration == seconds(a.ticks + b.ticks)


@given(one=waveforms, count=st.integers(1, 10**12))
def test_durations_multiply_exactly(one: Node, count: int) -> None:
    assert (one * count).ticks == one.ticks * count


def test_ten_thousand_odd_widths_add_without_loss() -> None:
    widths = [k * 1e-9 + 1e-12 for k in range(1, 10_001)]
    whole = Chain(tuple(rest(width) for width in widths))
    assert whole.ticks == sum(1000 * k + 1 for k in range(1, 10_001))


# --- the algebra


@given(a=trees(), b=trees(), c=trees())
def test_then_is_associative(a: Node, b: Node, c: Node) -> None:
    assert (a + b) + c == a + (b + c)


@given(one=waveforms)
def test_once_is_itself(one: Node) -> None:
    assert one * 1 is one


@given(one=waveforms, count=st.integers(1, 5))
def test_a_loop_plays_what_the_chain_of_its_turns_plays(one: Node, count: int) -> None:
    written_out = Chain((one,) * count)
    assert list((one * count).flatten()) == list(written_out.flatten())


@pytest.mark.parametrize("count", [0, -1, 2.5, 2**63])
def test_repetitions_that_cannot_be(count: float) -> None:
    with pytest.raises(BadInput, match=f"{count} repetitions"):
        rest(1e-3) * count


def test_a_whole_float_of_repetitions_is_a_count() -> None:
    assert rest(1e-3) * 1e9 == rest(1e-3) * BILLION


def test_a_count_from_a_file_is_checked_too() -> None:
    with pytest.raises(BadInput):
        Loop(rest(1e-3), 0)


@given(one=waveforms)
def test_flattening_covers_the_duration_without_gap_or_overlap(one: Node) -> None:
    now = 0
    for start, piece in one.flatten():
        assert start == now
        now += piece.length
    assert now == one.ticks


# --- sampling


@given(one=waveforms, count=st.integers(1, 5))
def test_sample_of_a_repeated_waveform_is_the_repeated_sample(one: Node, count: int) -> None:
    _, once = one.sample(seconds(GRID))
    t, many = (one * count).sample(seconds(GRID))
    assert same(many, repeated(once, count))
    assert np.array_equal(t, np.arange(len(t)) * seconds(GRID))


@given(a=trees(), b=trees())
def test_sample_of_one_after_the_other_is_both_samples(a: Node, b: Node) -> None:
    both = (a + b).sample(seconds(GRID))[1]
    parts = [part.sample(seconds(GRID)) for part in (a, b)]
    for name, got in both.items():
        expected = [samples.get(name, np.zeros(len(t))) for t, samples in parts]
        assert np.array_equal(got, np.concatenate(expected))


@given(a=trees(("top",)), b=trees(("gate",)))
def test_sample_of_an_overlay_is_each_sample_padded_with_zero(a: Node, b: Node) -> None:
    t, both = (a | b).sample(seconds(GRID))
    assert both.keys() == a.terminals | b.terminals
    for part in (a, b):
        for name, alone in part.sample(seconds(GRID))[1].items():
            padded = np.concatenate([alone, np.zeros(len(t) - len(alone))])
            assert np.allclose(both[name], padded, rtol=0, atol=1e-12)


@given(one=waveforms, step=st.integers(1, 4000))
def test_sampling_off_the_grid_takes_the_level_of_that_moment(one: Node, step: int) -> None:
    t, samples = one.sample(seconds(step))
    assert len(t) == -(-one.ticks // step)
    pieces = list(one.flatten())
    for k in range(len(t)):
        start, piece = next(p for p in pieces if p[0] <= k * step < p[0] + p[1].length)
        share = Fraction(k * step - start, piece.length)
        for name, values in samples.items():
            a, b = piece.levels.get(name, (0.0, 0.0))
            assert values[k] == pytest.approx(float(a + (b - a) * share), abs=1e-12)


def test_a_waveform_of_decades_can_be_sampled() -> None:
    year = 31_557_600.0
    t, samples = (segment(1e6, {"top": (0.0, 1.0)}) + rest(40 * year)).sample(0.5e6)
    assert list(samples["top"][:4]) == [0.0, 0.5, 0.0, 0.0]
    assert len(t) == math.ceil((1e6 + 40 * year) / 0.5e6)


@pytest.mark.parametrize("dt", [0.0, 1e-9])
def test_too_many_samples_are_refused(dt: float) -> None:
    with pytest.raises(BadInput, match="longer spacing"):
        rest(1.0).sample(dt)


# --- overlays


def test_an_overlay_is_cut_where_either_part_changes() -> None:
    top = segment(3e-3, {"top": (0.0, 3.0)}, role="pulse")
    gate = rest(1e-3) + segment(1e-3, {"gate": 2.0}, role="read")
    pieces = [piece for _, piece in (top | gate).flatten()]
    assert [piece.length for piece in pieces] == [ticks(1e-3)] * 3
    assert [piece.levels for piece in pieces] == [
        {"top": (0.0, 1.0)},
        {"top": (1.0, 2.0), "gate": (2.0, 2.0)},
        {"top": (2.0, 3.0)},
    ]
    assert {piece.role for piece in pieces} == {"pulse"}


def test_an_overlay_keeps_each_window_once_where_it_begins() -> None:
    window = Window("top", ticks(0.5e-3), ticks(2.5e-3))
    top = segment(3e-3, {"top": 1.0}, windows=(window,))
    gate = segment(1e-3, {"gate": 1.0}) + segment(2e-3, {"gate": 2.0})
    windows = [piece.windows for _, piece in (top | gate).flatten()]
    assert windows == [(window,), ()]


def test_an_overlay_of_one_terminal_is_refused() -> None:
    with pytest.raises(BadInput, match="terminal top at the same time"):
        pulse(1, 1e-4) | pulse(2, 1e-4)


@given(one=overlays)
def test_overlay_summary_is_what_a_walk_finds(one: Overlay) -> None:
    found, said = walked(one), one.summary()
    assert said.ticks == found.ticks == max(part.ticks for part in one.parts)
    assert said.readings == found.readings
    assert said.shortest_window == found.shortest_window
    assert close(dict(said.peak), dict(found.peak))
    assert close(dict(said.exposure), dict(found.exposure))
    assert close(dict(said.biased), dict(found.biased))
    assert said.ramps == found.ramps


# --- summaries


@given(one=trees())
def test_summary_in_closed_form_is_what_a_walk_finds(one: Node) -> None:
    said, found = asdict(one.summary()), asdict(walked(one))
    for name in ("exposure", "biased"):
        assert close(said.pop(name), found.pop(name))
    assert said == found


def test_exposure_of_a_line_through_zero_counts_both_sides() -> None:
    line = segment(1.0, {"top": (-1.0, 1.0)})
    assert line.summary().exposure["top"] == pytest.approx(0.5)


# --- a billion pulses

endurance = train(
    pulse(1.0, 1e-4) + rest(1e-4) + pulse(-1.0, 1e-4) + read(0.1, 1e-3), 0.01, BILLION
)


def test_a_billion_cycles_are_summed_up_at_once() -> None:
    summary = endurance.summary()
    assert summary.pulses == 2 * BILLION
    assert summary.readings == 3 * BILLION
    assert summary.ticks == ticks(0.01) * BILLION
    assert summary.biased["top"] == pytest.approx(1.2e-3 * BILLION)
    assert summary.exposure["top"] == pytest.approx(3e-4 * BILLION)
    assert endurance.duration == 1e7


def test_a_billion_cycles_are_a_few_hundred_bytes() -> None:
    line = msgspec.json.encode(endurance)
    assert len(line) < 2000
    assert msgspec.json.decode(line, type=Node) == endurance


def test_flattening_never_holds_the_train() -> None:
    tracemalloc.start()
    try:
        flat = endurance.flatten()
        first = next(flat)
        for _ in itertools.islice(flat, 50_000):
            pass
        later = next(flat)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert first[0] == 0
    turn, place = divmod(50_001, 5)
    inside = [start for start, _ in endurance.body.flatten()][place]
    assert later[0] == turn * ticks(0.01) + inside
    assert peak < 100_000


def test_an_overlay_of_trains_is_walked_lazily_too() -> None:
    both = endurance | train(pulse(0.5, 1e-3, terminal="gate"), 0.02, BILLION)
    starts = [start for start, _ in itertools.islice(both.flatten(), 1000)]
    assert starts == sorted(set(starts))
    assert both.ticks == 2 * endurance.ticks


# --- the journal's form


@given(one=waveforms)
def test_json_round_trip(one: Node) -> None:
    assert msgspec.json.decode(msgspec.json.encode(one), type=Node) == one


@pytest.mark.parametrize(
    "line",
    [
        b'{"type":"segment","length":0}',
        b'{"type":"loop","body":{"type":"segment","length":5},"count":0}',
        b'{"type":"spline","length":5}',
    ],
)
def test_a_line_that_is_no_waveform_is_refused(line: bytes) -> None:
    with pytest.raises((BadInput, msgspec.ValidationError)):
        msgspec.json.decode(line, type=Node)


@pytest.mark.parametrize("duration", [seconds(LONGEST_SEGMENT) * 1.001, 1e8, 1e9 + 0.5])
def test_a_rest_longer_than_a_segment_is_a_loop_of_shorter_ones(duration: float) -> None:
    long = rest(duration)
    assert long.ticks == ticks(duration)
    assert all(piece.length <= LONGEST_SEGMENT for _, piece in long.flatten())
    assert msgspec.json.decode(msgspec.json.encode(long), type=Node) == long
    assert long.summary().biased == {}


def test_the_longest_rest_in_one_segment() -> None:
    longest = Segment(LONGEST_SEGMENT)
    assert msgspec.json.decode(msgspec.json.encode(longest), type=Node) == longest
    assert isinstance(rest(9e6), Segment)


def test_a_level_cannot_last_longer_than_a_segment() -> None:
    with pytest.raises(BadInput, match="106 days"):
        segment(1e7, {"top": 0.1})
    held = segment(1e6, {"top": 0.1}) * 10
    assert held.summary().biased["top"] == pytest.approx(1e7)


def test_a_train_may_rest_for_years_between_pulses() -> None:
    yearly = train(pulse(1, 1e-4), 31_557_600.0, 10)
    assert yearly.ticks == 10 * ticks(31_557_600.0)


# --- builders


def test_a_pulse_with_edges_has_its_width_at_half_maximum() -> None:
    one = pulse(2.0, 1e-6, edge=1e-7)
    t, samples = one.sample(1e-9)
    above = t[samples["top"] >= 1.0]
    assert one.duration == 1.1e-6
    assert above[-1] - above[0] == pytest.approx(1e-6, abs=2e-9)
    assert one.summary().pulses == 1


def test_a_pulse_is_measured_where_it_has_settled() -> None:
    ((_, top),) = pulse(1.0, 1e-4).flatten()
    assert top.windows == (Window("top", ticks(70e-6), ticks(95e-6), "pulse"),)
    assert top.windows[0].aperture == 25e-6
    assert pulse(1.0, 1e-4, measured=False).summary().readings == 0


def test_a_read_is_measured_over_most_of_it() -> None:
    one = read(0.1, 1e-3, terminal="bottom")
    assert one.windows == (Window("bottom", ticks(0.2e-3), ticks(0.95e-3), "read"),)
    assert one.summary().pulses == 0


@pytest.mark.parametrize(("width", "edge"), [(0, 0), (-1e-6, 0), (1e-6, 1e-6), (1e-6, -1e-9)])
def test_pulses_that_cannot_be(width: float, edge: float) -> None:
    with pytest.raises(BadInput):
        pulse(1.0, width, edge=edge)


def test_a_train_keeps_its_period_and_returns_to_zero_between_pulses() -> None:
    pulses = train(pulse(1.0, 1e-4), 1e-3, 5)
    samples = pulses.sample(1e-4)[1]
    assert pulses.duration == 5e-3
    assert np.array_equal(samples["top"], np.tile([1.0] + [0.0] * 9, 5))


def test_a_train_without_gap_and_one_too_fast() -> None:
    one = pulse(1.0, 1e-4)
    assert train(one, 1e-4, 3) == one * 3
    with pytest.raises(BadInput, match="at least the pulse's duration"):
        train(one, 0.5e-4, 3)


@pytest.mark.parametrize("level", [math.inf, math.nan, (0.0, math.nan)])
def test_a_level_must_be_a_number(level: float) -> None:
    with pytest.raises(BadInput, match="a level that is not finite"):
        segment(1e-3, {"top": level})


def test_a_segment_needs_a_duration() -> None:
    with pytest.raises(BadInput, match="without duration"):
        segment(0.0, {"top": 1.0})
