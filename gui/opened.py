"""What is open in the window: bench, protocol and its parameters, sites, run. One small model.

Views show it and change it through its methods; every change is a signal. It holds no measurement
logic: what a protocol or a bench is, `labctl` says.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec
from PySide6.QtCore import QObject, Signal

from gui.order import Order
from gui.parameters import Problem, fields_of, made, texts_of
from labctl import catalogue
from labctl.benchfile import Definition, read_bench
from labctl.errors import BadInput
from labctl.protocol import Protocol, load_values
from labctl.steps import Soak
from labctl.units import parse

__all__ = ["Opened"]


class Opened(QObject):
    """The model of what is open.

    Parameters
    ----------
    root
        Folder below which the run folders are.
    """

    benchChanged = Signal()  # noqa: N815 - Qt's manner
    kindChanged = Signal()  # noqa: N815 - another protocol was chosen
    protocolChanged = Signal()  # noqa: N815 - a parameter changed, or all of them did
    sitesChanged = Signal()  # noqa: N815
    waysChanged = Signal()  # noqa: N815 - pace, sample, operator, degradations
    runChanged = Signal()  # noqa: N815
    said = Signal(str)  #: a sentence for the console

    def __init__(self, root: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.root = root
        self.bench = ""  #: name or file
        self.definition: Definition | None = None
        self.bench_problem = ""  #: why there is no definition
        self.kind = ""
        self.protocol_class: type[Protocol] | None = None  #: None when nothing usable is chosen
        self.texts: dict[str, str] = {}  #: parameters that differ from the protocol's own
        self.protocol: Protocol | None = None
        self.problems: tuple[Problem, ...] = ()
        self.sites: tuple[str, ...] = ()
        self.run: Path | None = None
        self.ways = Order(kind="")  #: pace, sample, operator and the rest; see `order`
        self._kept: dict[str, dict[str, str]] = {}  # parameters of protocols left for another

    # -- bench ----------------------------------------------------------------------------------

    def choose_bench(self, name: str) -> None:
        """Choose a bench by name or file."""
        if name == self.bench:
            return
        self.bench, self.definition, self.bench_problem = name, None, ""
        try:
            self.definition = read_bench(name)[0] if name else None
        except BadInput as error:
            self.bench_problem = str(error)
            self.said.emit(str(error))
        self.sites = ()
        if self.ways.accept_degraded:
            self.change_ways(accept_degraded=False)
        self.benchChanged.emit()
        self.sitesChanged.emit()

    @property
    def simulated(self) -> bool:
        """Whether the bench is virtual."""
        return self.definition is not None and self.definition.simulated

    # -- protocol -------------------------------------------------------------------------------

    def choose_kind(self, kind: str) -> None:
        """Choose a protocol; what was set of it earlier in this session is set again."""
        if kind == self.kind:
            return
        self._kept[self.kind] = self.texts
        self.kind, self.texts = kind, dict(self._kept.get(kind, {}))
        self.protocol_class = self._load(kind)
        self._make()
        self.kindChanged.emit()
        self.protocolChanged.emit()

    def _load(self, kind: str) -> type[Protocol] | None:
        if not kind:
            return None
        try:
            return cast("type[Protocol]", catalogue.load("protocol", kind))
        except Exception as error:  # noqa: BLE001 - somebody's broken package must not end the window
            what = str(error) if isinstance(error, BadInput) else f"{type(error).__name__}: {error}"
            self.said.emit(f"the protocol {kind} cannot be used: {what}")
            return None

    def change(self, name: str, text: str) -> None:
        """Change one parameter, as text."""
        self.change_all({**self.texts, name: text})

    def change_all(self, texts: Mapping[str, str]) -> None:
        """Set the parameters; those left out have the protocol's own value."""
        kind = self.protocol_class
        own = {} if kind is None else {field.name: field.default for field in fields_of(kind)}
        kept = {n: t.strip() for n, t in texts.items() if own.get(n) != t.strip()}
        if kept == self.texts:
            return
        self.texts = kept
        self._make()
        self.protocolChanged.emit()

    def _make(self) -> None:
        kind = self.protocol_class
        self.protocol, self.problems = (None, ()) if kind is None else made(kind, self.texts)

    def load_file(self, path: Path) -> None:
        """Take protocol and parameters from a TOML file, as ``labctl run FILE`` reads it.

        Raises
        ------
        BadInput
            The file cannot be read, names no known protocol, or a value is not allowed.
        """
        protocol = catalogue.protocol_from(str(path), {})
        given = load_values(path)
        self.take(protocol, tuple(given))

    def take(self, protocol: Protocol, names: tuple[str, ...] | None = None) -> None:
        """Show a protocol that was made elsewhere, such as that of a run."""
        texts = texts_of(protocol)
        if names is not None:
            texts = {name: text for name, text in texts.items() if name in names}
        if protocol.kind != self.kind:
            self._kept[protocol.kind] = texts
            self.choose_kind(protocol.kind)
        else:
            self.change_all(texts)

    def take_order(self, order: Order) -> None:
        """Show an order: its bench, protocol, parameters and site."""
        self.choose_bench(order.bench)
        self._kept[order.kind] = dict(order.values)
        if order.kind == self.kind:
            self.change_all(order.values)
        else:
            self.choose_kind(order.kind)
        self.choose_sites((order.site,) if order.site else ())
        self.change_ways(
            pace=order.pace, sample=order.sample, operator=order.operator,
            temperature=order.temperature, accept_degraded=order.accept_degraded,
        )  # fmt: skip

    def take_link(self, order: Order) -> None:
        """Show what a lab sheet asks for; who measures on what sample stays as it is.

        A link without a bench means the one that is open: an exercise may have chosen it.
        """
        ways = self.ways
        self.take_order(
            msgspec.structs.replace(
                order, bench=order.bench or self.bench, operator=ways.operator,
                sample=ways.sample, temperature=ways.temperature, pace=ways.pace,
            )
        )  # fmt: skip

    @property
    def obstacle(self) -> str | None:
        """Why there is nothing to plan, in a sentence; empty where nothing is chosen yet."""
        if self.protocol is None or self.definition is None:
            return self.bench_problem or ("mend what is marked above" if self.kind else "")
        if not self.ways.temperature:
            return None
        try:
            found = self.definition.check(Soak(parse(self.ways.temperature, "K")))
        except BadInput as error:
            return str(error)
        return str(found[0]) if found else None

    # -- the rest -------------------------------------------------------------------------------

    def choose_sites(self, sites: tuple[str, ...]) -> None:
        """Choose the sites that are measured, in this order."""
        if sites != self.sites:
            self.sites = sites
            self.sitesChanged.emit()

    def change_ways(self, **ways: object) -> None:
        """Change pace, sample, fresh, operator, temperature or accept_degraded."""
        before = self.ways
        names = ("pace", "sample", "fresh", "operator", "temperature", "accept_degraded")
        kept = {name: getattr(before, name) for name in names}
        self.ways = Order(kind="", **{**kept, **ways})
        if self.ways != before:
            self.waysChanged.emit()

    @property
    def limits(self) -> tuple[Path, str, Path] | None:
        """Sample, device on it and folder of the runs, for a plan; None without a sample."""
        if not self.ways.sample:
            return None
        return Path(self.ways.sample), self.sites[0] if self.sites else "", self.root

    def show_run(self, folder: Path | None) -> None:
        """Show a run, running or finished."""
        if folder != self.run:
            self.run = folder
            self.runChanged.emit()

    def order(self, site: str | None = None) -> Order:
        """Return what would be run now, on one site; the first chosen where none is given.

        Raises
        ------
        BadInput
            Bench or protocol are not fit to be run.
        """
        if self.definition is None:
            raise BadInput(self.bench_problem or "no bench is chosen; choose one above")
        if self.protocol is None:
            first = self.problems[0] if self.problems else None
            about = "no protocol is chosen; choose one from the list"
            raise BadInput(f"{first.field} {first.text}".strip() if first else about)
        ways = self.ways
        return Order(
            kind=self.kind, values=dict(self.texts), bench=self.bench,
            site=site if site is not None else next(iter(self.sites), ""),
            sample=ways.sample, fresh=ways.fresh, pace=ways.pace if self.simulated else 0.0,
            operator=ways.operator, temperature=ways.temperature,
            accept_degraded=ways.accept_degraded,
        )  # fmt: skip
