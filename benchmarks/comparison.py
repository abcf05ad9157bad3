"""Side by side: one machine, one run, everybody in turn, medians and spread, one JSON object.

A case is measured in rounds, and in each round every party has its turn, so that whatever else the
machine is doing hits all of them alike. Only ratios are worth comparing between machines.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import statistics
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["Case", "Comparison", "Party", "arguments"]

#: runs one round and returns its figure, in the unit of the case
Party = Callable[[], float]


@dataclass
class Case:
    """One thing that everybody does; a larger figure is better.

    Parameters
    ----------
    case
        What is done, in words.
    unit
        Of every figure.
    goal
        Ratio to reach, by peer; empty for a case that is shown for comparison only.
    """

    case: str
    unit: str
    goal: dict[str, float]
    ours: float = 0.0
    peers: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)
    spread: dict[str, tuple[float, float]] = field(default_factory=dict)
    absent: dict[str, str] = field(default_factory=dict)  #: peer -> why it could not take part
    met: bool | None = None  #: None without a goal, or when a peer that has one is absent

    def settle(self) -> None:
        """Work out ratios and whether the goals are met."""
        self.ratios = {name: self.ours / value for name, value in self.peers.items()}
        if self.goal and self.goal.keys() <= self.ratios.keys():
            self.met = all(self.ratios[name] >= least for name, least in self.goal.items())


class Comparison:
    """All cases of one benchmark.

    Parameters
    ----------
    name
        Of the benchmark.
    packages
        Distributions whose versions belong to the figures.
    rounds
        Turns that everybody has in every case.
    """

    def __init__(self, name: str, packages: tuple[str, ...], rounds: int) -> None:
        self.name = name
        self.packages = packages
        self.rounds = rounds
        self.cases: list[Case] = []

    def measure(
        self, case: Case, ours: Party, peers: Mapping[str, Party], absent: Mapping[str, str]
    ) -> None:
        """Give everybody a turn in each round and take medians.

        Parameters
        ----------
        case
            Is filled in.
        ours, peers
            One round each.
        absent
            Peers that are not installed, with the reason.
        """
        parties = {"ours": ours, **peers}
        figures: dict[str, list[float]] = {name: [] for name in parties}
        for number in range(self.rounds + 1):
            for name, party in parties.items():
                say(f"{case.case}: {name}, round {number} of {self.rounds}")
                figure = party()
                if number:  # round 0 pays for imports and caches
                    figures[name].append(figure)
        medians = {name: statistics.median(values) for name, values in figures.items()}
        case.ours = medians.pop("ours")
        case.peers = medians
        case.spread = {name: (min(values), max(values)) for name, values in figures.items()}
        case.absent = dict(absent)
        case.settle()
        self.cases.append(case)

    def result(self) -> dict[str, Any]:
        """Return everything as one JSON object."""
        return {
            "benchmark": self.name,
            "machine": {
                "system": platform.platform(),
                "processor": platform.processor() or platform.machine(),
                "cores": os.cpu_count(),
            },
            "versions": {"python": platform.python_version()} | versions(self.packages),
            "rows": [asdict(case) for case in self.cases],
            "met": sum(case.met is True for case in self.cases),
            "of": sum(bool(case.goal) for case in self.cases),
        }

    def print(self, as_json: bool) -> None:
        """Print a table, unless only JSON is wanted, and the JSON object as the last line."""
        if not as_json:
            for case in self.cases:
                print("\n".join(table(case)))
        print(json.dumps(self.result()))


def table(case: Case) -> list[str]:
    """Return a case as lines of text."""
    lines = ["", f"{case.case}, {case.unit}"]
    lines.append(f"  {'labctl':24}{case.ours:12.4g}{span(case.spread['ours'])}")
    for name, value in case.peers.items():
        goal = f", goal {case.goal[name]:g}" if name in case.goal else ""
        ratio = f"  ratio {case.ratios[name]:.1f}{goal}"
        lines.append(f"  {name:24}{value:12.4g}{span(case.spread[name])}{ratio}")
    lines += [f"  {name:24}  absent: {reason}" for name, reason in case.absent.items()]
    verdict = {True: "met", False: "not met", None: "not decided: a peer is absent"}[case.met]
    return [*lines, f"  goal {verdict}"] if case.goal else lines


def span(ends: tuple[float, float]) -> str:
    """Return the spread over the rounds as text."""
    return f"{f'({ends[0]:.4g} .. {ends[1]:.4g})':>26}"


def say(text: str) -> None:
    """Say on standard error what is being done."""
    print(text, file=sys.stderr, flush=True)


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the versions of those that are installed."""
    found = {}
    for package in packages:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            found[package] = "not installed"
    return found


def arguments(description: str) -> argparse.Namespace:
    """Read the command line that every benchmark has: --quick and --json."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a tenth of the work, one round")
    parser.add_argument("--json", action="store_true", help="print the JSON object only")
    return parser.parse_args()
