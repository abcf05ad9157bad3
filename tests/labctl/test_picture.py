"""Waveforms as text and as corners: to scale, whatever their shape."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from labctl.outline import corners, waveform_panel
from labctl.picture import picture
from labctl.results import Panel, Trace
from labctl.waveform import pulse, rest, segment, train


def dots(lines: list[str], width: int) -> np.ndarray:
    """Return which dots are set, shape (rows, columns), the lowest row first."""
    rows = [line[10:].ljust(width, "⠀") for line in lines]
    found = np.zeros((4 * len(rows), 2 * width), bool)
    bits = ((0x01, 0x02, 0x04, 0x40), (0x08, 0x10, 0x20, 0x80))
    for r, row in enumerate(rows):
        for c, sign in enumerate(row):
            for side in (0, 1):
                for part in range(4):
                    found[4 * r + part, 2 * c + side] = bool(
                        (ord(sign) - 0x2800) & bits[side][part]
                    )
    return found[::-1]


def test_a_pulse_stands_where_and_as_high_as_it_is():
    shown = picture(waveform_panel("t", rest(1.0) + pulse(0.5, 1.0) + rest(2.0)), 40, 4)
    assert shown[0] == "t"
    assert shown[1].startswith("   500 mV ")
    assert shown[-1].split() == ["0", "s", "4", "s"]
    found = dots(shown[1:5], 40)
    top = found[-1]
    assert 20 <= top.sum() <= 21  # the edge down stands in the next column
    assert top[20:40].all()
    assert found[0].sum() >= 60  # zero before and after


def test_a_pulse_narrower_than_a_column_is_still_there():
    shown = picture(waveform_panel("t", train(pulse(1.0, 1e-9), 1e-3, 5)), 50, 3)
    found = dots(shown[1:4], 50)
    assert found[-1].sum() == 5
    assert found[:, found[-1]].all()


@given(
    st.lists(
        st.tuples(st.floats(1e-9, 10), st.floats(-3, 3), st.floats(-3, 3)), min_size=1, max_size=8
    )
)
def test_any_waveform_has_a_picture_without_gaps(parts):
    node = segment(parts[0][0], {"top": parts[0][1:]})
    for duration, first, last in parts[1:]:
        node = node + segment(duration, {"top": (first, last)})
    shown = picture(waveform_panel("t", node, ("top",)), 30, 4)
    found = dots(shown[1:5], 30)
    assert found.any(axis=0).all()
    levels = [x for _, a, b in parts for x in (a, b)]
    assert found[-1].any() or max(levels) <= 0
    assert found[0].any() or min(levels) >= 0


def test_several_terminals_have_a_picture_each_and_points_none():
    both = pulse(1.0, 1e-3) | pulse(-1.0, 2e-3, terminal="bottom")
    shown = picture(waveform_panel("t", both), 20, 3)
    assert len(shown) == 1 + 3 + 3 + 1
    assert "bottom" in shown[2]
    data = Panel("d", "x", "s", "y", "V", (Trace((1.0, 2.0), (1.0, 2.0)),))
    assert picture(data) == []


def test_corners_of_a_long_train_end_where_they_are_cut():
    x, y = corners(train(pulse(1.0, 1e-3), 2e-3, 10**9), "top", most=10)
    assert len(x) == len(y) == 1 + 2 * 10
    assert x[-1] == 10e-3
