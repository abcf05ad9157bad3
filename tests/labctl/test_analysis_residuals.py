"""The runs test against counting every arrangement of signs."""

import itertools

import numpy as np
import pytest

from labctl.analysis.residuals import runs_test


def count_runs(signs: tuple[int, ...]) -> int:
    return 1 + sum(a != b for a, b in itertools.pairwise(signs))


@pytest.mark.parametrize(("above", "below"), [(1, 1), (3, 2), (4, 4), (1, 6), (5, 3)])
def test_it_is_the_share_of_arrangements_with_so_few_runs(above: int, below: int) -> None:
    arrangements = set(itertools.permutations((1,) * above + (-1,) * below))
    for signs in arrangements:
        few = sum(count_runs(other) <= count_runs(signs) for other in arrangements)
        assert runs_test(signs) == pytest.approx(few / len(arrangements))


def test_many_residuals_take_the_normal_approximation() -> None:
    rng = np.random.default_rng(1)
    found = np.array([runs_test(rng.normal(size=400)) for _ in range(2000)], float)
    for level in (0.01, 0.05, 0.5):
        assert np.mean(found <= level) == pytest.approx(level, abs=4 * np.sqrt(level / 2000) + 0.02)
    exact, normal = runs_test([1, -1] * 100), runs_test([1, -1] * 101)
    assert exact == pytest.approx(normal, abs=1e-3)


def test_a_wave_is_noticed() -> None:
    p = runs_test(np.sin(np.linspace(0, 20, 300)))
    assert p is not None
    assert p < 1e-20


def test_nothing_to_tell() -> None:
    assert runs_test([]) is None
    assert runs_test([1.0]) is None
    assert runs_test([2.0, 1.0, 3.0]) is None
    assert runs_test([np.nan, 0.0, np.inf]) is None


def test_zeros_and_gaps_are_left_out() -> None:
    assert runs_test([1, 0, 1, np.nan, -1, -1]) == runs_test([1, 1, -1, -1])
