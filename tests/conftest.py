"""What every test stands on: no display, no user settings, a working folder of its own."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("MPLBACKEND", "Agg")

# No deadline: how long one example takes says more about the machine than about the code.
# The `workplace` fixture below holds no state that an example could spoil.
# Where a change is judged the examples are the same each time; elsewhere every run tries new ones.
settings.register_profile(
    "labctl",
    deadline=None,
    max_examples=60,  # of some hundred properties; those that need more say so
    derandomize="CI" in os.environ,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
settings.load_profile("labctl")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def workplace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Run in an empty folder, without the bench files and settings of whoever runs the tests."""
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return work


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the project's folder."""
    return ROOT
