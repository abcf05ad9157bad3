"""Campaigns: sites, temperatures, grids, conditions; faults on the way, and going on again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from labctl import campaign, catalogue, engine, sequence
from labctl.benchfile import read_bench
from labctl.campaign_results import campaign_report, campaign_results
from labctl.control import Control
from labctl.errors import Aborted, BadInput
from labctl.hooks import Hook, Told, call
from labctl.record import Record
from labctl.verification import verify

PAIR = """
[[stage]]
protocol = "ppf"
set.repeats = 1
set.restore = "wait"
set.longest_wait = 0
set.intervals = "20 ms"
"""


def written(tmp_path, text, *, bench="sim-wafer", stages=PAIR):
    path = tmp_path / "night.toml"
    path.write_text(f'bench = "{bench}"\n{text}\n{stages}', encoding="utf-8")
    return path


def wafer(tmp_path, **changes):
    """Write sim-wafer with a changed wafer or simulation and return its path."""
    text = catalogue.find_bench("sim-wafer").read_text(encoding="utf-8")
    faults = changes.pop("faults", "")
    for name, value in changes.items():
        lines = [
            f"{name} = {json.dumps(value)}" if line.split("=")[0].strip() == name else line
            for line in text.splitlines()
        ]
        text = "\n".join(lines)
    path = tmp_path / "wafer.toml"
    path.write_text(text.replace("[simulation.device]", faults + "\n[simulation.device]"), "utf-8")
    return path


def carried_out(path, tmp_path, **options):
    told: list[str] = []
    folder = campaign.run(path, engine.Options(tmp_path / "runs", **options), told=told.append)
    return folder, campaign.read_progress(folder), told


def test_sites_temperatures_and_grid_are_gone_through(tmp_path):
    text = (
        'sites = "3..4, 3..3, 1"\ntemperatures = ["300 K", "330 K"]\nfigures = ["index"]\n'
        'good = "index > 15 %"'
    )
    stages = PAIR.replace('set.intervals = "20 ms"\n', "") + (
        '[stage.grid]\nintervals = ["20 ms", "60 ms"]\n'
        + PAIR + 'name = "warm"\nwhen = "ppf-1.index < 15 %"\n'
    )  # fmt: skip
    folder, progress, told = carried_out(written(tmp_path, text, stages=stages), tmp_path)
    assert [(part.site, part.temperature, part.status) for part in progress.parts] == [
        ("3,3,1", 300.0, "done"), ("4,3,1", 300.0, "done"),
        ("3,3,1", 330.0, "done"), ("4,3,1", 330.0, "done"),
    ]  # fmt: skip
    runs = [Record(run) for run in catalogue.run_folders(tmp_path / "runs")]
    assert len(runs) == 4 * 2 + 2  # what stands under a condition runs at the higher temperature
    assert {run.header.temperature for run in runs} == {300.0, 330.0}
    assert all(verify(run.folder).holds for run in runs)
    found = campaign_results(folder)
    # the relaxation is quicker at the higher temperature, so less facilitation is left
    cold, hot = (found.metrics[f"ppf-1@{k}K.index"].value for k in (300, 330))
    assert cold > 2 * hot
    assert found.metrics["ppf-1@300K.yield"].value == 1.0
    assert found.metrics["ppf-1@330K.yield"].value == 0.0
    assert any("warm@300K: left out by its condition on 2 sites" in note for note in found.notes)
    assert any("warm: left out" in line for line in told)
    html = campaign_report(folder)
    assert "Map of index" in html
    assert "SIMULATED" in html.upper()


def test_a_site_without_contact_is_passed_over_and_named(tmp_path):
    bench = wafer(tmp_path, open="45 %", short="0 %", miss="0 %")
    text = 'sites = "2..5, 3..3, 1"'
    folder, progress, _ = carried_out(written(tmp_path, text, bench=bench), tmp_path)
    status = [part.status for part in progress.parts]
    assert progress.status == "done"
    assert set(status) == {"done", "no contact"}
    lost = next(part for part in progress.parts if part.status == "no contact")
    assert lost.why.startswith(f"no contact on site {lost.site} after 3 touch-downs")
    found = campaign_results(folder)
    assert found.metrics["ppf.contacts"].value == status.count("done") / 4
    assert any(f"no contact, and no data, on {lost.site}" in note for note in found.notes)


# the link is lost at this line: late enough that what is left after a resume does not reach it
FAULT = '[[simulation.faults]]\ninstrument = "smu"\nkind = "close"\nat = 375\n'


def test_a_dropped_link_is_tried_again_where_it_broke_off(tmp_path):
    text = 'sites = "3..4, 3..3, 1"\nretries = 1'
    stages = PAIR.replace("repeats = 1", "repeats = 30")
    bench = wafer(tmp_path, open="0 %", short="0 %", miss="0 %", faults=FAULT)
    folder, progress, _ = carried_out(written(tmp_path, text, bench=bench, stages=stages), tmp_path)
    assert [(part.status, part.tries) for part in progress.parts] == [("done", 2), ("done", 2)]
    for part in progress.parts:
        (entry,) = sequence.read_course(folder / part.folder).entries
        record = Record(folder / part.folder / entry.run)
        assert record.header.status == "done"
        assert any(note.kind == "instrument" for note in record.notes)
        assert verify(record.folder).holds


def test_a_row_of_failures_ends_it_and_it_can_be_resumed(tmp_path):
    early = FAULT.replace("375", "12")
    bench = wafer(tmp_path, open="0 %", short="0 %", miss="0 %", faults=early)
    said = tmp_path / "said.jsonl"
    program = "import sys; open(sys.argv[1], 'a').write(sys.stdin.read() + chr(10))"
    hook = json.dumps([sys.executable, "-c", program, str(said)])
    text = f'sites = "2..6, 4..4, 1"\nretries = 0\nfailures = 2\nnotify = {{ command = {hook} }}'
    path = written(tmp_path, text, bench=bench)
    folder, progress, _ = carried_out(path, tmp_path)
    assert progress.status == "stopped"
    assert progress.message.startswith("2 sites failed one after another, the last 3,4,1")
    assert [part.status for part in progress.parts] == ["failed"] * 2 + ["waiting"] * 3
    told = [json.loads(line) for line in said.read_text().splitlines()]
    assert [one["event"] for one in told] == ["error"] * 3
    # failed sites are tried once more, each run on the bench as its record has it: here they fail
    # again, and the sites that were not begun stay untouched
    campaign.resume(folder)
    after = campaign.read_progress(folder)
    assert after.status == "stopped"
    assert [part.status for part in after.parts] == ["failed"] * 2 + ["waiting"] * 3
    assert len(said.read_text().splitlines()) == 6


@pytest.mark.parametrize("steps", [1, 4, pytest.param(7, marks=pytest.mark.long)])
def test_an_aborted_campaign_goes_on_to_the_same_end(tmp_path, steps):
    path = written(tmp_path, 'sites = "3..5, 3..3, 1"')
    _, whole, _ = carried_out(path, tmp_path)
    control, seen = Control(), []

    def progress(*_):
        seen.append(1)
        if len(seen) == steps:
            control.say("abort", "test")

    with pytest.raises(Aborted):
        campaign.run(path, engine.Options(tmp_path / "broken", progress=progress), "", control)
    (folder,) = (tmp_path / "broken").glob("*/*")
    campaign.resume(folder)
    after = campaign.read_progress(folder)
    assert [part.status for part in after.parts] == [part.status for part in whole.parts]
    with pytest.raises(BadInput, match="nothing to resume"):
        campaign.resume(folder)


def test_a_killed_runner_loses_no_site(tmp_path):
    path = written(tmp_path, 'sites = "3..6, 3..3, 1"')
    command = [
        sys.executable,
        "-m",
        "labctl.cli",
        "campaign",
        str(path),
        "--out",
        str(tmp_path / "k"),
    ]
    runner = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    deadline = time.monotonic() + 60
    while len(list((tmp_path / "k").glob("*/*/*/*/journal.jsonl"))) < 2:
        assert time.monotonic() < deadline
        assert runner.poll() is None
        time.sleep(0.02)
    os.kill(runner.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    runner.communicate()
    (folder,) = (tmp_path / "k").glob("*/*")
    campaign.resume(folder)
    after = campaign.read_progress(folder)
    assert after.status == "done"
    assert [part.status for part in after.parts] == ["done"] * 4
    assert len(list(catalogue.run_folders(tmp_path / "k"))) == 4
    assert all(verify(run).holds for run in catalogue.run_folders(tmp_path / "k"))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('sites = "a"', "no block of sites"),
        ("", "sites"),
        ('sites = "1,1,1"\norder = "spiral"', "order"),
        ('sites = "1,1,1"\nnotify = { command = [] }', "notify.command"),
    ],
)
def test_a_wrong_file_is_one_sentence(tmp_path, text, sentence):
    with pytest.raises(BadInput, match=sentence) as caught:
        campaign.run(written(tmp_path, text), engine.Options(tmp_path / "runs"))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "runs").exists()


class TestHook:
    def test_it_is_called_for_its_events_only_and_what_fails_is_said(self, tmp_path):
        told = Told("end", "done", "f")
        assert call(Hook(command=("no-such-program-here",), on=("error",)), told) == ""
        assert "could not be called" in call(Hook(command=("no-such-program-here",)), told)
        failing = Hook(command=(sys.executable, "-c", "import sys; sys.exit('away')"))
        assert call(failing, told).endswith("ended with status 1: away")
        slow = Hook(command=(sys.executable, "-c", "import time; time.sleep(9)"), timeout=0.2)
        assert "timed out" in call(slow, told)

    def test_it_is_called_when_a_figure_passes_the_threshold(self, tmp_path):
        said = tmp_path / "said"
        program = "import os, sys; open(sys.argv[1], 'a').write(os.environ['LABCTL_TEXT'])"
        hook = json.dumps([sys.executable, "-c", program, str(said)])
        text = (
            f'sites = "3,3,1"\nnotify = {{ command = {hook}, on = ["threshold"], '
            'threshold = "index > 10 %" }'
        )
        carried_out(written(tmp_path, text), tmp_path)
        assert said.read_text().startswith("3,3,1: 01-ppf: index = 0.")


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_night_with_dead_devices_lost_contacts_a_kill_and_dropped_links(tmp_path):
    """25 dies, two temperatures, three protocols; it ends whole, with map, yield and report."""
    bench = wafer(tmp_path, open="6 %", short="4 %", miss="10 %", faults=FAULT)
    stages = PAIR + (
        '[[stage]]\nprotocol = "ltp-ltd"\nset.pulses = 10\nset.cycles = 2\n'
        '[[stage]]\nprotocol = "retention"\nset.longest = "100 s"\n'
    )
    text = 'sites = "2..6, 2..6, 1"\ntemperatures = ["300 K", "330 K"]\nretries = 3\nfailures = 9'
    path = written(tmp_path, text, bench=bench, stages=stages)
    command = [
        sys.executable,
        "-m",
        "labctl.cli",
        "campaign",
        str(path),
        "--out",
        str(tmp_path / "k"),
    ]
    runner = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while len(list((tmp_path / "k").glob("*/*/*/*/journal.jsonl"))) < 20:
        assert runner.poll() is None
        time.sleep(0.05)
    os.kill(runner.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    runner.communicate()
    (folder,) = (tmp_path / "k").glob("*/*")
    campaign.resume(folder)
    progress = campaign.read_progress(folder)
    assert progress.status == "done"
    assert {part.status for part in progress.parts} <= {"done", "no contact"}
    assert any(part.status == "no contact" for part in progress.parts)
    assert any(part.tries > 1 for part in progress.parts)
    for run in catalogue.run_folders(tmp_path / "k"):
        found = verify(run)
        assert found.holds, found
    assert 0.5 < campaign_results(folder).metrics["ppf@300K.yield"].value < 1
    assert "Map of" in campaign_report(folder)
    assert read_bench(bench)[0].simulated
