"""Device cards from readings; a virtual device is in tests/sim_backend/test_card_runs.py."""

import numpy as np
import pytest

from labctl.analysis.card_runs import run_cards, updates_of_run
from labctl.errors import BadInput
from labctl.readings import Flag, Readings, Row


def row(role: str, v: float, g: float = 0.0, flags: int = 0) -> Row:
    return Row(0.0, "top", role, v, v, g * v, 1e-4, 1e-5, 1e-9, flags)


def read(g: float, flags: int = 0) -> Row:
    return row("read", 0.1, g, flags)


UP, DOWN = row("pulse", 1.0, 1e-4), row("pulse", -1.0, 1e-4)


def test_branches_count_pulses_and_cycles():
    rows = [read(1.0), UP, read(2.0), UP, UP, read(3.0), DOWN, read(2.5), UP, read(2.7)]
    found = updates_of_run(Readings(rows), "top")
    up, down = "potentiation", "depression"
    assert found.g == pytest.approx([1.0, 2.0, 3.0, 3.0, 2.5, 2.5, 2.7])
    assert found.pulse.tolist() == [0, 1, 3, 0, 1, 0, 1]
    assert found.branch.tolist() == [up, up, up, down, down, up, up]
    assert found.cycle.tolist() == [0, 0, 0, 0, 0, 1, 1]


def test_the_polarity_that_raises_the_conductance_potentiates():
    found = updates_of_run(Readings([read(1.0), DOWN, read(2.0), UP, read(1.5)]), "top")
    assert found.branch.tolist() == ["potentiation"] * 2 + ["depression"] * 2


def test_reads_are_averaged_and_bad_ones_left_out():
    rows = [read(1.0), read(3.0), read(99.0, Flag.OVERRANGE), UP, read(4.0)]
    assert updates_of_run(Readings(rows), "top").g == pytest.approx([2.0, 4.0])


def test_pulses_of_both_signs_between_reads_are_no_step():
    rows = [read(1.0), UP, read(2.0), UP, DOWN, read(5.0), UP, read(6.0)]
    found = updates_of_run(Readings(rows), "top")
    assert found.g == pytest.approx([1.0, 2.0, 5.0, 6.0])
    assert found.pulse.tolist() == [0, 1, 0, 1]
    assert found.cycle.tolist() == [0, 0, 1, 1]


@pytest.mark.parametrize("rows", [[], [read(1.0)], [UP, UP], [read(1.0), read(2.0)]])
def test_a_run_without_updates_is_refused_with_what_is_needed(rows):
    with pytest.raises(BadInput, match="need reads between measured pulses"):
        updates_of_run(Readings(rows), "top")


def test_one_branch_alone_gives_no_cards():
    with pytest.raises(BadInput, match="both branches"):
        run_cards(Readings([read(1.0), UP, read(2.0)]), "top")


def test_cards_of_a_saturating_device():
    rng, rows, g = np.random.default_rng(2), [read(10e-6)], 10e-6
    for _ in range(4):
        for pulse, aim in ((UP, 100e-6), (DOWN, 10e-6)):
            for _ in range(40):
                g += 0.05 * (aim - g) * (1 + 0.05 * rng.normal())
                rows += [pulse, read(g)]
    found = run_cards(Readings(rows), "top")
    assert {"neurosim", "soft_bounds", "crosssim"} <= set(found.cards), found.missing
