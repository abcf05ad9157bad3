"""Names of files that are made from runs."""

from __future__ import annotations

from pathlib import Path

__all__ = ["RECORDS", "file_name"]

#: forms of `labctl.export` that are one file of numbers, and their suffixes
RECORDS = {"hdf5": "h5", "csv": "csv", "parquet": "parquet", "netcdf": "nc"}

_FORBIDDEN = '<>:"/\\|?*'


def file_name(title: str, folder: str = "", suffix: str = "") -> str:
    """Return a name for a file made from a run, safe on every system.

    Examples
    --------
    >>> file_name("Current in the pulses", "runs/2026-11-22/105115-ppf-D3", "svg")
    '105115-ppf-D3 current in the pulses.svg'
    """
    words = title[:1].lower() + title[1:]
    name = " ".join(part for part in (Path(folder).name if folder else "", words) if part)
    name = "".join("-" if c in _FORBIDDEN or ord(c) < 32 else c for c in name).strip(" .")
    return f"{name or 'figure'}.{suffix}" if suffix else name or "figure"
