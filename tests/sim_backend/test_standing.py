"""A level that stands over a resistor: the short way through time and the long one agree."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sim_backend.analogue import Imperfections, SourceMeter
from sim_backend.clock import Clock
from sim_backend.devices import family
from sim_backend.devices.model import Stream
from sim_backend.fixture import Fixture
from sim_backend.instruments.keithley2400 import MODEL
from sim_backend.standing import Standing

STEPS = st.one_of(
    st.tuples(st.just("level"), st.sampled_from([0.0, 0.2, -0.4, 1.5])),
    st.tuples(st.just("limit"), st.sampled_from([1e-3, 5e-5])),
    st.tuples(st.just("output"), st.sampled_from([0.0, 1.0])),
    st.tuples(st.just("wait"), st.sampled_from([1e-6, 1e-4, 1e-2])),
    st.tuples(st.just("read"), st.sampled_from([2e-4, 2e-2])),
    st.tuples(st.just("temperature"), st.sampled_from([280.0, 350.0])),
    st.tuples(st.just("exchange"), st.sampled_from([1e3, 1e4])),
)


def resistor(ohms: float) -> Any:
    return family("resistor").load("10k", {"conductance": 1.0 / ohms})


class Bench:
    """A source-meter over a resistor, and what it has shown."""

    def __init__(self, *, noise: bool) -> None:
        model, self.clock = resistor(1e4), Clock()
        self.fixture = Fixture(model, model.fresh(1, Stream(0), spread=False), None, self.clock)
        imperfections = Imperfections(noise, noise)
        self.meter = SourceMeter(MODEL.spec, self.fixture, "top", imperfections=imperfections)
        self.v, self.i, self.seen = 0.0, 1e-3, list[float]()

    def level(self, value: float) -> None:
        self.v = value
        self.meter.set_source("v", self.v, 2.0, self.i, 1e-3)

    def limit(self, value: float) -> None:
        self.i = value
        self.meter.set_source("v", self.v, 2.0, self.i, 1e-3)

    def output(self, value: float) -> None:
        self.meter.set_output(bool(value))

    def wait(self, value: float) -> None:
        self.clock.advance(value)

    def temperature(self, value: float) -> None:
        self.fixture.set_temperature(value)

    def exchange(self, value: float) -> None:
        other = resistor(value)
        self.fixture.exchange(other, other.fresh(1, Stream(0), spread=False), {})

    def read(self, value: float) -> None:
        mark = self.meter.begin()
        self.clock.advance(value)
        sample = self.meter.finish(mark, v_range=2.0, i_range=1e-3, nplc=value * 50.0)
        self.seen += [sample.v, sample.i, float(sample.limited)]


def played(steps: list[tuple[str, float]], *, noise: bool) -> list[float]:
    bench = Bench(noise=noise)
    for what, value in steps:
        getattr(bench, what)(value)
    bench.fixture.sync()
    drive = bench.meter.drive
    state = bench.fixture.state.values[:, 0].tolist()
    return [*bench.seen, *state, drive.charge, drive.flux, drive.v]


@pytest.mark.parametrize("noise", [True, False])
@settings(max_examples=60)
@given(steps=st.lists(STEPS, max_size=30))
def test_whatever_happens_the_short_way_sees_the_same(
    steps: list[tuple[str, float]], noise: bool
) -> None:
    begun = [
        ("output", 1.0),
        ("level", 0.2),
        ("read", 2e-4),
        ("read", 2e-4),
        *steps,
        ("read", 2e-4),
    ]
    short = played(begun, noise=noise)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Standing, "over", lambda *_: None)
        long = played(begun, noise=noise)
    assert short == pytest.approx(long, rel=1e-9, abs=1e-18)


def test_readings_of_a_level_that_stands_go_the_short_way() -> None:
    gone = []
    with pytest.MonkeyPatch.context() as patch:
        last = Standing.last

        def counted(standing: Standing, now: float) -> bool:
            gone.append(last(standing, now))
            return gone[-1]

        patch.setattr(Standing, "last", counted)
        played(
            [("output", 1.0), ("level", 0.2), ("wait", 1e-2), *[("read", 2e-4)] * 10], noise=True
        )
    assert gone.count(True) >= 9
