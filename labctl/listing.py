"""What ``list``, ``describe``, ``show`` and ``report`` say about things, as lines of text."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import annotated_types
from pydantic import ValidationError

from labctl import catalogue
from labctl.errors import BadInput
from labctl.journal import Header
from labctl.picture import picture
from labctl.protocol import Protocol, load_values
from labctl.record import Record
from labctl.units import Unit, show

__all__ = ["describe", "printable", "provenance", "record_lines", "report_html", "rows"]


def rows(what: str, runs: Path) -> list[tuple[str, str]]:
    """Return (name, one line) for each thing of a kind."""
    listed: dict[str, Callable[[], Iterator[tuple[str, str]]]] = {
        "protocols": _protocols,
        "instruments": lambda: _points("instrument"),
        "devices": _devices,
        "benches": _benches,
        "runs": lambda: _runs(runs),
    }
    return list(listed[what]())


def _protocols() -> Iterator[tuple[str, str]]:
    for name in catalogue.names("protocol"):
        kind = catalogue.load("protocol", name)
        if kind.runnable:
            yield name, kind.summary


def _points(kind: str) -> Iterator[tuple[str, str]]:
    for name, point in sorted(catalogue.find(kind).items()):
        yield name, point.value


def _devices() -> Iterator[tuple[str, str]]:
    for name in sorted(catalogue.names("device")):
        family = catalogue.load("device", name)
        for preset in family.names():
            kept = family.preset(preset)
            yield f"{name}/{preset}", f"{family.title}: {kept.title} ({kept.grade})"


def _benches() -> Iterator[tuple[str, str]]:
    for name, path in sorted(catalogue.bench_files().items()):
        content = load_values(path)
        mark = "simulated: " if "simulation" in content else ""
        yield name, mark + str(content.get("title", ""))


def _runs(root: Path) -> Iterator[tuple[str, str]]:
    for folder in catalogue.run_folders(root):
        try:
            header = Record(folder).header
        except BadInput as error:
            yield str(folder), str(error)
            continue
        mark = "simulated " if header.simulated else ""
        yield str(folder), f"{header.status}  {mark}{header.bench_name} {header.site}".rstrip()


def describe(name: str) -> str | None:
    """Explain a protocol, a device or a bench; None when nothing has this name."""
    if name in catalogue.names("protocol"):
        return "\n".join(_protocol_lines(catalogue.load("protocol", name)))
    if name in catalogue.names("device"):
        return str(catalogue.load("device", name).describe())
    family, _, preset = name.partition("/")
    if preset and family in catalogue.names("device"):
        return str(catalogue.load("device", family).describe(preset))
    if name in catalogue.bench_files():
        return catalogue.bench_files()[name].read_text(encoding="utf-8").rstrip()
    return None


def _protocol_lines(kind: type[Protocol]) -> Iterator[str]:
    yield f"{kind.title} ({kind.model_fields['kind'].default})"
    yield f"  {kind.summary}"
    if kind.reference.doi:
        where = ", ".join(part for part in (kind.reference.doi, kind.reference.figure) if part)
        yield f"  after {kind.reference.text or ''} doi:{where}".replace("  doi", " doi")
    yield ""
    for name, info in kind.parameters().items():
        unit = next((m.symbol for m in info.metadata if isinstance(m, Unit)), "")
        default = _value(info.default, unit or _series_unit(info.annotation))
        yield f"  {name:18} {default:28} {info.description or ''}".rstrip()
        allowed = _allowed(info.metadata, unit)
        if allowed:
            yield f"  {'':18} {allowed}"
    yield from _pictures(kind)


def _pictures(kind: type[Protocol]) -> Iterator[str]:
    """Yield the waveforms of a protocol's usual parameters, to scale."""
    try:
        usual = kind(kind=kind.model_fields["kind"].default)
    except ValidationError:
        return  # a parameter has no usual value
    for panel in usual.preview():
        yield ""
        yield from (f"  {line}".rstrip() for line in picture(panel))


def _series_unit(annotation: Any) -> str:
    for part in getattr(annotation, "__args__", ()):
        for note in getattr(part, "__metadata__", ()):
            if isinstance(note, Unit):
                return note.symbol
    return ""


