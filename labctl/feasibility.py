"""Whether a protocol can be run, on one bench or on every bench there is, and what would help.

Nothing is connected: instruments speak through their drivers' limits.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from labctl import catalogue
from labctl.benchfile import Definition, read_bench
from labctl.envelope import Gate
from labctl.errors import BadInput
from labctl.planner import Plan, plan
from labctl.protocol import Protocol
from labctl.record import Record
from labctl.sample import gate_of
from labctl.units import show

__all__ = [
    "Stress", "Verdict", "examine", "lines", "stress_so_far", "survey", "table", "told_of_all",
    "told_of_one",
]  # fmt: skip


class Stress(msgspec.Struct, frozen=True):
    """What earlier runs were to do to a device, by their plans."""

    runs: int = 0
    pulses: int = 0
    peak: float = 0.0  #: V
    charge: float = 0.0  #: at most, C
    energy: float = 0.0  #: at most, J


class Verdict(msgspec.Struct, frozen=True):
    """What is to be said of a protocol on a bench."""

    bench: str
    simulated: bool
    feasible: bool  #: as it is
    plan: Plan | None  #: None where the bench file itself is wrong
    accepting: Plan | None = None  #: the plan if degradations are accepted, where that helps
    reason: str = ""  #: what is wrong with the bench file
    envelope: dict[str, float | None] = {}  #: what the sample may see, by v, i, charge, energy
    #: name and text of each limit of the device, with what its earlier runs have used of it
    device: tuple[tuple[str, str], ...] = ()

    def plan_for(self, *, accept_degraded: bool) -> Plan:
        """Return the plan, with degradations where they are accepted and help.

        Raises
        ------
        BadInput
            The bench file is wrong, so there is none.
        """
        if self.plan is None:
            raise BadInput(self.reason)
        return self.accepting if accept_degraded and self.accepting is not None else self.plan

    @property
    def word(self) -> str:
        """Say it in a word or two."""
        if self.feasible:
            return "feasible"
        return "if degraded" if self.accepting is not None else "not feasible"


def examine(
    protocol: Protocol,
    bench: str | Path,
    conductance: float | None = None,
    limits: tuple[Path, str, Path] | None = None,
) -> Verdict:
    """Plan a protocol on one bench.

    Parameters
    ----------
    protocol
        What to measure.
    bench
        Name or file.
    conductance
        Expected of the device, S.
    limits
        Folder of the sample, device on it, and where the runs are, where the sample's file and what
        the device has seen are to count.

    Raises
    ------
    BadInput
        The bench file or the sample cannot be used.
    """
    definition, content = read_bench(bench)
    gate = None if limits is None else gate_of(*limits, content)
    return _examined(protocol, definition, conductance, gate)


def _examined(
    protocol: Protocol,
    definition: Definition,
    conductance: float | None,
    gate: Gate | None = None,
) -> Verdict:
    made = plan(protocol, definition, conductance, gate)
    accepting = None
    if any(violation.instead for violation in made.violations):
        lenient = definition.model_copy(update={"accept_degraded": True})
        again = plan(protocol, lenient, conductance, gate)
        accepting = None if again.violations else again
    return Verdict(
        definition.name, definition.simulated, not made.violations, made, accepting,
        envelope=definition.envelope.model_dump(),
        device=() if gate is None else tuple(gate.lines()),
    )  # fmt: skip


def survey(protocol: Protocol, conductance: float | None = None) -> list[Verdict]:
    """Plan a protocol on every bench; those that differ only in their devices once.

    Parameters
    ----------
    protocol
        What to measure.
    conductance
        Expected of the device, S.
    """
    known: dict[str, Verdict] = {}
    verdicts = []
    for name, path in sorted(catalogue.bench_files().items()):
        try:
            definition, _ = read_bench(path)
            key = _instruments(definition)
            if key not in known:
                known[key] = _examined(protocol, definition, conductance)
            verdict = msgspec.structs.replace(
                known[key], bench=name, simulated=definition.simulated
            )
        except BadInput as error:
            verdict = Verdict(name, False, False, None, reason=str(error))
        verdicts.append(verdict)
    return verdicts


def _instruments(definition: Definition) -> str:
    """Return what a plan depends on, as text."""
    held = definition.model_dump(mode="json", exclude={"name", "title", "visa", "simulation"})
    for section in held["instruments"].values():
        section.pop("address", None)
    return json.dumps(held, sort_keys=True)


def stress_so_far(root: Path, site: str, sample: str = "") -> Stress:
    """Sum up what the runs in a folder were planned to do to a device.

    Parameters
    ----------
    root
        Where the runs are.
    site
        The device, as the user names it.
    sample
        Folder of a virtual sample; empty for none.
    """
    total = Stress()
    for folder in catalogue.run_folders(root):
        try:
            header = Record(folder).header
        except BadInput:
            continue  # listing says what is wrong with it; it adds nothing that is known
        if header.site != site or (sample and header.sample != str(Path(sample).resolve())):
            continue
        made = msgspec.convert(header.plan, Plan)
        total = Stress(
            total.runs + 1,
            total.pulses + made.pulses,
            max(total.peak, made.highest),
            total.charge + made.charge,
            total.energy + made.energy,
        )
    return total


def told_of_all(verdicts: Sequence[Verdict], as_json: bool) -> str:
    """Return what is printed of a survey: lines, or one JSON object by bench."""
    if as_json:
        return msgspec.json.encode({verdict.bench: verdict for verdict in verdicts}).decode()
    return "\n".join(table(verdicts))


def told_of_one(
    protocol: str, verdict: Verdict, made: Plan, stress: Stress | None, as_json: bool
) -> str:
    """Return what is printed of one bench: lines, or the plan as one JSON object.

    Parameters
    ----------
    protocol
        Name or file, as the user gave it.
    verdict
        Of the bench.
    made
        Its plan that counts, see `Verdict.plan_for`.
    stress
        What the device has seen so far, where that is known.
    as_json
        Whether a program reads it.
    """
    if as_json:
        return msgspec.json.encode(made).decode()
    mark = " (simulated)" if verdict.simulated else ""
    said = [f"{protocol} on {verdict.bench}{mark}: {made.sentence()}", *lines(verdict, stress)]
    if not made.violations:
        said.append("feasible, degraded" if made.degradations else "feasible")
    return "\n".join(said)


def table(verdicts: Sequence[Verdict]) -> Iterator[str]:
    """Yield one line for each group of benches of which the same is to be said."""
    groups: dict[tuple[str, str], list[str]] = {}
    for verdict in verdicts:
        groups.setdefault((verdict.word, _short(verdict)), []).append(verdict.bench)
    for (word, text), names in groups.items():
        yield f"{word:13} {', '.join(names)}"
        for line in text.splitlines():
            yield f"{'':13}   {line}"


def _short(verdict: Verdict) -> str:
    if verdict.plan is None:
        return verdict.reason
    if verdict.feasible:
        return "\n".join([_course(verdict.plan), *verdict.plan.warnings])
    said = [str(violation) for violation in verdict.plan.violations]
    if verdict.accepting is not None:
        said = [*verdict.accepting.degradations, _course(verdict.accepting)]
    return "\n".join(said)


def _course(made: Plan) -> str:
    """Say who times the steps, and how long it takes."""
    modes = ", ".join(f"{mode} {count} steps" for mode, count in made.modes.items())
    timing = f" (intervals to {show(made.timing, 's')})" if modes and made.timing else ""
    return f"{made.duration_text}, {made.pulses} pulses; {modes}{timing}".rstrip("; ")


def lines(verdict: Verdict, stress: Stress | None = None) -> Iterator[str]:
    """Yield what is to be said of one bench, beyond the plan's sentence.

    Parameters
    ----------
    verdict
        Of the bench.
    stress
        What the device has seen so far, where that is known.
    """
    made = verdict.plan
    if made is None:
        yield verdict.reason
        return
    best = verdict.accepting or made
    if best.modes:
        counts = ", ".join(f"{mode} {count} steps" for mode, count in best.modes.items())
        yield f"timing     {counts}; intervals to within {show(best.timing, 's')}"
    if best.alone:
        yield (
            "silence    if the computer falls silent, everything is at zero volts by itself after "
            f"{best.alone_text} at most"
        )
    yield f"envelope   {_of_envelope(best, verdict.envelope)}"
    yield from _of_device(verdict, stress)
    for resolution in best.resolutions:
        yield f"floor      {resolution.sentence()}"
    for warning in best.warnings:
        yield f"warning    {warning}"
    for text in best.degradations:
        yield f"degraded   {text}"


def _of_device(verdict: Verdict, stress: Stress | None) -> Iterator[str]:
    for name, text in verdict.device:
        yield f"device     {name} {text}"
    if stress is not None and stress.runs:
        yield (
            f"so far     {stress.runs} runs, {stress.pulses} pulses, up to "
            f"{show(stress.peak, 'V')}, {show(stress.charge, 'C')}, {show(stress.energy, 'J')}"
        )


def _of_envelope(made: Plan, envelope: Mapping[str, float | None]) -> str:
    """Say how much of what the sample may see is used."""
    rows = (
        ("peak", made.highest, "v", "V"),
        ("compliance", made.compliance, "i", "A"),
        ("charge", made.charge, "charge", "C"),
        ("energy", made.energy, "energy", "J"),
    )
    said = []
    for name, value, key, unit in rows:
        most = envelope.get(key)
        of = "" if most is None else f" of {show(most, unit)}"
        said.append(f"{name} {show(value, unit)}{of}")
    return ", ".join(said)
