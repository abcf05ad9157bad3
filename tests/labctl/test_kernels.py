"""Compiled kernels are offered where numba is, and can be declined."""

import pytest

from labctl.kernels import kernels


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
