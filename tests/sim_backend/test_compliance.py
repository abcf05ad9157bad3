"""The voltage of a terminal behind a resistance, with a voltage on the other terminal."""

from __future__ import annotations

import pytest

from sim_backend.compliance import Voltages, place
from sim_backend.drive import NEVER, Drive

G = 200e-6  # S
OTHER = 91e-6  # V: the error of a source-meter that holds zero volts


def current(levels: Voltages, _: Drive) -> float:
    return G * (levels["top"] - levels["bottom"])


@pytest.mark.parametrize("level", [-1.3e-7, 0.0, 1.3e-7, 1.0])
@pytest.mark.parametrize("beside", [-1e-15, 0.0, 1e-15])
def test_the_search_does_not_run_away_from_where_no_current_flowed(
    level: float, beside: float
) -> None:
    drive = Drive("top")
    drive.resistance = 50.0
    drive.follow("v", ((0.0, level),), NEVER)
    # where the source was at zero volts, but for rounding: the next level is no multiple of that
    drive.near = 50 * G * OTHER / (1 + 50 * G) * (1 + beside)
    levels = {"top": 0.0, "bottom": OTHER}
    place([drive], levels, 0.0, current)
    expected = (level + 50 * G * OTHER) / (1 + 50 * G)
    assert levels["top"] == pytest.approx(expected, rel=1e-4, abs=2e-9)
