"""The numbers of the 2450 family hang together."""

from __future__ import annotations

import itertools

import pytest

from sim_backend.instruments.keithley2450_models import MODELS
from sim_backend.instruments.keithley2450_specification import Model


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_ranges_grow_and_have_their_meters(model: Model) -> None:
    spec = model.spec
    for sources, meters in ((spec.v_source, spec.v_measure), (spec.i_source, spec.i_measure)):
        assert [r.full_scale for r in sources] == [r.full_scale for r in meters]
        for small, large in itertools.pairwise(sources):
            assert small.full_scale < large.full_scale
            assert small.settling >= 0
            assert small.offset_error <= large.offset_error
    assert max(v for v, _ in spec.dc_area) <= spec.v_source[-1].maximum * (1 + 1e-9)
    assert max(i for _, i in spec.dc_area) <= spec.i_source[-1].maximum * (1 + 1e-9)


@pytest.mark.parametrize("model", MODELS.values(), ids=list(MODELS))
def test_defaults_are_possible(model: Model) -> None:
    spec = model.spec
    assert spec.i_limit_minimum <= spec.i_limit_default
    assert spec.v_limit_minimum <= spec.v_limit_default
    assert all(0 < i <= spec.i_source[-1].maximum for i in model.ohms.values())
    assert list(model.ohms) == sorted(model.ohms)
    assert list(model.protection) == sorted(model.protection)
    assert model.auto_delay[-1][0] >= spec.i_source[-1].full_scale * 0.7


def test_figures_of_the_2450_as_printed() -> None:
    spec = MODELS["2450"].spec
    volts = {r.full_scale: r for r in spec.v_measure}
    assert volts[20.0].accuracy(10.0, 1.0) == pytest.approx(10.0 * 1.5e-4 + 1e-3)
    amperes = {r.full_scale: r for r in spec.i_measure}
    assert amperes[100e-9].accuracy(50e-9, 1.0) == pytest.approx(50e-9 * 6e-4 + 100e-12)
    assert spec.dc_area == ((21.0, 1.05), (210.0, 0.105))
