"""An order: everything that one run is started with, as a value and as a command line.

The window builds orders, the queue keeps them, the runner carries them out. Parameters are text as
people write it (``"100 us"``), only those that differ from the protocol's own.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence

import msgspec

__all__ = ["Order", "arguments", "command_text", "needs_file", "python_text"]


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be run, on what and how."""

    kind: str
    values: dict[str, str] = {}  #: parameters that differ from the protocol's own
    bench: str = "sim-ftj"
    site: str = ""
    sample: str = ""  #: folder of a virtual sample that outlives its runs
    fresh: bool = False  #: the device of the sample begins anew
    pace: float = 0.0  #: virtual seconds in a second; 0 does not wait
    operator: str = ""
    temperature: str = ""  #: of the chuck before it begins, as people write it
    accept_degraded: bool = False

    @property
    def title(self) -> str:
        """What a list shows: protocol and site."""
        return f"{self.kind} {self.site}".rstrip()


def needs_file(order: Order) -> bool:
    """Return whether a parameter is a table, which only a file can say."""
    return any(text.lstrip()[:1] in ("{", "[") for text in order.values.values())


def arguments(order: Order, root: str, file: str = "") -> list[str]:
    """Return what follows ``labctl`` on a command line.

    Parameters
    ----------
    order
        What is to be run.
    root
        Where the run folder is made.
    file
        A preset that holds the parameters, instead of options.

    Examples
    --------
    >>> arguments(Order(kind="ppf", values={"width": "200 us"}), "runs")
    ['run', 'ppf', '--bench', 'sim-ftj', '--set', 'width=200 us']
    """
    said = ["run", file or order.kind, "--bench", order.bench]
    for name, text in order.values.items():
        if file and name != "seed":
            continue
        said += ["--seed", text] if name == "seed" else ["--set", f"{name}={text}"]
    for option, value in (
        ("--device", order.site),
        ("--sample", order.sample),
        ("--temperature", order.temperature),
        ("--pace", f"{order.pace:g}" if order.pace else ""),
        ("--operator", order.operator),
        ("--out", "" if root == "runs" else root),
    ):
        said += [option, value] if value else []
    for option, wanted in (("--fresh", order.fresh), ("--accept-degraded", order.accept_degraded)):
        said += [option] if wanted else []
    return said


def command_text(order: Order, root: str = "runs") -> str:
    """Return the command line that makes the same run, for a terminal.

    Where a parameter is a table it names a preset, to be saved under that name.

    Examples
    --------
    >>> print(command_text(Order(kind="ppf", values={"width": "200 us"})))
    labctl run ppf --bench sim-ftj --set 'width=200 us'
    """
    file = f"{order.kind}.toml" if needs_file(order) else ""
    return _quoted(["labctl", *arguments(order, root, file)])


def _quoted(words: Sequence[str]) -> str:
    if sys.platform == "win32":  # its shells know double quotes only
        return " ".join(f'"{word}"' if " " in word else word for word in words)
    return shlex.join(words)


def python_text(order: Order, root: str = "runs") -> str:
    """Return the lines of Python that make the same run.

    Examples
    --------
    >>> print(python_text(Order(kind="ppf", values={"width": "200 us"})))
    import labctl
    <BLANKLINE>
    run = labctl.run("ppf", bench="sim-ftj", width="200 us")
    """
    said = [f'"{order.kind}"', f"bench={_literal(order.bench)}"]
    given: dict[str, object] = {
        "out": "" if root == "runs" else root,
        "device": order.site,
        "sample": order.sample,
        "fresh": order.fresh,
        "chuck_temperature": order.temperature,
        "operator": order.operator,
        "pace": order.pace,
        "accept_degraded": order.accept_degraded,
    }
    given = {name: value for name, value in given.items() if value}
    if "seed" in order.values:
        given["seed"] = int(order.values["seed"])
    given |= {name: text for name, text in order.values.items() if name != "seed"}
    said += [f"{name}={_literal(value)}" for name, value in given.items()]
    line = f"run = labctl.run({', '.join(said)})"
    if len(line) > 88:
        line = "run = labctl.run(\n" + "".join(f"    {part},\n" for part in said) + ")"
    return f"import labctl\n\n{line}"


def _literal(value: object) -> str:
    if not isinstance(value, str):
        return repr(value)
    if value.lstrip()[:1] in ("{", "["):
        return repr(msgspec.json.decode(value))
    return msgspec.json.encode(value).decode()
