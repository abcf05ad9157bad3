"""A virtual sample that outlives its runs."""

from pathlib import Path

import pytest

import labctl
from labctl.errors import BadInput
from labctl.record import Record
from labctl.sample import holding_device

SHORT = {"intervals": "10 ms .. 100 ms, 2 log", "repeats": 1}
WAFER = """
name = "wafer"
[instruments.device]
driver = "direct"
[terminals]
top = "device.top"
[simulation.device]
family = "ftj"
[simulation.wafer]
dies = [3, 3]
sites = 2
gradient = [0.1, 0.0]
contact = "20 Ohm"
contact_sigma = 0.3
"""


@pytest.fixture
def wafer(tmp_path: Path) -> Path:
    path = tmp_path / "wafer.toml"
    path.write_text(WAFER, encoding="utf-8")
    return path


def measured(wafer: Path, **options: object) -> Record:
    options = {"out": wafer.parent / "runs", "seed": 1, **options}
    return labctl.run("ppf", wafer, **options, **SHORT)  # type: ignore[arg-type]


def test_without_a_sample_every_run_begins_with_fresh_devices(wafer: Path) -> None:
    first, second = measured(wafer), measured(wafer)
    assert first.readings.i.tolist() == second.readings.i.tolist()


def test_with_one_yesterdays_stress_is_there_today(wafer: Path) -> None:
    sample = wafer.parent / "W12"
    first = measured(wafer, sample=sample, device="1,1,1")
    second = measured(wafer, sample=sample, device="1,1,1")
    other = measured(wafer, sample=sample, device="1,1,2")
    assert first.readings.t[0] == pytest.approx(second.readings.t[0])  # a run begins at zero
    assert first.readings.i[0] != second.readings.i[0]
    assert second.header.origin == pytest.approx(first.header.origin + 0, abs=1e3)
    assert second.header.origin > first.header.origin == other.header.origin == 0
    assert second.header.sample == str(sample.resolve())
    again = measured(wafer, sample=sample, device="1,1,1", fresh=True)
    assert again.readings.i.tolist() == first.readings.i.tolist()


def test_a_site_that_is_not_there_is_refused(wafer: Path) -> None:
    with pytest.raises(BadInput, match=r"the wafer has 3 x 3 dies of 2 sites"):
        measured(wafer, device="4,1,1")


def test_a_device_belongs_to_one_run_at_a_time(tmp_path: Path) -> None:
    with (
        holding_device(tmp_path, "1,1", fresh=False),
        holding_device(tmp_path, "1,2", fresh=False),
        pytest.raises(BadInput, match="another runner"),
        holding_device(tmp_path, "1,1", fresh=False),
    ):
        pass


@pytest.mark.parametrize("site", ["../1", "a/b", ".", "..", "1,1\0"])
def test_a_name_cannot_leave_the_sample(tmp_path: Path, site: str) -> None:
    with (
        pytest.raises(BadInput, match="is not a name"),
        holding_device(tmp_path / "sample", site, fresh=False),
    ):
        pass
    assert not (tmp_path / "sample").exists()
