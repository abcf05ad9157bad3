"""Presets: a protocol and its parameters in a TOML file that ``labctl run`` reads too."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gui.parameters import Field, fields_of, is_written_out
from labctl.errors import BadInput, RecordFault
from labctl.journal import write_atomically
from labctl.protocol import Protocol

__all__ = ["preset_text", "save_preset"]


def preset_text(kind: str, protocol: type[Protocol], texts: Mapping[str, str]) -> str:
    """Return the TOML of a preset, every parameter in it with its help beside.

    Those that are not the protocol's own are set; the others stand there as comments, so that the
    file shows what there is and still follows the protocol where nothing was chosen.

    Parameters
    ----------
    kind, protocol
        Name and class of the protocol.
    texts
        Parameters as text, those changed from its own.
    """
    lines = [f"# {protocol.title}", f'kind = "{kind}"', ""]
    for field in fields_of(protocol):
        text = texts.get(field.name, field.default)
        set_here = field.name in texts and text != field.default
        line = f"{field.name} = {_toml(text, field)}"
        note = f"  # {field.help}" if field.help else ""
        lines.append((line if set_here else f"# {line}") + note)
    return "\n".join(lines) + "\n"


def _toml(text: str, field: Field) -> str:
    if field.kind == "switch":
        return "true" if text == "yes" else "false"
    if field.kind == "count" and text.lstrip("+-").isdigit():
        return text
    if not field.plain or (field.kind == "other" and is_written_out(text)):
        return _inline(json.loads(text))
    return _inline(text)


def _inline(value: Any) -> str:
    """Return a value of JSON as TOML on one line; TOML has no null, so such keys are left out."""
    if isinstance(value, dict):
        pairs = (f"{json.dumps(k)} = {_inline(v)}" for k, v in value.items() if v is not None)
        return f"{{ {', '.join(pairs)} }}"
    if isinstance(value, list):
        return f"[{', '.join(_inline(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def save_preset(
    path: Path, kind: str, protocol: type[Protocol] | None, texts: Mapping[str, str]
) -> None:
    """Write a preset.

    Raises
    ------
    BadInput
        No protocol is chosen, or the file cannot be written.
    """
    if protocol is None:
        raise BadInput("no protocol is chosen; choose one from the list")
    try:
        write_atomically(path, preset_text(kind, protocol, texts).encode("utf-8"))
    except RecordFault as error:
        raise BadInput(f'"{path}" cannot be written: {error.__cause__}; choose another') from None
