"""Levels and readings the short way and the long way: the same readings, the same device."""

from __future__ import annotations

from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.instruments.keithley26_ohmic import Ohmic
from sim_backend.laboratory import VirtualLaboratory, open_laboratory

PLAIN = (
    "smua.source.rangev = 1 smua.source.limiti = 1e-3 smua.measure.rangei = 1e-3 "
    "smua.measure.nplc = 0.001 smua.measure.autozero = 0 smua.source.output = 1"
)


class Seen(NamedTuple):
    """What a script showed, what became of the device, and how often the short way was gone."""

    replies: list[float]
    state: list[float]
    sums: tuple[float, float, float]
    codes: list[int]
    time: float
    short: int


def opened(noise: bool, **device: object) -> VirtualLaboratory:
    bench = {
        "instruments": {
            "smu": {"driver": "keithley2600", "model": "2602B", "address": "TCPIP0::a::INSTR"}
        },
        "terminals": {"top": "smu.a"},
        "simulation": {
            "device": {"family": "resistor", "preset": "10k", **device},
            "noise": {"instrument": noise},
        },
    }
    return open_laboratory(bench, 3, None, 0.0)


def run(lines: list[str], short: bool, noise: bool = True, **device: object) -> Seen:
    laboratory = opened(noise, **device)
    smu, gone = laboratory.instruments["smu"], [0]
    with pytest.MonkeyPatch.context() as patch:
        read = Ohmic.read

        def counted(way: Ohmic, aperture: float) -> tuple[float, float] | None:
            gone[0] += 1
            return read(way, aperture)

        patch.setattr(Ohmic, "read", counted)
        if not short:
            patch.setattr(Ohmic, "over", lambda *_: None)
        for line in [PLAIN, *lines]:
            smu.write(line.encode())
    fixture = laboratory.fixture
    fixture.sync()
    (drive,) = fixture.drives
    replies = [float(x) for reply in smu.replies() for x in reply.split(b"\t")]
    codes = [smu.errors.next().code for _ in range(len(smu.errors))]
    seen = Seen(
        replies, fixture.state.values[:, 0].tolist(), (drive.charge, drive.flux, drive.v), codes,
        fixture.clock.now_s, gone[0],
    )  # fmt: skip
    laboratory.close()
    return seen


def check_same(lines: list[str], **options: object) -> Seen:
    fine = ["format.asciiprecision = 16", *lines]
    short, long = run(fine, True, **options), run(fine, False, **options)
    assert short.replies == pytest.approx(long.replies, rel=1e-9, abs=1e-18)
    assert short.state == pytest.approx(long.state, rel=1e-9, abs=1e-21)
    assert short.sums == pytest.approx(long.sums, rel=1e-9, abs=1e-21)
    assert (short.codes, short.time) == (long.codes, pytest.approx(long.time, rel=1e-12))
    assert long.short == 0
    return short


@pytest.mark.parametrize("noise", [True, False])
def test_a_loop_goes_the_short_way_and_sees_the_same(noise: bool) -> None:
    loop = (
        "for k = 1, 200 do smua.source.levelv = 0.9 * math.sin(k) "
        "print(smua.measure.i(), smua.measure.v()) print(smua.measure.iv()) "
        "print(smua.measure.r(), smua.measure.p()) end"
    )
    assert check_same([loop], noise=noise, capacitance=1e-10).short == 1000


def test_what_the_limit_might_meet_goes_the_long_way() -> None:
    loop = "for k = 1, 20 do smua.source.levelv = 0.05 * k print(smua.measure.iv()) end"
    seen = check_same([loop], conductance=2e-3)
    assert 9 <= seen.short < 20


def test_readings_beyond_their_range_are_overflows() -> None:
    low = "smua.measure.rangei = 10e-6 smua.source.levelv = 0.5 delay(0.1)"
    seen = check_same([low, "print(smua.measure.i()) print(smua.measure.r())"])
    assert seen.replies == [9.91e37, 9.91e37]
    assert seen.short == 2


@pytest.mark.parametrize(
    "setting",
    [
        "smua.measure.delay = 1e-3",
        "smua.measure.count = 3",
        "smua.measure.filter.enable = 1",
        "smua.measure.rel.enablei = 1",
        "smua.measure.autozero = 2",
        "smua.measure.autorangei = 1",
        "smua.source.autorangev = 1",
        "smua.source.delay = 1e-3",
        "smua.source.limitp = 1e-6",
        "smua.source.output = 0",
        "smua.source.func = 0",
    ],
)
def test_what_is_not_plain_goes_the_long_way(setting: str) -> None:
    loop = "for k = 1, 3 do smua.source.levelv = 0.1 * k print(smua.measure.iv()) end"
    assert check_same([loop, setting, loop]).short == 3


STEPS = st.sampled_from(
    [
        "smua.source.levelv = {x}",
        "print(smua.measure.i())",
        "print(smua.measure.iv())",
        "delay({x} * {x} * 1e-4)",
        "smua.source.levelv = {x} * 2",
        "smua.source.rangev = 6",
        "smua.source.rangev = 1",
        "smua.source.limiti = 60e-6",
        "smua.source.limiti = 1e-3",
        "smua.measure.nplc = 0.01",
        "print(smua.measure.i(smua.nvbuffer1))",
        "smua.source.output = 0",
        "smua.source.output = 1",
        "print(smua.source.compliance == 1 and 1 or 0)",
        "smua.source.levelv = 'x'",
        "smua.reset() smua.source.output = 1",
    ]
)


@settings(max_examples=40)
@given(st.lists(st.tuples(STEPS, st.floats(-1, 1)), min_size=1, max_size=25))
def test_any_order_of_commands_sees_the_same(steps: list[tuple[str, float]]) -> None:
    check_same([text.format(x=round(x, 3)) for text, x in steps])
