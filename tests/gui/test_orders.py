"""Orders, parameters, remedies, grids, queues and samples: everything that knows no window."""

from __future__ import annotations

import shlex
import tomllib
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field as Declared

import labctl
from gui.following import Following
from gui.grid import grid_of
from gui.order import Order, arguments, command_text, needs_file, python_text
from gui.parameters import Field, exact_text, fields_of, made, series_text, texts_of
from gui.planning import Question, advise
from gui.presets import preset_text, save_preset
from gui.queue import Job, Queue, QueueFile, is_being_written, spread, what_became
from gui.remedies import bound_of
from gui.sample import latest, layout_of, metrics_of, runs_of, usual_site
from labctl import catalogue
from labctl.benchfile import read_bench
from labctl.errors import BadInput
from labctl.lock import FolderLock
from labctl.protocol import Protocol, load_values
from labctl.units import Second, Unit, Volt, log_spaced, parse, parse_series
from labctl.violation import Violation
from protocols.ppf import PairedPulse

QUICK = {"repeats": 1, "intervals": "10 ms, 100 ms", "longest_wait": "1 s"}
KINDS = catalogue.names("protocol")


class Odd(Protocol):
    """Fields of every sort that a form may meet."""

    title: ClassVar[str] = "Odd"
    kind: Literal["odd"] = "odd"
    level: Annotated[Volt, Declared(gt=0, le=3, description="Of the pulses.")] = 1.5
    twice: bool = False
    number: Literal[2, 3] = 2
    mode: Literal["fast", "slow"] = "fast"
    waits: tuple[Second, ...] = (1e-3, 2e-3)
    table: dict[str, Any] = Declared({"a": [1, "x"], "b": {"c": True}})
    where: str = ""
    late: Annotated[Second | None, Unit("s")] = None
    needed: int


def test_fields_are_read_from_any_declaration() -> None:
    fields = {field.name: field for field in fields_of(Odd)}
    assert [field.name for field in fields_of(Odd)][-1] == "seed"
    kinds = {name: field.kind for name, field in fields.items()}
    assert kinds["level"] == kinds["late"] == "quantity"
    assert (kinds["twice"], kinds["mode"], kinds["waits"]) == ("switch", "choice", "series")
    assert (kinds["table"], kinds["where"], kinds["needed"]) == ("other", "text", "count")
    assert fields["level"].bounds == (("gt", 0.0), ("le", 3.0))
    assert fields["level"].allowed == "above 0 V, at most 3 V"
    assert fields["needed"].required
    assert fields["late"].optional
    assert fields["late"].unit == "s"
    assert (fields["number"].choices, fields["number"].plain) == (("2", "3"), False)
    odd, wrong = made(Odd, {"number": "3", "needed": "1", "twice": "yes", "late": ""})
    assert wrong == ()
    assert isinstance(odd, Odd)
    assert (odd.number, odd.twice, odd.late) == (3, True, None)
    assert tomllib.loads(preset_text("odd", Odd, {"number": "3"}))["number"] == 3


@pytest.mark.parametrize("kind", KINDS)
def test_the_text_of_a_form_makes_the_protocol_again(kind: str) -> None:
    protocol = catalogue.load("protocol", kind)
    own = protocol(kind=kind)
    texts = {field.name: field.default for field in fields_of(protocol)}
    assert made(protocol, texts) == (own, ())
    assert texts_of(own) == {}


@pytest.mark.parametrize("kind", KINDS)
def test_a_preset_is_what_the_command_line_reads(kind: str, workplace: Path) -> None:
    protocol = catalogue.load("protocol", kind)
    path = workplace / "preset.toml"
    save_preset(path, kind, protocol, {"seed": "7"})
    assert catalogue.protocol_from(str(path), {}) == protocol(kind=kind, seed=7)
    every = preset_text(kind, protocol, {}).replace("\n# ", "\n")
    values = {name: value for name, value in tomllib.loads(every).items() if value != ""}
    assert protocol(**values) == protocol(kind=kind)