def _value(default: Any, unit: str) -> str:
    """Return a parameter's usual value as people write it."""
    if isinstance(default, tuple) and not all(isinstance(x, int | float) for x in default):
        return _fact(default)
    if isinstance(default, tuple) and default:
        ends = " .. ".join(show(float(value), unit) for value in (default[0], default[-1]))
        return f"{ends}, {len(default)} values"
    if isinstance(default, int | float) and unit not in ("", "1"):
        return show(float(default), unit)
    return "" if default is None or default == () else _fact(default)


def _allowed(metadata: Sequence[Any], unit: str) -> str:
    signs = {
        annotated_types.Gt: "above", annotated_types.Ge: "from",
        annotated_types.Lt: "below", annotated_types.Le: "up to",
    }  # fmt: skip
    parts = []
    for note in metadata:
        for kind, word in signs.items():
            if isinstance(note, kind):
                bound = getattr(note, kind.__name__.lower())
                parts.append(f"{word} {show(float(bound), unit)}")
    return f"allowed: {', '.join(parts)}" if parts else ""


def record_lines(record: Record) -> Iterator[str]:
    """Yield what a record is and how it ended."""
    for _, facts in provenance(record)[:1]:
        for name, text in facts:
            yield f"{name:10} {text}"
    yield f"{'rows':10} {len(record.readings)} in {len(record.steps)} steps"
    if record.unfinished is not None:
        yield f"{'in doubt':10} step {record.unfinished.index}"
    for name, text in _changed(record.header):
        yield f"{'changed':10} {printable(name)} {printable(text)}"
    for note in record.notes:
        yield f"{note.kind:10} {printable(note.text)}"


def provenance(record: Record) -> list[tuple[str, list[tuple[str, str]]]]:
    """Return all that made the record, in sections of (name, text), for reports."""
    header = record.header
    mark = " (simulated)" if header.simulated else ""
    run = [
        ("run", str(record.folder)),
        ("status", " ".join((header.status, header.message)).strip()),
        ("started", _moment(header.started)),
        ("bench", header.bench_name + mark),
        ("device", header.site or "-"),
        ("operator", header.operator or "-"),
        ("seed", str(header.seed)),
        ("seal", header.seal or "-"),
    ]
    if header.imported:
        run.append(("imported", _fact(header.imported)))
    instruments = [
        (identity.name, f"{identity.idn}; calibrated {identity.calibrated or 'not stated'}")
        for identity in header.identities
    ]
    sections = [
        ("Run", run),
        ("Protocol", _facts(header.protocol)),
        ("Instruments", instruments),
        ("Versions", [*_facts(header.versions), ("host", header.host)]),
    ]
    if header.laboratory:
        sections.insert(3, ("Virtual laboratory", _facts(header.laboratory)))
    if changed := _changed(header):
        sections.append(("Settings that the run changed", changed))
    if record.notes:
        sections.append(("Notes", [(note.kind, note.text) for note in record.notes]))
    return [(title, [(printable(k), printable(v)) for k, v in rows]) for title, rows in sections]


def _moment(seconds: float) -> str:
    try:
        moment = dt.datetime.fromtimestamp(seconds).astimezone()
    except (ValueError, OverflowError, OSError):
        return f"{seconds:g} s after 1970"
    return f"{moment:%Y-%m-%d %H:%M:%S %Z}"


def printable(text: str) -> str:
    r"""Return text from a file without what a terminal or a page would obey.

    Examples
    --------
    >>> printable("done\x1b]0;no\x07")
    'done ]0;no '
    """
    return "".join(c if c.isprintable() else " " for c in text)


def _changed(header: Header) -> list[tuple[str, str]]:
    """Return what the instruments' settings were before the run and after it, where they differ."""
    found = []
    for name, after in header.settings_after.items():
        before = header.settings.get(name, {})
        for key in before.keys() | after.keys():
            was, became = before.get(key, "-"), after.get(key, "-")
            if was != became and key != "found":  # that is an error, and a note says it
                found.append((f"{name}.{key}", f"{was} -> {became}"))
    return sorted(found)


def _facts(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, _fact(value)) for name, value in values.items()]


def _fact(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_fact(part)}" for name, part in value.items())
    if isinstance(value, list | tuple):
        shown = [_fact(part) for part in value]
        return ", ".join(shown if len(shown) <= 6 else [*shown[:3], "...", *shown[-2:]])
    return f"{value:g}" if isinstance(value, float) else str(value)


def report_html(record: Record) -> str:
    """Return the report of a record as one HTML document."""
    from labctl.report import report  # brings matplotlib

    title = f"{record.protocol.title}, {record.header.bench_name}"
    return report(provenance(record), record.results, title, record.simulated)
