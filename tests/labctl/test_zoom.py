"""A waveform seen on any scale shows what playing it would show."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labctl.errors import BadInput
from labctl.waveform import Node, Segment, Window, pulse, read, rest, ticks, train
from labctl.zoom import Lane, Zoom

LEVELS = st.sampled_from([-1.5, -0.5, 0.0, 0.0, 0.25, 1.0, 2.0])


def leaves(terminal: str) -> st.SearchStrategy[Node]:
    def made(length: int, start: float, stop: float, silent: bool) -> Node:
        return Segment(length, {} if silent else {terminal: (start, stop)})

    return st.builds(made, st.integers(1, 40), LEVELS, LEVELS, st.booleans())


def grown(children: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    return st.one_of(
        st.builds(lambda a, b: a + b, children, children),
        st.builds(lambda a, n: a * n, children, st.integers(1, 7)),
    )


def trees(terminal: str) -> st.SearchStrategy[Node]:
    return st.recursive(leaves(terminal), grown, max_leaves=6)


WAVEFORMS = st.one_of(
    trees("top"),
    st.builds(lambda a, b: a | b, trees("top"), trees("gate")),
    st.builds(lambda a, b, n: (a | b) * n + a, trees("top"), trees("gate"), st.integers(1, 4)),
)


def played(waveform: Node, terminal: str, first: int, last: int) -> tuple[float, float]:
    """Return the extremes between two ticks by walking every segment."""
    found = []
    for start, part in waveform.flatten():
        a, b = max(first, start), min(last, start + part.length)
        if a >= b:
            continue
        begin, end = part.levels.get(terminal, (0.0, 0.0))
        found += [begin + (end - begin) * ((at - start) / part.length) for at in (a, b)]
    return min(found), max(found)


def column_ends(lane: Lane, start: int, stop: int, columns: int) -> list[tuple[int, int]]:
    count = min(columns, stop - start)
    edges = [start + (stop - start) * k // count for k in range(count + 1)]
    return list(itertools.pairwise(edges))


@settings(max_examples=150)
@given(WAVEFORMS, st.data())
def test_columns_hold_exactly_what_is_played(waveform: Node, data: st.DataObject) -> None:
    start = data.draw(st.integers(-5, waveform.ticks - 1), label="start")
    stop = data.draw(st.integers(start + 1, waveform.ticks + 5), label="stop")
    columns = data.draw(st.integers(1, 12), label="columns")
    for name, lane in Zoom(waveform).view(start, stop, columns).items():
        if lane.exact:
            assert np.all(np.diff(lane.t) >= 0)
            continue
        shown = iter(zip(lane.t, lane.low, lane.high, strict=True))
        for a, b in column_ends(lane, start, stop, columns):
            inside = max(a, 0), min(b, waveform.ticks)
            if inside[0] < inside[1]:
                at, low, high = next(shown)
                assert at == pytest.approx((a - start) * 1e-12)
                assert (low, high) == pytest.approx(played(waveform, name, *inside))


@settings(max_examples=100)
@given(WAVEFORMS)
def test_corners_are_those_of_the_waveform(waveform: Node) -> None:
    _, sampled = waveform.sample(1e-12)
    for name, lane in Zoom(waveform).view(0, waveform.ticks, 10_000).items():
        assert lane.exact
        at = np.arange(waveform.ticks)
        # at a step the later level holds: the last corner at or before each tick, and the next
        before = np.searchsorted(np.round(lane.t * 1e12), at, side="right") - 1
        after = np.minimum(before + 1, len(lane.t) - 1)
        t = np.round(lane.t * 1e12)
        span = np.maximum(t[after] - t[before], 1)
        levels = lane.low[before] + (lane.low[after] - lane.low[before]) * (at - t[before]) / span
        assert levels == pytest.approx(sampled[name])


def test_a_billion_pulses_are_zoomed_from_days_to_picoseconds() -> None:
    one = train(pulse(1.0, 1e-6, edge=20e-9), 1e-3, 10**9)
    zoom = Zoom(one)
    assert zoom.duration == pytest.approx(1e6)
    whole = zoom.view(0, zoom.ticks, 2000)["top"]
    assert not whole.exact
    assert len(whole.t) == 2000
    assert set(whole.low) == {0.0}
    assert set(whole.high) == {1.0}
    period = ticks(1e-3)
    start = 777_777_777 * period
    edge = zoom.view(start, start + 40_000, 2000)["top"]  # 40 ns
    assert edge.exact
    assert edge.t.tolist() == [0.0, 20e-9, 20e-9, 40e-9]
    assert edge.low.tolist() == [0.0, 1.0, 1.0, 1.0]


def test_one_different_pulse_among_a_million_is_seen() -> None:
    usual = train(pulse(0.5, 1e-6), 1e-5, 500_000)
    zoom = Zoom(usual + pulse(-2.0, 1e-6) + usual)
    lane = zoom.view(0, zoom.ticks, 999)["top"]  # the odd one out is in the middle one
    assert lane.low.min() == -2.0
    assert np.sum(lane.low < 0) == 1


def test_measurement_windows_are_marked_where_they_can_be_told_apart() -> None:
    zoom = Zoom(read(0.1, 1e-3) + rest(1e-3) + pulse(1.0, 1e-3))
    marks = zoom.view(0, zoom.ticks, 100)["top"].marks
    assert [mark.role for mark in marks] == ["read", "pulse"]
    assert [marks[0].start, marks[0].stop] == pytest.approx([0.2e-3, 0.95e-3])


def test_a_window_on_an_undriven_terminal_is_a_lane_at_zero() -> None:
    lane = Zoom(Segment(100, {"top": (1.0, 1.0)}, (Window("sense", 10, 20),))).view(0, 100, 10)
    assert set(lane["sense"].low) == {0.0}
    assert len(lane["sense"].marks) == 1


def test_terminals_of_different_length_rest_at_zero() -> None:
    both = pulse(1.0, 1e-6) | pulse(2.0, 3e-6, terminal="gate")
    lanes = Zoom(both).view(0, both.ticks, 100)
    assert lanes["top"].t[-1] == pytest.approx(3e-6)
    assert lanes["top"].low[-1] == 0.0
    assert lanes["gate"].low[-1] == 2.0


@pytest.mark.parametrize(("start", "stop", "columns"), [(0, 0, 10), (5, 1, 10), (0, 10, 0)])
def test_an_impossible_view_is_refused(start: int, stop: int, columns: int) -> None:
    with pytest.raises(BadInput, match="ends after it begins"):
        Zoom(rest(1e-9)).view(start, stop, columns)


def test_outside_the_waveform_there_is_nothing() -> None:
    lane = Zoom(pulse(1.0, 1e-9)).view(5000, 6000, 10)["top"]
    assert lane.exact
    assert len(lane.t) == 0


def test_equal_parts_are_kept_once() -> None:
    """A course of thousands of equal steps is as small as one of them, but for its times."""
    step = [rest(1e-3) + pulse(1.0, 1e-6) for _ in range(300)]
    waveform = step[0]
    for part in step[1:]:
        waveform = waveform + part
    lane = Zoom(waveform)._lanes["top"]
    assert len({id(part) for part in lane.parts}) == 2