def test_a_table_goes_through_a_file() -> None:
    order = Order(kind="odd", values={"table": '{"a": [2, "x"], "b": {"c": true}}', "needed": "1"})
    assert needs_file(order)
    text = preset_text("odd", Odd, order.values)
    assert tomllib.loads(text)["table"] == {"a": [2, "x"], "b": {"c": True}}
    assert arguments(order, "runs", "f.toml") == ["run", "f.toml", "--bench", "sim-ftj"]
    assert "table={'a': [2, 'x'], 'b': {'c': True}}" in python_text(order)


@settings(max_examples=30)
@given(
    st.floats(1e-12, 1e9, allow_nan=False).map(lambda x: float(f"{x:.7g}")),
    st.sampled_from(["V", "s", "A", "S", "Hz", "1", "m2", "W/m2", "K"]),
)
def test_a_number_is_written_so_that_it_reads_as_the_same(value: float, unit: str) -> None:
    assert parse(exact_text(value, unit), unit) == value
    assert parse(exact_text(-value, unit), unit) == -value


@settings(max_examples=30)
@given(
    st.lists(st.integers(1, 10**6).map(lambda n: n * 1e-6), min_size=1, max_size=6).map(tuple)
    | st.tuples(st.integers(1, 900), st.integers(2, 40)).map(
        lambda two: log_spaced(two[0] * 1e-3, two[0] * 1.0, two[1])
    )
)
def test_a_series_is_written_so_that_it_reads_as_the_same(values: tuple[float, ...]) -> None:
    assert parse_series(series_text(values, "s"), "s") == values


@pytest.mark.parametrize(
    ("texts", "field", "said", "remedy"),
    [
        ({"width": "20 u"}, "width", 'the unit "u"', "100 us"),
        ({"width": "-1 us"}, "width", "must be above 0 s", "100 us"),
        ({"width": " "}, "width", "no value", "100 us"),
        ({"longest_wait": "-1 s"}, "longest_wait", "at least 0 s", "0 s"),
        ({"intervals": "1 ms"}, "intervals", "at least 0.0014 s", "10 ms .. 3 s, 30 log"),
        ({"amplitude": "0 V"}, "amplitude", "no pulse", "1 V"),
        ({"repeats": "many"}, "repeats", "integer", "5"),
    ],
)
def test_a_problem_says_what_would_be_right(
    texts: dict[str, str], field: str, said: str, remedy: str
) -> None:
    protocol, problems = made(PairedPulse, texts)
    assert protocol is None
    assert (problems[0].field, problems[0].remedy) == (field, remedy)
    assert said in problems[0].text
    mended, left = made(PairedPulse, {**texts, field: problems[0].remedy})
    assert mended is not None
    assert left == ()


def test_orders_as_command_line_and_python_make_the_same_protocol() -> None:
    values = {"width": "200 us", "seed": "3", "intervals": "10 ms .. 1 s, 5 log"}
    order = Order(kind="ppf", values=values, site="D3", pace=10.0, accept_degraded=True)
    words = shlex.split(command_text(order, "data"))
    assert words[:3] == ["labctl", "run", "ppf"]
    assert [words[k + 1] for k, word in enumerate(words) if word == "--set"] == [
        "width=200 us", "intervals=10 ms .. 1 s, 5 log",
    ]  # fmt: skip
    assert words[-1] == "--accept-degraded"
    assert (words[words.index("--pace") + 1], words[words.index("--out") + 1]) == ("10", "data")
    made_here: dict[str, Any] = {}
    run = python_text(order, "data").replace("labctl.run", "keep")
    exec(run, {"keep": lambda kind, **given: made_here.update(kind=kind, **given)})  # noqa: S102
    assert made_here["seed"] == 3
    assert made_here["width"] == "200 us"
    assert made_here["device"] == "D3"


