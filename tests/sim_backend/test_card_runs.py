"""Device cards straight from a run on a virtual device."""

import pytest

from labctl.analysis.card_runs import run_cards, updates_of_run
from labctl.capability import Setup
from labctl.readings import Readings
from labctl.steps import Play
from labctl.waveform import pulse, read, rest
from sim_backend import direct
from sim_backend.laboratory import open_laboratory

CONTENT = {
    "name": "cards",
    "instruments": {"source": {"driver": "direct"}},
    "terminals": {"top": "source.top"},
    "simulation": {
        "device": {"family": "rram-array", "preset": "om"},
        "noise": {"instrument": False, "cycle": True, "device": False},
    },
}


@pytest.fixture(scope="module")
def readings() -> Readings:
    laboratory = open_laboratory(CONTENT, 3, None, 0.0)
    setup = Setup("source", "", "", {"top": "top"}, laboratory.visa, laboratory)
    source = direct.connect(setup)
    look = read(0.1, 1e-3) + rest(1e-4)
    up, down = (pulse(v, 1e-7) + rest(1e-4) + look for v in (1.5, -1.5))
    waveform = look + (up * 100 + down * 100) * 3
    rows = [row for part in source.play(Play(waveform, 10e-3), lambda: False) for row in part]
    source.close()
    return Readings(rows)


def test_every_pulse_of_the_run_is_in_a_branch(readings):
    found = updates_of_run(readings, "top")
    for branch in ("potentiation", "depression"):
        at = found.branch == branch
        assert set(found.cycle[at]) == {0, 1, 2}
        assert found.pulse[at].max() == 100
        ends = found.g[at & (found.pulse == 100)]
        starts = found.g[at & (found.pulse == 0)]
        assert all((ends > starts) if branch == "potentiation" else (ends < starts))


def test_the_cards_hold_the_range_that_was_measured(readings):
    found = run_cards(readings, "top")
    assert {"neurosim", "linear_step", "crosssim"} <= set(found.cards), found.missing
    updates = updates_of_run(readings, "top")
    content = found.cards["neurosim"].content
    for name, branch in (("maxConductance", "potentiation"), ("minConductance", "depression")):
        ends = updates.g[(updates.branch == branch) & (updates.pulse >= 80)]
        assert content[name] == pytest.approx(ends.mean(), rel=0.2)
