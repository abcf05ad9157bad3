"""The 2602B in numbers: tables in order, derating and noise as they are printed."""

from __future__ import annotations

from itertools import pairwise

import pytest

from sim_backend.instruments.keithley2602b import SPEC
from sim_backend.instruments.specification import MeasureRange, SourceRange, choose_range

TABLES = [SPEC.v_source, SPEC.i_source, SPEC.v_measure, SPEC.i_measure]


@pytest.mark.parametrize("table", TABLES, ids=["v source", "i source", "v measure", "i measure"])
def test_tables_ascend(table: tuple[SourceRange | MeasureRange, ...]) -> None:
    for smaller, larger in pairwise(table):
        assert smaller.full_scale < larger.full_scale
        assert smaller.offset_error < larger.offset_error
        assert smaller.noise < larger.noise
    assert all(r.full_scale <= r.maximum <= 1.02 * r.full_scale + 1e-15 for r in table)


def test_a_few_cells_of_the_printed_tables() -> None:
    """SPEC-2602B Rev. B, page 2: 1 mA range, 6 V range."""
    one_milliampere = next(r for r in SPEC.i_measure if r.full_scale == 1e-3)
    assert one_milliampere.accuracy(1e-3, 1.0) == pytest.approx(0.2e-6 + 200e-9)
    six_volts = next(r for r in SPEC.v_source if r.full_scale == 6.0)
    assert six_volts.gain_error * 6 + six_volts.offset_error == pytest.approx(1.2e-3 + 1.8e-3)


@pytest.mark.parametrize(("nplc", "fraction"), [(0.1, 1e-4), (0.01, 5e-4), (0.001, 5e-3)])
def test_derating_meets_its_table(nplc: float, fraction: float) -> None:
    one_milliampere = SPEC.i_measure[4]
    assert one_milliampere.derated(nplc) == pytest.approx(fraction * 1e-3)


def test_shorter_apertures_are_noisier() -> None:
    for r in (*SPEC.v_measure, *SPEC.i_measure):
        noise = [r.rms_noise(nplc) for nplc in (25, 10, 1, 0.5, 0.1, 0.05, 0.01, 0.003, 0.001)]
        assert noise == sorted(noise)
        assert r.derated(1.0) == r.derated(25) == 0.0


def test_ranges_are_chosen_by_what_they_hold() -> None:
    assert choose_range(SPEC.v_source, 1.01) == 1.0
    assert choose_range(SPEC.v_source, -1.02) == 6.0
    assert choose_range(SPEC.v_source, 41) is None
    assert choose_range(SPEC.i_source, 5.0) is None
    assert choose_range(SPEC.i_source, 5.0, pulse=True) == 10.0
