"""Import: other programs' data become run folders, marked as imported.

Such a record can be shown, analysed, exported and verified as any other; it cannot be run again. It
says which file it comes from (its name and the SHA-256 of its content), which labctl read it, and
in notes what was assumed. What the file does not state is not a number. Nothing in it is executed.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.metadata
import io
import math
import platform
import re
import time
import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from labctl.errors import BadInput
from labctl.folder import run_folder
from labctl.foreign import Foreign, clean, plain_name, site_name
from labctl.importing_arc import is_arc1_heading, read_arc1, read_arc2
from labctl.importing_easyexpert import STARTS, read_easyexpert
from labctl.importing_tables import NUMBERS, WORDS, read_4200, read_csv, read_pymeasure
from labctl.journal import Header, Journal
from labctl.record import Record
from labctl.steps import Wait

__all__ = ["FORMATS", "import_file", "parse_map"]

FORMATS = ("arc1", "arc2", "pymeasure", "4200", "easyexpert", "csv")

_GZIP, _HDF5 = b"\x1f\x8b", b"\x89HDF\r\n\x1a\n"
_WORKBOOKS = (b"\xd0\xcf\x11\xe0", b"PK\x03\x04")  # .xls and .xlsx, as a 4200 saves them
_LARGEST = 1 << 29  # bytes of text, unpacked
_LOOKED_AT = 4000  # characters that tell the format
_LATEST = 4102444800.0  # the year 2100, s since 1970
_SWEEP = re.compile(r"\(\d+\)$")
_PIECE = 65536


def import_file(
    path: Path,
    form: str = "auto",
    mapping: Mapping[str, str] | None = None,
    device: str = "",
    out: Path = Path("runs"),
    operator: str = "",
) -> Record:
    """Make a run folder from a foreign file.

    Parameters
    ----------
    path
        The file.
    form
        One of `FORMATS`, or ``auto``.
    mapping
        What is in which column, see `parse_map`.
    device
        Where the file names devices, the one whose data are wanted; else the name of the device.
    out
        The folder is made below it.
    operator
        Who imports it.

    Returns
    -------
    labctl.record.Record
        Finished, with results and seal.

    Raises
    ------
    BadInput
        The file cannot be read in this format; nothing was written.
    RecordFault
        The folder cannot be written.
    """
    if form not in ("auto", *FORMATS):
        raise BadInput(
            f'the format "{clean(form)}" was asked for; allowed are auto, {", ".join(FORMATS)}'
        )
    where = clean(str(path))
    data = _content(path, where)
    chosen = recognised(data) if form == "auto" else form
    foreign = _chosen_device(_read(path, data, chosen, mapping or {}, where), device, where)
    if not any(part.rows for part in foreign.parts):
        raise BadInput(f'"{where}" holds no reading; give a file with one at least')
    site = device or (site_name(foreign.devices[0]) if len(foreign.devices) == 1 else "")
    folder = run_folder(out, "imported", site)
    imported = {
        "format": chosen,
        "file": plain_name(path.name),
        "sha256": _digest(path),
        "labctl": importlib.metadata.version("labctl"),
        **foreign.facts,
    }
    _write(folder, foreign, _header(imported, foreign, site, clean(operator)))
    record = Record(folder)
    record.save_results()
    return record


def parse_map(text: str) -> dict[str, str]:
    """Read a map of columns such as ``"t=Time,v=Voltage,i=Current,role=read"``.

    Raises
    ------
    BadInput
        It is no such text, or names an unknown quantity.
    """
    found: dict[str, str] = {}
    known = (*NUMBERS, *WORDS, "data")
    for part in text.split(",") if text.strip() else ():
        key, equals, name = (piece.strip() for piece in part.partition("="))
        if not equals or not name or key not in known or key in found:
            raise BadInput(
                f'"{clean(part)}" in the map is not understood; write each of '
                f"{', '.join(known)} at most once, as in t=Time,v=Voltage,i=Current"
            )
        found[key] = name
    return found


def recognised(data: bytes) -> str:
    """Return the format that content is in; ``csv`` where it is no other one."""
    if data.startswith(_HDF5):
        return "arc2"
    lines = _text(data[:_LOOKED_AT]).splitlines()
    if any(is_arc1_heading(line.split(",")) for line in lines[:6]):
        return "arc1"
    if any(line.startswith("#Procedure:") for line in lines[:3]):
        return "pymeasure"
    first = [line.split(",")[0].strip() for line in lines]
    if any(word in STARTS for word in first[:3]) or "DataName" in first:
        return "easyexpert"
    names = [name.strip(' "') for name in lines[0].replace("\t", ",").split(",")] if lines else []
    return "4200" if _is_4200(names) else "csv"


def _is_4200(names: list[str]) -> bool:
    """Tell whether columns are named as a Keithley 4200 does: pairs such as AnodeV and AnodeI."""
    plain = [_SWEEP.sub("", name) for name in names]
    levels, currents = ({n[:-1] for n in plain if n[1:].endswith(end)} for end in "VI")
    return bool(levels & currents)


# -- reading -------------------------------------------------------------------------------------


def _read(path: Path, data: bytes, form: str, mapping: Mapping[str, str], where: str) -> Foreign:
    if form == "arc2":
        if not data.startswith(_HDF5):
            raise BadInput(f'"{where}" is no HDF5 file, as a session of ArC TWO is; give another')
        return read_arc2(path, mapping.get("data", "timeseries"))
    if form == "arc1":
        return read_arc1(_text(data), where)
    if form == "easyexpert":
        return read_easyexpert(_text(data), where, mapping)
    read = {"pymeasure": read_pymeasure, "4200": read_4200, "csv": read_csv}[form]
    return read(data, where, mapping)


def _content(path: Path, where: str) -> bytes:
    """Return a file's content, unpacked if it is packed; of HDF5 only the beginning."""
    try:
        with path.open("rb") as file:
            start = file.read(len(_HDF5))
            if start == _HDF5:
                return start
            file.seek(0)
            opened = gzip.GzipFile(fileobj=file) if start.startswith(_GZIP) else file
            data = opened.read(_LARGEST + 1)
    except FileNotFoundError:
        raise BadInput(f'there is no file "{where}"; give the path of a file') from None
    except (OSError, EOFError, zlib.error, ValueError) as error:
        raise BadInput(f'"{where}" cannot be read: {clean(str(error))}; give a file') from None
    if data.startswith(_WORKBOOKS):
        raise BadInput(
            f'"{where}" is a workbook or an archive; save its sheet as CSV and give that'
        )
    if len(data) > _LARGEST:
        raise BadInput(f'"{where}" holds more than 512 MiB of text; cut it into several files')
    return data


