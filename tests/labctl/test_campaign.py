"""Campaigns: sites, temperatures, grids, conditions; faults on the way, and going on again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import typer
from typer.testing import CliRunner

from instruments.keithley2600_script import SCRIPT
from labctl import campaign, catalogue, engine, sequence
from labctl.campaign_command import run_campaign
from labctl.campaign_file import Campaign
from labctl.campaign_map import drawn_map, read_sites
from labctl.campaign_progress import parts
from labctl.campaign_report import campaign_report
from labctl.campaign_results import campaign_results
from labctl.control import Control
from labctl.errors import Aborted, BadInput, Refused
from labctl.hooks import Hook, Told, call
from labctl.record import Record
from labctl.verification import verify
from protocols.ppf import PairedPulse

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
        'sites = "3..4, 3..3, 1"\ntemperatures = ["300 K", "330.5 K"]\nfigures = ["index"]\n'
        'good = "index > 15 %"'
    )
    stages = PAIR.replace('set.intervals = "20 ms"\n', "") + (
        '[stage.grid]\nintervals = ["20 ms", "60 ms"]\n'
        + PAIR + 'name = "warm"\nwhen = "ppf-1.index < 15 %"\n'
    )  # fmt: skip
    folder, progress, told = carried_out(written(tmp_path, text, stages=stages), tmp_path)
    assert [(part.site, part.temperature, part.status) for part in progress.parts] == [
        ("3,3,1", 300.0, "done"), ("4,3,1", 300.0, "done"),
        ("3,3,1", 330.5, "done"), ("4,3,1", 330.5, "done"),
    ]  # fmt: skip
    runs = [Record(run) for run in catalogue.run_folders(tmp_path / "runs")]
    assert len(runs) == 4 * 2 + 2  # what stands under a condition runs at the higher temperature
    assert {run.header.temperature for run in runs} == {300.0, 330.5}
    assert all(verify(run.folder).holds for run in runs)
    found = campaign_results(folder)
    # the relaxation is quicker at the higher temperature, so less facilitation is left
    cold, hot = (found.metrics[f"ppf-1@{k}K.index"].value for k in (300, 330.5))
    assert cold > 2 * hot
    assert found.metrics["ppf-1@300K.yield"].value == 1.0
    table = next(t for t in found.tables if t.title == "Figures of ppf-1 over the sites")
    assert [column.name for column in table.columns] == [
        "figure", "mean at 300 K", "spread at 300 K", "mean at 330.5 K", "spread at 330.5 K",
        "definition",
    ]  # fmt: skip
    assert table.columns[0].data == ("yield", "contacts", "index")
    assert found.metrics["ppf-1@330.5K.yield"].value == 0.0
    assert any("warm@300K: left out by its condition on 2 sites" in note for note in found.notes)
    assert any("warm: left out" in line for line in told)


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


LOADED = SCRIPT.count("\n")  # lines that the driver sends before anything is played

# the link is lost at this line: late enough that what is left after a resume does not reach it
FAULT = '[[simulation.faults]]\ninstrument = "smu"\nkind = "close"\nat = {}\n'
LATE = FAULT.format(LOADED + 80)


def test_a_dropped_link_is_tried_again_where_it_broke_off(tmp_path):
    text = 'sites = "3,3,1"\nretries = 1'
    stages = PAIR.replace("repeats = 1", "repeats = 30")
    bench = wafer(tmp_path, open="0 %", short="0 %", miss="0 %", faults=LATE)
    folder, progress, _ = carried_out(written(tmp_path, text, bench=bench, stages=stages), tmp_path)
    assert [(part.status, part.tries) for part in progress.parts] == [("done", 2)]
    for part in progress.parts:
        (entry,) = sequence.read_course(folder / part.folder).entries
        record = Record(folder / part.folder / entry.run)
        assert record.header.status == "done"
        assert any(note.kind == "instrument" for note in record.notes)
        assert verify(record.folder).holds


# of the lines of the first site: amid its pulses
AMID = f'[[simulation.faults]]\ninstrument = "smu"\nkind = "{{}}"\nat = {LOADED + 45}\n'


def test_needles_that_lose_a_site_amid_its_pulses_are_told_of(tmp_path):
    stages = PAIR.replace("repeats = 1", "repeats = 15")
    bench = wafer(tmp_path, open="0 %", short="0 %", miss="0 %", faults=AMID.format("contact-lost"))
    text = 'sites = "3,3,1"'
    folder, progress, told = carried_out(
        written(tmp_path, text, bench=bench, stages=stages), tmp_path
    )
    (part,) = progress.parts
    assert part.status == "done"  # a device may well open by itself: that is for the user to say
    assert part.why.startswith("site 3,3,1 had a contact and at the end has none")
    assert "\n" not in part.why
    assert any(part.why in line for line in told)
    assert "contact lost, but counted, on 3,3,1" in campaign_results(folder).notes


def test_a_stuck_prober_fails_its_sites_in_one_sentence_and_stops_the_campaign(tmp_path):
    bench = wafer(tmp_path, open="0 %", short="0 %", miss="0 %", faults=AMID.format("stuck"))
    text = 'sites = "2..4, 4..4, 1"\nretries = 0\nfailures = 2'
    stages = PAIR.replace("repeats = 1", "repeats = 15")
    folder, progress, _ = carried_out(written(tmp_path, text, bench=bench, stages=stages), tmp_path)
    assert progress.status == "stopped"
    assert [part.status for part in progress.parts] == ["failed"] * 2 + ["waiting"]
    for part in progress.parts[:2]:
        assert part.why.startswith("prober (GPIB0::28::INSTR): the prober answered error")
        assert part.why.count("Stage did not reach its position") == 1
        assert "look at the station" in part.why
        assert "\n" not in part.why
        record = Record(folder / part.folder / "01-ppf")
        assert len(record.readings) > 15  # what was measured before the chuck was to leave
        assert part.why in record.header.message
    wafer(tmp_path, open="0 %", short="0 %", miss="0 %")  # somebody has freed it
    campaign.resume(folder)
    assert [part.status for part in campaign.read_progress(folder).parts] == ["done"] * 3


def test_a_row_of_failures_ends_it_and_it_can_be_resumed(tmp_path):
    early = FAULT.format(12)
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
    # a fault says nothing of a device: it has no share in the yield
    found = campaign_results(folder)
    assert not any("yield" in name for name in found.metrics)
    assert any("instrument fault, and not counted, on 2,4,1; 3,4,1" in n for n in found.notes)
    # on the mended bench file the runs that came to nothing begin anew
    wafer(tmp_path, open="0 %", short="0 %", miss="0 %")
    campaign.resume(folder)
    assert [part.status for part in campaign.read_progress(folder).parts] == ["done"] * 5
    assert json.loads(said.read_text().splitlines()[-1])["text"] == "done; 0 of 5 parts failed"
    runs = [Record(run) for run in catalogue.run_folders(tmp_path / "runs")]
    assert sorted(run.header.status for run in runs) == ["done"] * 5 + ["failed"] * 2
    assert all(verify(run.folder).holds for run in runs)
    assert campaign_results(folder).metrics["yield"].value == 1.0


@pytest.mark.parametrize("steps", [1, 4, pytest.param(5, marks=pytest.mark.long)])
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


def planned(**changes):
    stage = ({"protocol": "ppf"},)
    return Campaign(**{"sites": "1..3, 1..2, 1", "stage": stage, **changes})


def test_sites_are_visited_in_the_order_asked_for():
    block = ["1,1,1", "2,1,1", "3,1,1", "3,2,1", "2,2,1", "1,2,1"]
    assert planned().ordered() == block
    mixed = [block[k] for k in (4, 0, 5, 2, 3, 1)]
    assert planned(sites=mixed).ordered() == mixed
    assert planned(sites=[*mixed, "D7"], order="serpentine").ordered() == [*block, "D7"]
    shuffled = planned(order="random").ordered()
    assert sorted(shuffled) == sorted(block)
    assert shuffled == planned(order="random").ordered() != block  # the seed's, on every resume
    assert shuffled != planned(order="random", seed=1).ordered()
    visited = parts(planned(temperatures=["300 K", "330 K"], order="random"))
    assert [part.site for part in visited] == shuffled * 2
    assert [part.temperature for part in visited] == [300.0] * 6 + [330.0] * 6


def test_a_grid_is_every_combination_with_a_name_for_each():
    grid = {"amplitude": ["0.8 V", "1 V"], "width": ["1 ms", "2 ms", "3 ms"]}
    stages = planned(stage=({"protocol": "ppf", "grid": grid, "set": {"repeats": 1}},)).sequence()
    assert stages.names() == [f"ppf-{k}" for k in range(1, 7)]
    assert stages.stage[4].set == {"repeats": 1, "amplitude": "1 V", "width": "2 ms"}
    assert stages.stage[4].note == "amplitude=1 V, width=2 ms"


def test_lost_needles_stop_it_and_their_sites_are_tried_again(tmp_path):
    bench = wafer(tmp_path, open="100 %", short="0 %", miss="0 %")
    text = 'sites = "2..4, 3..3, 1"\nlost = 2'
    folder, progress, told = carried_out(written(tmp_path, text, bench=bench), tmp_path)
    assert progress.status == "stopped"
    assert told[-1].startswith("2 sites without a contact one after another, the last 3,3,1")
    assert [part.status for part in progress.parts] == ["failed", "failed", "waiting"]
    wafer(tmp_path, open="0 %", short="0 %", miss="0 %")
    campaign.resume(folder)
    assert [part.status for part in campaign.read_progress(folder).parts] == ["done"] * 3


def test_no_site_is_begun_after_the_longest_time(tmp_path):
    text = 'sites = "2..4, 3..3, 1"\nlongest = "1 ns"'
    _, progress, _ = carried_out(written(tmp_path, text), tmp_path)
    assert (progress.status, progress.message) == ("stopped", "longer than 1 ns")
    assert {part.status for part in progress.parts} == {"waiting"}


def test_a_step_in_doubt_is_skipped_where_the_file_says_so(tmp_path):
    text = 'sites = "3,3,1"\nretries = 2\ninterrupted = "skip"'
    stages = PAIR.replace("repeats = 1", "repeats = 30")
    bench = wafer(tmp_path, open="0 %", short="0 %", miss="0 %", faults=LATE)
    folder, progress, _ = carried_out(written(tmp_path, text, bench=bench, stages=stages), tmp_path)
    (part,) = progress.parts
    assert (part.status, part.tries) == ("done", 2)
    record = Record(folder / part.folder / "01-ppf")
    assert [step.skipped for step in record.steps].count(True) == 1
    assert verify(record.folder).holds


def test_a_device_whose_analysis_breaks_does_not_end_the_night(tmp_path, monkeypatch):
    sound = PairedPulse.analyse

    def breaks(self, record):
        if record.header.site == "4,3,1":
            raise ValueError("odd device")
        return sound(self, record)

    monkeypatch.setattr(PairedPulse, "analyse", breaks)
    text = 'sites = "3..5, 3..3, 1"\nretries = 3'
    folder, progress, _ = carried_out(written(tmp_path, text), tmp_path)
    assert progress.status == "done"
    odd = progress.parts[1]
    assert (odd.status, odd.why, odd.tries) == ("failed", "ValueError: odd device", 1)
    assert [part.status for part in progress.parts] == ["done", "failed", "done"]
    # the measurement is there: once the analysis is mended the site is done, without a pulse more
    readings = (folder / odd.folder / "01-ppf" / "readings.csv").read_bytes()
    monkeypatch.undo()
    campaign.resume(folder)
    assert {part.status for part in campaign.read_progress(folder).parts} == {"done"}
    assert (folder / odd.folder / "01-ppf" / "readings.csv").read_bytes() == readings


def test_what_every_site_would_refuse_is_refused_before_the_first(tmp_path):
    stages = PAIR + 'set.amplitude = "7 V"\n'
    with pytest.raises(Refused, match="envelope"):
        carried_out(written(tmp_path, 'sites = "3,3,1"', stages=stages), tmp_path)
    warm = 'sites = ["D1"]\ntemperatures = ["310 K"]'
    with pytest.raises(Refused, match="a soak"):
        carried_out(written(tmp_path, warm, bench="sim-ftj"), tmp_path)
    assert not (tmp_path / "runs").exists()


def test_the_command_plans_and_reports(tmp_path):
    app = typer.Typer()
    app.command()(run_campaign)
    text = 'sites = "3,3,1"\ntemperatures = ["300 K", "310 K"]\nfigures = ["index"]'
    path = written(tmp_path, text, stages=PAIR + PAIR)
    plan = CliRunner().invoke(app, [str(path), "--check"])
    assert plan.exit_code == 0, plan.output
    assert plan.stdout.splitlines()[0].startswith("ppf-1: 2 steps, ")
    *_, total = plan.stdout.splitlines()
    assert total.startswith("2 parts (1 sites, 2 temperatures), 4 runs, ")
    done = CliRunner().invoke(
        app, [str(path), "--out", str(tmp_path / "r"), "--map", "ppf-2.index"]
    )
    assert done.exit_code == 0, done.output
    assert "3,3,1 at 300 K" in done.stdout
    assert "ppf-2.index at 310 K, 1 of 1 sites" in done.stdout
    assert "report " in done.stdout
    (folder,) = (tmp_path / "r").glob("*/*")
    assert (folder / "map.png").read_bytes().startswith(b"\x89PNG")
    again = CliRunner().invoke(app, [str(folder)])
    assert again.exit_code == 2
    assert "nothing to resume" in again.stderr
    shown = CliRunner().invoke(app, [str(folder), "--report", "--json"])
    told = json.loads(shown.stdout)
    assert (told["status"], len(told["parts"])) == ("done", 2)
    assert "ppf-1@300K.index" in told["metrics"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('sites = "a"', "no block of sites"),
        ('sites = ["1,1,1", "1,1,1"]', "stands twice"),
        ('sites = "1,1,1"\ntemperatures = ["300 K", "300 K"]', "300 K stands twice"),
        ('sites = "1,1,1"\ngood = "index is large"', "cannot be read"),
        ('sites = "1,1,1"\nnotify = { command = ["x"], threshold = "much" }', "cannot be read"),
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

    def test_it_gets_the_event_in_json_and_surroundings_whatever_its_arguments(self, tmp_path):
        """No shell: quotes, blanks and signs of any shell reach the program as they are."""
        odd = ['a b"c', "it's", "%PATH%", "$HOME & exit | more", "", "\\"]
        said = tmp_path / "said here.json"
        program = (
            "import json, os, sys; told = json.load(sys.stdin); "
            "told['arguments'] = sys.argv[2:]; told['event again'] = os.environ['LABCTL_EVENT']; "
            "json.dump(told, open(sys.argv[1], 'w', encoding='utf-8'))"
        )
        hook = Hook(command=(sys.executable, "-c", program, str(said), *odd), on=("error",))
        text = 'lost "the link" to 2602B; 3 µA & more'
        assert call(hook, Told("error", text, str(tmp_path))) == ""
        assert json.loads(said.read_text("utf-8")) == {
            "event": "error", "text": text, "folder": str(tmp_path), "arguments": odd,
            "event again": "error",
        }  # fmt: skip

    def test_it_is_called_at_the_end_and_a_threshold_needs_no_more_than_itself(self, tmp_path):
        said = tmp_path / "said"
        program = "import os, sys; print(os.environ['LABCTL_EVENT'], file=open(sys.argv[1], 'a'))"
        hook = json.dumps([sys.executable, "-c", program, str(said)])
        text = f'sites = "3,3,1"\nnotify = {{ command = {hook}, threshold = "index > 10 %" }}'
        carried_out(written(tmp_path, text), tmp_path)
        assert said.read_text().split() == ["threshold", "end"]

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


UPDATES = """
[[stage]]
protocol = "ltp-ltd"
set = { pulses = 10, cycles = 2, conditioning = 0 }
"""
FADING = """
[[stage]]
protocol = "retention"
set = { last = "100 s" }
"""


def night(tmp_path, sites, runs, bench, stages):
    """Carry a campaign out whose runner is killed after so many runs, and resume it."""
    text = (
        f'title = "Night"\nsites = "{sites}"\ntemperatures = ["300 K", "330 K"]\nretries = 3\n'
        'failures = 9\ngood = "index > 5 %"\nfigures = ["index", "retention.life_1", "g_max"]'
    )
    path = written(tmp_path, text, bench=bench, stages=stages)
    out = tmp_path / "k"
    command = [sys.executable, "-m", "labctl.cli", "campaign", str(path), "--out", str(out)]
    with (tmp_path / "said").open("w") as said:
        runner = subprocess.Popen(command, stdout=said, stderr=subprocess.STDOUT)
    while len(list(out.glob("*/*/*/*/journal.jsonl"))) < runs:
        assert runner.poll() is None, (tmp_path / "said").read_text("utf-8")
        time.sleep(0.02)
    os.kill(runner.pid, getattr(signal, "SIGKILL", signal.SIGTERM))
    runner.communicate()
    (folder,) = out.glob("*/*")
    before = campaign.read_progress(folder)
    assert before.status == "running"
    campaign.resume(folder)
    return folder, before, campaign.read_progress(folder)


def judged_night(folder, before, after):
    """Look at what a night must leave behind: whole, with every record holding."""
    assert after.status == "done"
    assert {part.status for part in after.parts} == {"done", "no contact"}
    runs = list(catalogue.run_folders(folder.parents[1]))
    whole = sum(part.status == "done" for part in after.parts)
    assert len(runs) == len(after.campaign["stage"]) * whole + len(after.parts) - whole
    found = [verify(run) for run in runs]
    assert all(one.holds for one in found), [one for one in found if not one.holds]
    # nothing that was done is done again
    ended = [part for part in before.parts if part.status == "done"]
    assert ended == [part for part in after.parts if part in ended]
    results = campaign_results(folder)
    lost = {part.site for part in after.parts if part.status == "no contact"}
    assert 0 < results.metrics["yield"].value <= 1 - len(lost) / len({p.site for p in after.parts})
    assert any(all(site in note for site in lost) for note in results.notes)
    maps = {panel.title: panel for panel in results.panels if "ap of " in panel.title}
    assert len(maps["ppf@300K: Map of index"].traces[0].shade) == sum(
        part.status == "done" for part in after.parts if part.temperature == 300.0
    )
    lines = {(one.site, one.temperature): one for one in read_sites(folder)}
    assert lines.keys() == {(part.site, part.temperature) for part in after.parts}
    return results


def test_a_small_night_is_killed_and_ends_whole(tmp_path):
    bench = wafer(tmp_path, open="35 %", short="0 %", miss="20 %")
    sites = "5..6, 2..3, 1"
    folder, before, after = night(tmp_path, sites, 3, bench, PAIR)
    results = judged_night(folder, before, after)
    # it relaxes more quickly in the warmth
    warm, cold = (results.metrics[f"ppf@{t}K.index"].value for t in (330, 300))
    assert warm < cold
    text = "\n".join(drawn_map(folder, "ppf.index"))
    assert text.startswith("ppf.index at 330 K, ")
    assert "open" in text
    html = campaign_report(folder)
    for told in ("Night", "SIMULATED", "Figures of ppf over the sites", "Good sites"):
        assert told in html


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_a_night_with_dead_devices_lost_contacts_a_kill_and_dropped_links(tmp_path):
    """25 dies, two temperatures, three protocols; it ends whole, with map, yield and report."""
    faults = FAULT.format(LOADED + 75)  # before the end of the longest runs
    bench = wafer(tmp_path, open="6 %", short="4 %", miss="10 %", faults=faults)
    stages = UPDATES + PAIR + FADING
    folder, before, after = night(tmp_path, "2..6, 2..6, 1", 20, bench, stages)
    results = judged_night(folder, before, after)
    assert any(part.tries > 1 for part in after.parts)
    assert len(after.parts) == 50
    assert 0.5 < results.metrics["ppf@300K.yield"].value < 1
    assert results.fits["retention@300K.weibull_life_1"].points > 10
    html = campaign_report(folder)
    assert "Weibull plot of life_1" in html
    assert "SIMULATED" in html
