"""The parameters of a protocol as a form needs them: kind, unit, bounds, help, and text both ways.

Nothing here knows a window. What a field may be is read from its pydantic declaration, so a form
can be made for any protocol; text goes through the protocol's own checks and nothing else.
"""

from __future__ import annotations

import json
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

from labctl.protocol import Protocol
from labctl.units import Unit, log_spaced, parse, show

__all__ = [
    "Field", "Problem", "exact_text", "fields_of", "is_written_out", "made", "series_text",
    "text_of", "texts_of",
]  # fmt: skip

Kind = Literal["quantity", "series", "count", "choice", "switch", "text", "other"]
_SIGNS = (
    (annotated_types.Gt, "gt", "above"),
    (annotated_types.Ge, "ge", "at least"),
    (annotated_types.Lt, "lt", "below"),
    (annotated_types.Le, "le", "at most"),
)


@dataclass(frozen=True, slots=True)
class Field:
    """One parameter of a protocol."""

    name: str
    kind: Kind
    unit: str = ""  #: SI symbol; empty for none
    help: str = ""
    default: str = ""  #: as text; empty for "not given"
    required: bool = False
    optional: bool = False  #: may be left empty
    choices: tuple[str, ...] = ()
    plain: bool = True  #: the text of a choice is the choice; otherwise it is a number or the like
    bounds: tuple[tuple[str, float], ...] = ()  #: ("gt" | "ge" | "lt" | "le", SI value)

    @property
    def label(self) -> str:
        """The name as people read it."""
        return self.name.replace("_", " ")

    @property
    def allowed(self) -> str:
        """The bounds in words."""
        words = {key: word for _, key, word in _SIGNS}
        return ", ".join(f"{words[key]} {show(value, self.unit)}" for key, value in self.bounds)


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a value, and what would be right."""

    field: str  #: empty when it is about several
    text: str  #: one sentence
    remedy: str = ""  #: text that may be put into the field


def fields_of(protocol: type[Protocol]) -> tuple[Field, ...]:
    """Return the parameters of a protocol in the order they are declared; the seed comes last."""
    found = [_field(name, info) for name, info in protocol.model_fields.items() if name != "kind"]
    return tuple(sorted(found, key=lambda field: field.name == "seed"))


def _field(name: str, info: FieldInfo) -> Field:
    inner, optional = _without_none(info.annotation)
    notes = [*info.metadata, *_notes(inner)]
    inner = _bare(inner)
    unit = next((note.symbol for note in notes if isinstance(note, Unit)), "")
    kind, choices = _kind(inner, unit)
    if kind == "series":
        unit = unit or _item_unit(inner)
    bounds = tuple(
        (key, float(getattr(note, key)))
        for note in notes
        for sort, key, _ in _SIGNS
        if isinstance(note, sort)
    )
    plain = kind != "choice" or all(isinstance(value, str) for value in get_args(inner))
    field = Field(
        name, kind, unit, info.description or "", "", info.is_required(), optional, choices, plain,
        bounds,
    )  # fmt: skip
    if info.is_required():
        return field
    value = info.get_default(call_default_factory=True, validated_data={})
    reads = _reading(info) if kind == "other" else str
    return replace(field, default=text_of(value, field, reads))


def texts_of(protocol: Protocol) -> dict[str, str]:
    """Return the parameters of a protocol as text, those that differ from its kind's own."""
    kind = type(protocol)
    found = {}
    for field in fields_of(kind):
        value = getattr(protocol, field.name)
        reads = _reading(kind.model_fields[field.name]) if field.kind == "other" else str
        text = text_of(value, field, reads)
        if text != field.default:
            found[field.name] = text
    return found


def _without_none(annotation: Any) -> tuple[Any, bool]:
    if get_origin(annotation) in (Union, types.UnionType):
        rest = [part for part in get_args(annotation) if part is not type(None)]
        if len(rest) == 1 and len(rest) < len(get_args(annotation)):
            return rest[0], True
    return annotation, False


def _notes(annotation: Any) -> tuple[Any, ...]:
    return tuple(getattr(annotation, "__metadata__", ()))


def _bare(annotation: Any) -> Any:
    return get_args(annotation)[0] if _notes(annotation) else annotation


def _item_unit(annotation: Any) -> str:
    notes = [note for part in get_args(annotation) for note in _notes(part)]
    return next((note.symbol for note in notes if isinstance(note, Unit)), "")


def _kind(annotation: Any, unit: str) -> tuple[Kind, tuple[str, ...]]:
    origin = get_origin(annotation)
    if origin is Literal:
        return "choice", tuple(str(value) for value in get_args(annotation))
    if origin is tuple and (_item_unit(annotation) or unit):
        return "series", ()
    plain: dict[Any, Kind] = {bool: "switch", int: "count", str: "text", float: "quantity"}
    try:
        return plain.get(annotation, "other"), ()
    except TypeError:  # an annotation that cannot be hashed
        return "other", ()


def text_of(value: Any, field: Field, reads: Callable[[str], Any] = str) -> str:
    """Return a value as it is written into a form; reading it gives the same value again.

    Parameters
    ----------
    value, field
        Of a parameter.
    reads
        How the protocol reads text for it, where that is its own way.
    """
    if value is None:
        return ""
    if field.kind == "quantity":
        return exact_text(float(value), field.unit)
    if field.kind == "series":
        return series_text(tuple(map(float, value)), field.unit)
    if field.kind == "switch":
        return "yes" if value else "no"
    if field.kind == "other":
        return _other_text(value, reads)
    return str(value)


