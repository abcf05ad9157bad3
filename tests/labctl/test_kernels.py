"""Compiled kernels are offered where numba is, and can be declined."""

import pytest

from labctl.kernels import Recurring, kernels


def test_they_can_be_declined(monkeypatch) -> None:
    monkeypatch.setenv("LABCTL_KERNELS", "numpy")
    assert kernels("labctl.analysis.kernels") is None


def test_they_are_taken_by_default(monkeypatch) -> None:
    monkeypatch.delenv("LABCTL_KERNELS", raising=False)
    found = kernels("labctl.analysis.kernels")
    assert found is not None
    assert found.__name__ == "labctl.analysis.kernels"


def test_another_choice_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("LABCTL_KERNELS", "fortran")
    with pytest.raises(ValueError, match="use numba or numpy"):
        kernels("labctl.analysis.kernels")


def test_what_comes_again_and_again_is_compiled_after_a_while(monkeypatch) -> None:
    monkeypatch.delenv("LABCTL_KERNELS", raising=False)
    for _ in range(2):  # the next one counts anew
        often = Recurring("labctl.analysis.kernels", 3)
        assert [often.kernels() is None for _ in range(5)] == [True] * 3 + [False] * 2
    monkeypatch.setenv("LABCTL_KERNELS", "numpy")
    assert often.kernels() is None
