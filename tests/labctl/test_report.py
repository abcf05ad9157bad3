"""Reports and terminal tables: numbers, units, bounds, escaping, the simulated mark."""

import base64
import io
import re
from functools import cache
from html.parser import HTMLParser

import pytest
from rich.console import Console

from labctl.analysis.decay import fit_decay
from labctl.analysis.lineshapes import double_decay
from labctl.report import (
    formula,
    interval_text,
    metric_text,
    report,
    symbol,
    terminal,
    typeset,
    value_text,
    verdict,
)
from labctl.results import Column, Fit, Metric, Panel, Results, Table, Trace, Value

EVIL = "<script>alert('x')</script> & \"D3\" {{ 7 * 7 }}"

TAU = Value(0.0692, 0.0031, 0.0631, 0.0755, "s")
OPEN = Value(0.24, None, 0.19, None, "s")
NOWHERE = Value(0.3, None, None, None)
FIT = Fit(
    "double_decay",
    "y = c1 exp(-t/tau1) + c2 exp(-t/tau2); least squares, weighted by 1/sigma^2",
    {"tau1": TAU, "tau2": OPEN, "c1": NOWHERE},
    chi2_reduced=1.234,
    aicc=-12.44,
    points=30,
    note="not identifiable: the profile of tau2 is open above",
)
RESULTS = Results(
    metrics={
        "index": Metric(0.516, 0.012, "1", "ppf-index-in-pulse-current"),
        "energy per pulse": Metric(48.9e-9, 0.6e-9, "J", "energy-level-current-width"),
        "energy of a read": Metric(4.1e-18, None, "J", "energy-level-current-width", bound=True),
        "pairs": Metric(150.0, None, "1", "number of pairs"),
    },
    fits={"double_decay": FIT},
    tables=(
        Table(
            EVIL,
            (
                Column("interval", "s", (0.01, 0.1, 3.0)),
                Column("back", "", (True, False, None)),
                Column("site", "", (EVIL, "D4", None)),
            ),
        ),
    ),
    panels=(
        Panel("Index", "interval", "s", "index", "1", (Trace((0.1, 1.0), (0.5, 0.1)),)),
        Panel(
            "Left", "interval", "s", "left", "1", (Trace((0.1, 1.0), (0.0, 0.0)),),
            residuals_of="Index",
        ),
    ),
    notes=(EVIL,),
)  # fmt: skip
FACTS = [("Run", [("folder", "runs/1"), ("sample", EVIL)]), ("Instruments", [("smu", "2602B")])]


@cache
def made(simulated: bool = True) -> str:
    return report(FACTS, RESULTS, f"PPF of {EVIL}", simulated)


