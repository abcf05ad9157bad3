"""Finding what is installed, and noticing what is not labctl's."""

from __future__ import annotations

import subprocess
import sys

import pytest

from labctl import catalogue
from labctl.errors import BadInput


def test_names_and_loading():
    assert "ppf" in catalogue.names("protocol")
    assert {"direct", "keithley2600"} <= set(catalogue.names("instrument"))
    assert catalogue.load("protocol", "ppf").model_fields["kind"].default == "ppf"


def test_an_unknown_name_lists_what_is_installed():
    with pytest.raises(BadInput, match=r'no instrument called "keithley".*keithley2600'):
        catalogue.load("instrument", "keithley")


def test_another_package_called_instruments_is_named(tmp_path):
    """InstrumentKit installs one; whoever comes first on the path wins."""
    other = tmp_path / "instruments"
    other.mkdir()
    (other / "__init__.py").write_text("")
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from labctl.cli import main; main()"
    words = [sys.executable, "-c", code, "check", "ppf"]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert f'"instruments" is not labctl\'s but comes from {tmp_path}' in answer.stderr
    assert "environment of its own" in answer.stderr
    assert "Traceback" not in answer.stderr


def test_the_users_benches_are_found_before_the_shipped_ones(workplace):
    (workplace / "benches").mkdir()
    mine = workplace / "benches" / "sim-ftj.toml"
    mine.write_text("")
    assert catalogue.find_bench("sim-ftj").resolve() == mine.resolve()
