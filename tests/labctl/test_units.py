"""Quantities: what is read, what is refused, what is printed."""

import math
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from labctl.errors import BadInput
from labctl.units import (
    Ratio,
    Second,
    Seconds,
    Volt,
    log_spaced,
    parse,
    parse_series,
    show,
    show_uncertain,
)

PREFIXES = {"f": -15, "p": -12, "n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9}
UNITS = ("V", "A", "s", "S", "Ohm", "Hz", "K", "J", "C", "W", "F", "m")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("100 us", "s", 1e-4),
        ("100us", "s", 1e-4),
        (" 1.5 V ", "V", 1.5),
        ("-300 mV", "V", -0.3),
        ("+.5 V", "V", 0.5),
        ("1e-7", "A", 1e-7),
        ("100 nA", "A", 1e-7),
        ("2 min", "s", 120.0),
        ("1.5 h", "s", 5400.0),
        ("1 d", "s", 86400.0),
        ("5 ms", "s", 0.005),
        ("10 kOhm", "Ohm", 1e4),
        ("10 k\u03a9", "Ohm", 1e4),  # Greek capital omega
        ("10 k\u2126", "Ohm", 1e4),  # the ohm sign
        ("3 \u00b5S", "S", 3e-6),  # micro sign
        ("3 \u03bcS", "S", 3e-6),  # Greek mu
        ("3 mm", "m", 3e-3),
        ("25 %", "1", 0.25),
        ("0.25", "1", 0.25),
        ("1 MHz", "Hz", 1e6),
        ("1 mHz", "Hz", 1e-3),
    ],
)
def test_parse_reads(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == value


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        ("100 us", "V"),
        ("1 V", "s"),
        ("1 m", "s"),  # a prefix alone is no unit
        ("1 mmin", "s"),  # minutes take no prefix
        ("1 u", "1"),
        ("1 mV", "1"),
        ("", "V"),
        ("V", "V"),
        ("one V", "V"),
        ("1,5 V", "V"),
        ("nan V", "V"),
        ("inf", "V"),
        ("1e999 V", "V"),
        ("1 KV", "V"),
        ("1 v", "V"),
    ],
)
def test_parse_refuses_in_one_sentence(text: str, unit: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text, unit)
    assert f'"{text}"' in str(caught.value)
    assert "\n" not in str(caught.value)


@given(
    number=st.decimals(-(10**6), 10**6, places=6),
    prefix=st.sampled_from(sorted(PREFIXES)),
    unit=st.sampled_from(UNITS),
)
def test_parse_rounds_the_decimal_text_correctly(number: Decimal, prefix: str, unit: str) -> None:
    expected = float(number.scaleb(PREFIXES[prefix]))
    assert parse(f"{number:f} {prefix}{unit}", unit) == expected


magnitudes = st.floats(1e-20, 1e16) | st.floats(-1e16, -1e-20) | st.just(0.0)


@given(value=magnitudes, unit=st.sampled_from(UNITS), digits=st.integers(1, 17))
@example(value=9.9999e-4, unit="s", digits=3)
@example(value=999.9996e-6, unit="s", digits=3)
def test_what_is_shown_reads_back_to_the_digits_shown(value: float, unit: str, digits: int) -> None:
    shown = show(value, unit, digits)
    assert math.isclose(parse(shown, unit), value, rel_tol=0.5001 * 10.0 ** (1 - digits))


@given(value=st.floats(1e-17, 1e14), unit=st.sampled_from(UNITS))
def test_show_keeps_one_to_three_digits_before_the_point(value: float, unit: str) -> None:
    number = show(value, unit).split(" ")[0]
    assert 1 <= abs(float(number)) < 1000


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0, "V", "0 V"),
        (1e-4, "s", "100 us"),
        (999.9996e-6, "s", "1.00 ms"),
        (0.123456, "1", "0.123"),
        (123456.0, "1", "123000"),
        (math.nan, "V", "nan V"),
        (-math.inf, "A", "-inf A"),
        (3e-27, "A", "0.003 yA"),
    ],
)
def test_show(value: float, unit: str, text: str) -> None:
    assert show(value, unit) == text