class Reader(HTMLParser):
    """Collects tags and text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


class TestNumbers:
    def test_a_metric_has_unit_and_uncertainty(self) -> None:
        assert metric_text(RESULTS.metrics["energy per pulse"]) == "48.90 ± 0.60 nJ"
        assert metric_text(RESULTS.metrics["energy of a read"]) == "≤ 4.1 aJ"
        assert metric_text(RESULTS.metrics["index"]) == "0.516 ± 0.012"

    def test_a_parameter_is_a_number_a_bound_or_nothing(self) -> None:
        assert value_text(TAU) == "69.2 ± 3.1 ms"
        assert value_text(OPEN) == "≥ 190 ms"
        assert value_text(Value(0.1, None, None, 0.2, "s")) == "≤ 200 ms"
        assert value_text(NOWHERE) == "not determined"

    def test_an_interval_has_the_digits_its_width_deserves(self) -> None:
        assert interval_text(TAU) == "63.1 … 75.5 ms"
        assert interval_text(Value(0.2, 0.05, 0.1268, 0.3149, "s")) == "127 … 315 ms"
        assert interval_text(OPEN) == "190 ms … open"
        assert interval_text(Value(1.0, None, None, 2.0)) == "open … 2"
        assert interval_text(NOWHERE) == "open"

    def test_symbols(self) -> None:
        assert [symbol(x) for x in ("tau2", "c1", "beta", "baseline", "a.b", "x1y")] == [
            "τ₂", "c₁", "β", "baseline", "a.b", "x1y",
        ]  # fmt: skip
        assert typeset("1.5 +- 0.1 uA") == "1.5 ± 0.1 µA"
        assert typeset("2 usable points, 3 us, 4 uOhm") == "2 usable points, 3 µs, 4 µΩ"
        assert formula("c1 exp(-t/tau1), chi2") == "c₁ exp(-t/τ₁), χ²"

    def test_verdicts(self) -> None:
        assert verdict(FIT) == "not identifiable"
        assert verdict(Fit("single_decay", "")) == "no fit"
        t = [0.01 * 1.2**k for k in range(30)]
        assert verdict(fit_decay(t, double_decay(t, 1, 0.07, 1, 0.5))) == "identifiable"


class TestReport:
    def test_numbers_units_definitions_and_verdicts_are_there(self) -> None:
        text = Reader(made()).text
        for said in (
            "48.90 ± 0.60 nJ",
            "≤ 4.1 aJ",
            "0.516 ± 0.012",
            "I2/I1 - 1",
            "ppf-index-in-pulse-current",
            "number of pairs",
            "69.2 ± 3.1 ms",
            "63.1 … 75.5 ms",
            "not determined",
            "not identifiable",
            "reduced χ² 1.23",
            "AICc -12.4",
            "30 points",
            "the profile of τ₂ is open above",
            "interval (ms)",
            "3000",
            "2602B",
            "JCGM 100:2008",
        ):
            assert said in text, said

    def test_text_from_files_is_escaped(self) -> None:
        html = made()
        reader = Reader(html)
        assert "<script" not in html
        assert not [tag for tag, _ in reader.tags if tag == "script"]
        assert reader.text.count(EVIL) >= 5

    def test_it_fetches_nothing(self) -> None:
        reader = Reader(made())
        sources = [a[k] for _, a in reader.tags for k in ("src", "href") if k in a]
        assert sources
        for source in sources:
            assert source is not None
            assert source.startswith(("data:image/", "https://doi.org/"))
        linked = [a["src"] for tag, a in reader.tags if "src" in a]
        assert all(link is not None and link.startswith("data:") for link in linked)
        assert "@import" not in made()
        assert "url(" not in made()

    def test_residuals_share_a_figure_with_their_panel(self) -> None:
        images = [a for tag, a in Reader(made()).tags if tag == "img"]
        assert [image["alt"] for image in images] == ["Index"]
        kind, content = str(images[0]["src"]).split(";base64,")
        assert kind == "data:image/svg+xml"
        assert base64.b64decode(content).startswith(b"<?xml")

    def test_a_preview_comes_first(self) -> None:
        wave = Panel("Waveform", "t", "s", "v", "V", (Trace((0, 1), (0, 1), kind="line"),))
        html = report(FACTS, RESULTS, "PPF", False, preview=(wave,))
        assert re.findall(r'alt="(\w+)"', html) == ["Waveform", "Index"]

    def test_a_figure_of_very_many_points_is_a_picture(self) -> None:
        many = tuple(float(k) for k in range(30_000))
        panel = Panel("Long", "t", "s", "v", "V", (Trace(many, many, kind="line"),))
        html = report([], Results(panels=(panel,)), "Long", False)
        assert "data:image/png;base64," in html
        assert len(html) < 500_000

    def test_a_simulated_bench_is_said_first_and_a_real_one_is_not_called_so(self) -> None:
        simulated = Reader(made()).text
        assert simulated.index("SIMULATED") < simulated.rindex("PPF of")
        assert "SIMULATED" not in Reader(made(simulated=False)).text

    def test_the_same_results_give_the_same_report(self) -> None:
        assert made() == made.__wrapped__()

    def test_an_empty_run_has_a_report_too(self) -> None:
        text = Reader(report([], Results(), "Nothing yet", False)).text
        assert "Nothing yet" in text
        assert "Fits" not in text


class TestTerminal:
    def shown(self, results: Results, encoding: str = "utf-8") -> str:
        raw = io.BytesIO()
        file = io.TextIOWrapper(raw, encoding=encoding, newline="\n")
        terminal(results, Console(file=file, width=120))
        file.flush()
        return raw.getvalue().decode(encoding).replace("\xa0", " ")

    def test_metrics_and_fits(self) -> None:
        text = self.shown(RESULTS)
        for said in (
            "48.90 ± 0.60 nJ",
            "energy-level-current-width",
            "double_decay",
            "identifiable",
            "-12.4",
            "69.2 ± 3.1 ms",
            "≥ 190 ms",
        ):
            assert said in text, said

    def test_markup_in_a_name_is_text(self) -> None:
        text = self.shown(Results({"[red]x[/nonsense]": Metric(1.0)}, notes=("[bold]note[/]",)))
        assert "[red]x[/nonsense]" in text
        assert "[bold]note[/]" in text

    @pytest.mark.parametrize("encoding", ["ascii", "cp1252", "cp437"])
    def test_a_terminal_of_another_encoding_gets_plain_letters(self, encoding: str) -> None:
        text = self.shown(RESULTS, encoding)
        assert "tau1" in text
        assert "3.1 ms" in text
        assert ">= 190 ms" in text or "≥ 190 ms" in text

    def test_nothing_to_show(self) -> None:
        assert self.shown(Results()) == ""