def _text(data: bytes) -> str:
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return data.decode("utf-16", "replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _digest(path: Path) -> str:
    total = hashlib.sha256()
    with io.FileIO(path) as file:
        while piece := file.read(_PIECE):
            total.update(piece)
    return total.hexdigest()


def _chosen_device(foreign: Foreign, device: str, where: str) -> Foreign:
    """Keep the parts of one device where the file names devices."""
    if not device or not foreign.devices:
        return foreign
    parts = tuple(part for part in foreign.parts if part.label.get("device") == device)
    if not parts:
        known = ", ".join(foreign.devices[:12])
        raise BadInput(f'"{where}" has no device "{clean(device)}"; it names {known}')
    return replace(foreign, parts=parts)


# -- writing -------------------------------------------------------------------------------------


def _header(imported: dict[str, str], foreign: Foreign, site: str, operator: str) -> Header:
    known = foreign.began is not None and 0 < foreign.began < _LATEST
    began = foreign.began if known and foreign.began is not None else time.time()
    return Header(
        protocol={
            "kind": "imported",
            "seed": 0,
            "file": imported["file"],
            "format": imported["format"],
        },
        bench={},
        bench_name="imported",
        seed=0,
        simulated=False,
        site=site,
        imported=imported,
        operator=operator,
        host=platform.node(),
        versions={"python": platform.python_version(), "labctl": imported["labctl"]},
        started=began,
    )


def _write(folder: Path, foreign: Foreign, header: Header) -> None:
    notes = list(foreign.notes)
    if foreign.began is None:
        notes.append("the file does not say when it was measured: the run begins at its import")
    last = 0.0
    journal = Journal(folder, header)
    try:
        journal.session(0.0)
        for text in notes:
            journal.note("record", clean(text))
        for index, part in enumerate(part for part in foreign.parts if part.rows):
            journal.begin(index, 1, Wait(0.0, part.label))
            journal.rows(part.rows)
            journal.done()
            last = max([last, *(row.t for row in part.rows if math.isfinite(row.t))])
        journal.update(status="done", ended=max(header.started, header.started + last))
    finally:
        journal.close()