@pytest.mark.parametrize(
    ("texts", "bench", "field", "text"),
    [
        ({"width": "20 us"}, "sim-ftj", "width", "100 us"),
        ({"amplitude": "-5 V"}, "sim-ftj", "amplitude", "-2 V"),
        ({"compliance": "30 mA"}, "sim-ftj", "compliance", "20 mA"),
    ],
)
def test_a_remedy_is_offered_only_where_it_helps(
    texts: dict[str, str], bench: str, field: str, text: str
) -> None:
    protocol, _ = made(PairedPulse, {"repeats": "1", **texts})
    assert protocol is not None
    advice = advise(Question(protocol, texts, bench))
    assert advice.verdict is not None
    assert not advice.verdict.feasible
    offered = [remedy for found in advice.remedies.values() for remedy in found]
    assert (offered[0].field, offered[0].text) == (field, text)
    mended, _ = made(PairedPulse, {"repeats": "1", **texts, field: text})
    assert mended is not None
    again = advise(Question(mended, {}, bench))
    assert again.verdict is not None
    assert again.verdict.feasible


def test_a_bound_is_read_only_where_there_is_one() -> None:
    assert bound_of(Violation("terminals", "gate", "top", "wire it")) is None
    bound = bound_of(Violation("current", "a compliance of 0.03 A", "at most 0.02 A", "lower it"))
    assert bound is not None
    assert (bound.asked, bound.allowed, bound.unit, bound.least) == (0.03, 0.02, "A", False)


def test_a_bench_that_cannot_be_used_is_told(workplace: Path) -> None:
    advice = advise(Question(PairedPulse(), {}, "no-such-bench"))
    assert advice.verdict is None
    assert "no-such-bench" in advice.problem


# -- grid and queue --------------------------------------------------------------------------------


def test_grids_are_read_as_people_write_them() -> None:
    assert grid_of("") == {}
    assert grid_of("read width = 1 ms; amplitude = -1 V .. 1 V, 3 lin") == {
        "read_width": ["1 ms"],
        "amplitude": ["-1 V", "0 V", "1 V"],
    }
    for wrong in ("width", "width =", "= 3", "width = 1 .. 2"):
        with pytest.raises(BadInput):
            grid_of(wrong)


def test_orders_spread_over_sites_and_parameters() -> None:
    order = Order(kind="ppf", values={"read": "0.2 V"})
    orders = list(spread(order, ("D1", "D2"), {"width": ["1 ms", "2 ms"], "repeats": ["1"]}))
    assert [one.site for one in orders] == ["D1", "D1", "D2", "D2"]
    assert orders[1].values == {"read": "0.2 V", "width": "2 ms", "repeats": "1"}
    assert list(spread(order)) == [order]


JOBS = st.lists(st.sampled_from(["waiting", "done", "failed"]), min_size=1, max_size=7)


@settings(max_examples=30)
@given(JOBS, st.data())
def test_rearranging_a_queue_loses_and_doubles_nothing(states: list[str], data: Any) -> None:
    states.sort(key=lambda state: state == "waiting")  # what has ended stands before what waits
    queue = Queue().add([Order(kind=f"k{k}") for k in range(len(states))])
    for job, state in zip(queue.jobs, states, strict=True):
        queue = queue.change(job.number, state=state)
    number = data.draw(st.integers(1, len(states)))
    moved = queue.move(number, data.draw(st.integers(-9, 9)))
    assert sorted(job.number for job in moved.jobs) == sorted(job.number for job in queue.jobs)
    ended = [job.state for job in moved.jobs if job.state != "waiting"]
    assert [job.state for job in moved.jobs][: len(ended)] == ended
    doubled = moved.duplicate(number)
    assert len({job.number for job in doubled.jobs}) == len(states) + 1
    assert doubled.remove(doubled.last).jobs == moved.jobs
    first = queue.add([Order(kind="now")], first=True)
    assert first.next is not None
    assert first.next.order.kind == "now"


def test_a_queue_survives_and_one_window_at_a_time_has_it(workplace: Path) -> None:
    root = workplace / "runs"
    mine = QueueFile(root)
    queue = mine.open().add([Order(kind="ppf", site="D3")]).change(1, duration=3.0).hold(held=False)
    mine.save(queue)
    other = QueueFile(root)
    assert other.open() == Queue()
    assert not other.ours
    other.save(Queue())  # is not written
    mine.close()
    again = QueueFile(root)
    kept = again.open()
    assert kept == queue.hold(held=True)  # nothing begins by itself in a window just opened
    assert kept.left == 3.0
    again.close()
    (root / ".window" / "queue.json").write_text("{", encoding="utf-8")
    assert again.open() == Queue()
    again.close()


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample")
    for site in ("1,1,1", "3,2,2"):
        labctl.run("ppf", bench="direct-ftj", out=root, device=site, **QUICK)
    return root