@pytest.mark.parametrize(
    ("value", "sigma", "unit", "text"),
    [
        (0.0692, 0.0031, "s", "69.2 +- 3.1 ms"),
        (0.0692, None, "s", "69.2 ms"),
        (0.0692, 0.0, "s", "69.2 ms"),
        (0.0692, math.nan, "s", "69.2 ms"),
        (1.25, 0.013, "1", "1.250 +- 0.013"),
        (1.25, 0.0996, "1", "1.25 +- 0.10"),
        (1.0, 0.99, "V", "1.00 +- 0.99 V"),
        (1.0, 0.999, "V", "1.0 +- 1.0 V"),
        (1e-9, 5e-6, "A", "0.0 +- 5.0 uA"),
        (-2e-3, 1e-4, "V", "-2.00 +- 0.10 mV"),
        (5230.0, 1200.0, "1", "5230 +- 1200"),
    ],
)
def test_show_uncertain(value: float, sigma: float | None, unit: str, text: str) -> None:
    assert show_uncertain(value, sigma, unit) == text


@given(start=st.floats(1e-9, 1e9), stop=st.floats(1e-9, 1e9), count=st.integers(2, 200))
def test_log_spacing_has_exact_ends_and_one_ratio(start: float, stop: float, count: int) -> None:
    values = log_spaced(start, stop, count)
    assert (values[0], values[-1], len(values)) == (start, stop, count)
    ratio = (stop / start) ** (1 / (count - 1))
    for one, following in pairwise(values):  # both rounded to nine digits
        assert math.isclose(following / one, ratio, rel_tol=1.01e-8)


@pytest.mark.parametrize(("start", "stop", "count"), [(0, 1, 3), (1, -1, 3), (1, 2, 0)])
def test_log_spacing_refuses(start: float, stop: float, count: int) -> None:
    with pytest.raises(BadInput, match="both ends must be positive"):
        log_spaced(start, stop, count)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("1 ms, 2 ms,3ms", (1e-3, 2e-3, 3e-3)),
        ("5 s", (5.0,)),
        ("1 s .. 3 s, 3 lin", (1.0, 2.0, 3.0)),
        ("3 s .. 1 s, 3 lin", (3.0, 2.0, 1.0)),
        ("1 ms..100 ms,3 log", (1e-3, 1e-2, 1e-1)),
        ("1 s .. 3 s, 1 lin", (1.0,)),
    ],
)
def test_series(text: str, values: tuple[float, ...]) -> None:
    assert parse_series(text, "s") == values


@pytest.mark.parametrize(
    "text",
    ["", "1 s .. 2 s", "1 s .. 2 s, 3", "1 s .. 2 s, 3 cubic", ".. 2 s, 3 log", "1 V, 2 s",
     "1 s .. 2 s, 0 lin", "1 s .. 2 s, 0 log"],
)  # fmt: skip
def test_series_refuses(text: str) -> None:
    with pytest.raises(BadInput):
        parse_series(text, "s")


class Form(BaseModel):
    """Fields as a protocol declares them."""

    width: Second = 1e-4
    level: Volt = 1.0
    gain: Ratio = 1.0
    intervals: Seconds = (1.0,)


def test_fields_take_text_and_numbers() -> None:
    form = Form(width="20 us", level=-2, gain="5 %", intervals="1 s .. 3 s, 3 lin")
    assert (form.width, form.level, form.gain) == (2e-5, -2.0, 0.05)
    assert form.intervals == (1.0, 2.0, 3.0)
    assert Form(intervals=["1 ms", 2]).intervals == (1e-3, 2.0)


def test_fields_refuse_another_unit() -> None:
    with pytest.raises(ValidationError, match='has the unit "V", but a value in s'):
        Form(width="20 V")


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("12 uW/cm2", "W/m2", 0.12),
        ("1 mW/cm2", "W/m2", 10.0),
        ("3 kW/m2", "W/m2", 3e3),
        ("900 um2", "m2", 900e-12),
        ("2 m2", "m2", 2.0),
    ],
)
def test_areas_and_irradiances(text: str, unit: str, value: float) -> None:
    assert parse(text, unit) == pytest.approx(value, rel=1e-15)


def test_an_area_takes_no_prefix_by_itself() -> None:
    with pytest.raises(BadInput):
        parse("5 km2", "m2")