def _other_text(value: Any, reads: Callable[[str], Any]) -> str:
    """Return a text that the field's own reading turns into this value; JSON where none does.

    Protocols read lists as people write them, some with commas, some with semicolons.
    """
    dump = getattr(value, "model_dump", None)
    written = json.dumps(value if dump is None else dump(mode="json"), default=list)
    if isinstance(value, tuple | list):
        if not value:
            return ""
        for mark in (", ", "; "):
            text = mark.join(map(str, value))
            try:
                if reads(text) == value:
                    return text
            except ValueError:  # pydantic's error is one
                continue
    return written


def _reading(info: FieldInfo) -> Callable[[str], Any]:
    annotation: Any = info.annotation
    if info.metadata:
        annotation = Annotated[(annotation, *info.metadata)]
    return TypeAdapter(annotation).validate_python


def exact_text(value: float, unit: str) -> str:
    """Return the shortest text that reads as exactly this value.

    Examples
    --------
    >>> exact_text(0.1, "V"), exact_text(1.2345e-4, "s")
    ('100 mV', '123.45 us')
    """
    if not unit or unit == "1":
        return f"{value:.15g}" if float(f"{value:.15g}") == value else repr(value)
    if unit == "m2":  # prefixes of squares are squared, so there is nothing between m2 and mm2
        text = f"{value * 1e12:.9g} um2"
        return text if parse(text, unit) == value else f"{value!r} {unit}"
    if unit == "s" and abs(value) >= 1000:  # nobody waits kiloseconds
        texts = (f"{value / 3600:.6g} h", f"{value / 60:.6g} min", f"{value:.15g} s")
        return next((text for text in texts if parse(text, unit) == value), f"{value!r} s")
    for digits in range(3, 17):
        text = show(value, unit, digits)
        if parse(text, unit) == value:
            return text
    return f"{value!r} {unit}"


def series_text(values: tuple[float, ...], unit: str) -> str:
    """Return several values as a range where they are one, else one by one.

    Examples
    --------
    >>> series_text((0.01, 0.1, 1.0), "s")
    '10 ms .. 1 s, 3 log'
    >>> series_text((1.0, 3.0), "V")
    '1 V, 3 V'
    """
    if len(values) > 2:
        ends = f"{exact_text(values[0], unit)} .. {exact_text(values[-1], unit)}, {len(values)}"
        first, last, count = values[0], values[-1], len(values)
        if min(first, last) > 0 and log_spaced(first, last, count) == values:
            return f"{ends} log"
        step = (last - first) / (count - 1)
        if all(first + step * k == value for k, value in enumerate(values[:-1])):
            return f"{ends} lin"
    return ", ".join(exact_text(value, unit) for value in values)


def made(
    protocol: type[Protocol], texts: Mapping[str, str]
) -> tuple[Protocol | None, tuple[Problem, ...]]:
    """Make the protocol from the text of its fields.

    Parameters
    ----------
    protocol
        Which.
    texts
        By field; those left out, and empty ones that may be, have their default.

    Returns
    -------
    tuple
        The protocol and nothing to complain of, or None and every problem, each once.
    """
    fields = {field.name: field for field in fields_of(protocol)}
    values = {
        name: _value(text, fields[name])
        for name, text in texts.items()
        if name in fields and text.strip() != fields[name].default
    }
    try:
        return protocol(**values), ()
    except ValidationError as error:
        found = dict.fromkeys(_problem(one, fields) for one in error.errors())
        return None, tuple(_useful(problem, fields, texts) for problem in found)


def _useful(problem: Problem, fields: Mapping[str, Field], texts: Mapping[str, str]) -> Problem:
    """Offer the protocol's own value where there is no other remedy and it would be a change."""
    field = fields.get(problem.field)
    if problem.remedy or field is None or texts.get(field.name, field.default) == field.default:
        return problem
    return replace(problem, remedy=field.default)


def _value(text: str, field: Field) -> Any:
    text = text.strip()
    if not text and field.optional:
        return None
    if field.plain and (field.kind != "other" or not is_written_out(text)):
        return text
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text


def is_written_out(text: str) -> bool:
    """Return whether a text is a table or list in JSON, which no option of a command line takes."""
    return text.lstrip()[:1] in ("{", "[")


def _problem(error: Any, fields: Mapping[str, Field]) -> Problem:
    where = str(error["loc"][0]) if error["loc"] else ""
    said = str(error["msg"]).removeprefix("Value error, ")
    field = fields.get(where)
    if field is None:
        return Problem(_named(said, fields), _sentence(said))
    if isinstance(error["input"], str) and not error["input"].strip():
        return Problem(where, "there is no value; write one.")
    context = error.get("ctx") or {}
    for _, key, word in _SIGNS:
        if key in context:
            bound = float(context[key])
            remedy = exact_text(bound, field.unit) if key in ("ge", "le") else ""
            return Problem(where, f"it must be {word} {show(bound, field.unit)}.", remedy)
    return Problem(where, _sentence(said))


def _named(said: str, fields: Mapping[str, Field]) -> str:
    """Return the field that a sentence is about: the only one whose name is in it."""
    words = {word.strip(".,;:()") for word in said.replace("_", " ").split()}
    for name, field in fields.items():
        if set(field.label.split()) <= words or name.rstrip("s") in words:
            return name
    return ""


def _sentence(text: str) -> str:
    return text if text.endswith(".") else f"{text}."