def test_what_became_of_a_run_is_read_from_its_folder(measured: Path) -> None:
    folder = next(catalogue.run_folders(measured))
    job = Job(1, Order(kind="ppf"), "running", folder=str(folder), pid=1)
    lock = FolderLock(folder)
    assert is_being_written(folder)
    assert what_became(job) == job
    lock.release()
    assert what_became(job).state == "done"
    assert what_became(Job(1, Order(kind="ppf"), "running")).state == "failed"
    assert what_became(msgspec.structs.replace(job, folder=str(measured))).state == "failed"


# -- samples ---------------------------------------------------------------------------------------


def test_a_wafer_is_laid_out_as_its_bench_says() -> None:
    definition = read_bench("sim-wafer")[0]
    layout = layout_of(definition)
    assert (layout.columns, layout.rows) == (7, 7)
    assert len(layout.cells) == 4 * len(layout.dies)
    assert (1, 1) not in layout.dies  # a round wafer has no corners
    names = [cell.name for cell in layout.cells]
    assert usual_site(definition) in names
    inside = [c for c in layout.cells if c.name.startswith("4,4,")]
    assert min(min(c.x, c.y) for c in inside) >= 3
    assert max(max(c.x, c.y) + c.side for c in inside) <= 4
    squares = {(c.x, c.y) for c in layout.cells}
    assert len(squares) == len(layout.cells)


def test_other_samples_are_laid_out_by_what_was_measured() -> None:
    assert layout_of(None).cells == ()
    assert len(layout_of(None, ["1,1,1", "2,3,2"]).cells) == 2 * 3 * 2
    assert [c.name for c in layout_of(None, ["2,1"]).cells] == ["1,1", "2,1"]
    assert [c.name for c in layout_of(None, ["D3", "D4", "D3", ""]).cells] == ["D3", "D4"]
    assert usual_site(None) == ""


def test_runs_tell_of_their_sites(measured: Path) -> None:
    runs = runs_of(measured, "direct-ftj")
    assert {run.site for run in runs} == {"1,1,1", "3,2,2"}
    assert "ppf.index" in metrics_of(runs)
    newest = latest(runs, "ppf.index")
    assert newest["3,2,2"].metrics["index"].value > 0
    assert latest(runs, "ppf.nothing") == {}
    assert runs_of(measured, "another") == ()


def test_a_run_is_followed_from_outside(measured: Path) -> None:
    folder = next(catalogue.run_folders(measured))
    run = Following(folder)
    said = run.poll()
    steps = len(labctl.open(folder).steps)
    assert run.done == steps
    assert run.planned > 0
    assert not run.output_on
    assert sum(text.startswith("step") for _, text in said) == 2 * steps
    assert any("play" in text and "compliance 1 mA" in text for _, text in said)
    assert run.poll() == []
    assert Following(measured / "nothing").poll() == []


def test_presets_that_cannot_be_written_are_refused(workplace: Path) -> None:
    with pytest.raises(BadInput, match="no protocol"):
        save_preset(workplace / "a.toml", "", None, {})
    with pytest.raises(BadInput, match="cannot be written"):
        save_preset(workplace / "no" / "a.toml", "ppf", PairedPulse, {})
    save_preset(workplace / "a.toml", "ppf", PairedPulse, {"width": "200 us"})
    assert load_values(workplace / "a.toml") == {"kind": "ppf", "width": "200 us"}


def test_long_times_are_written_in_hours() -> None:
    assert exact_text(7200.0, "s") == "2 h"
    assert exact_text(1e7, "s") == "10000000 s"
    assert exact_text(5400.0, "s") == "1.5 h"


def test_a_field_says_what_is_allowed() -> None:
    assert Field("a", "count", bounds=(("ge", 1.0),)).allowed == "at least 1"
