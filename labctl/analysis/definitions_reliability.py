"""Definitions of endurance, relaxation, retention and disturb, as the protocols report them."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_RELIABILITY"]

_LANZA = "after Lanza et al., ACS Nano 2021, 15, 17214"
_LANZA_DOI = "10.1021/acsnano.1c06980"

DEFINITIONS_RELIABILITY: tuple[Definition, ...] = (
    Definition(
        "endurance-cycles-to-failure",
        "first cycle of the first run of `confirm` failed cycles among those read",
        "A cycle fails where R(HRS)/R(LRS) is below the least window, or a state is beyond its "
        "bound; the rule stands in the notes. Where not every cycle was read the life is known to "
        "an interval: the value is its middle, the uncertainty its length over the root of 12.",
        doi=_LANZA_DOI,
        source=_LANZA,
        code="protocols.endurance_results.analyse_endurance",
        quantity="endurance",
    ),
    Definition(
        "endurance-cycles-survived",
        "last cycle read, where the device had not failed",
        "A lower bound of the life: the device was taken off the test, which life statistics must "
        "count as right-censored.",
        doi=_LANZA_DOI,
        source=_LANZA,
        code="protocols.endurance_results.analyse_endurance",
        quantity="endurance",
    ),
    Definition(
        "endurance-window",
        "W = median(R(HRS)/R(LRS)) over the cycles read",
        "Both resistances belong to the same cycle. The first and the last window are those of "
        "the first and the last nine cycles that were read. The uncertainty is that of the "
        "median, 1.253 s/sqrt(n), from the scatter of ln W.",
        doi=_LANZA_DOI,
        source=_LANZA,
        code="protocols.endurance_results.analyse_endurance",
        quantity="memory window",
    ),
    Definition(
        "endurance-state-resistance",
        "R = median(V/I) over the cycles read until the failure",
        "Of the low-resistance state after SET and of the high-resistance state after RESET.",
        unit="Ohm",
        doi=_LANZA_DOI,
        source=_LANZA,
        code="protocols.endurance_results.analyse_endurance",
        quantity="state resistance",
    ),
    Definition(
        "endurance-c2c-log",
        "s = sqrt(sum(d^2)/(2 n)), d = ln(R of a cycle/R of the cycle before)",
        "Scatter of a state from cycle to cycle, from neighbouring cycles, so that a drift adds "
        "nothing; read noise does. About the relative standard deviation where it is small.",
        source="von Neumann, Ann. Math. Stat. 1941, 12, 367 (mean square successive difference)",
        code="protocols.endurance_results.analyse_endurance",
        quantity="C2C variation",
    ),
    Definition(
        "endurance-drift",
        "b: lg R = a + b max(0, lg(N/N0))",
        "Decades of resistance for each decade of cycles N, after an onset N0 where the data show "
        "one and from the first cycle otherwise; of the law that AICc prefers.",
        doi="10.1088/1361-6641/abf29d",
        source="the gradual mode of Lammie et al., Semicond. Sci. Technol. 2021",
        code="protocols.endurance_drift.compete_drift",
        quantity="drift of a state with cycles",
    ),
    Definition(
        "endurance-stuck-at",
        "1: stuck in LRS, -1: stuck in HRS, 0: the window closed between them",
        "After a failure: in which of the two states of the first cycles both reads of the last "
        "failed cycles lie, nearer than to the other by the logarithm, with less than a third of "
        "the first window (in the logarithm) between them.",
        source="the stuck-at faults of memory testing",
        code="protocols.endurance_results.analyse_endurance",
        quantity="stuck-at",
    ),
    Definition(
        "relaxation-retained-conductance",
        "(G(last) - G0)/(G(first) - G0)",
        "Share of the change of conductance, from G0 before the train to the first read after it, "
        "that is left at the last read. Both times stand in the record.",
        source="as in Ohno et al., Nat. Mater. 2011, 10, 591, for short- and long-term memory",
        code="protocols.relaxation_results.analyse_relaxation",
        quantity="retained fraction",
    ),
    Definition(
        "relaxation-retained-log-conductance",
        "ln(G(last)/G0)/ln(G(first)/G0)",
        "The same share of the change of ln G, for devices whose conductance is exponential in "
        "what relaxes, as that of a tunnel junction.",
        code="protocols.relaxation_results.analyse_relaxation",
        quantity="retained fraction",
    ),
    Definition(
        "relaxation-mean-time",
        "<tau> = (area under the decay)/(its height)",
        "tau of one exponential, (c1 tau1 + c2 tau2)/(c1 + c2) of two, tau Gamma(1/beta)/beta of a "
        "stretched one; of the law that AICc prefers, where its parameters are identifiable. A "
        "power law has none.",
        unit="s",
        code="protocols.relaxation_times.mean_time",
        quantity="mean relaxation time",
    ),
    Definition(
        "relaxation-read-disturb",
        "G(last, with all reads)/G(last, with that read alone) - 1",
        "Mean over the conditions; the uncertainty from the scatter between them, which includes "
        "how well the baseline was met. Of the logarithms where ln G is fitted.",
        code="protocols.relaxation_results.analyse_relaxation",
        quantity="effect of the reads",
    ),
    Definition(
        "retention-kept",
        "G(last)/G(first)",
        "Conductance at the last read over that at the first read after writing; both times stand "
        "in the record.",
        code="protocols.retention_results.analyse_retention",
        quantity="retained conductance",
    ),
    Definition(
        "retention-life",
        "t: |G(t)/G(first) - 1| = loss",
        "Time since writing at which the conductance has changed by the stated share of its first "
        "reading, interpolated in ln t; in use by Arrhenius' law from the lives at the "
        "temperatures measured.",
        unit="s",
        source="JEDEC JESD22-A117 and JEP122 for data retention by bakes",
        code="protocols.retention_states.life_of",
        quantity="retention time",
    ),
    Definition(
        "retention-survived",
        "last read, where the change had not reached the stated share",
        "A lower bound of the life of a state; to be counted as right-censored.",
        unit="s",
        code="protocols.retention_results.analyse_retention",
        quantity="retention time",
    ),
    Definition(
        "disturb-count",
        "n: |(G(n)/G(0))/(Gc(n)/Gc(0)) - 1| = tolerance",
        "Number of small pulses (reads, half-selected writes) after which the conductance G has "
        "changed by the tolerance beyond that of a control Gc that rested for as long, "
        "interpolated in ln n between the looks. An upper bound where the first look was beyond.",
        code="protocols.disturb_results.analyse_disturb",
        quantity="pulses to disturb",
    ),
    Definition(
        "disturb-survived",
        "last look, where the change had not reached the tolerance",
        "A lower bound of the number of pulses to disturb; to be counted as right-censored.",
        code="protocols.disturb_results.analyse_disturb",
        quantity="pulses to disturb",
    ),
    Definition(
        "disturb-change",
        "(G(n)/G(0))/(Gc(n)/Gc(0)) - 1 at the last look",
        "Relative change of the conductance beyond that of the control. The uncertainty is that of "
        "the two readings by the specification, an upper estimate on one range.",
        code="protocols.disturb_results.net_change",
        quantity="disturb",
    ),
    Definition(
        "disturb-volts-per-decade",
        "s: lg N = a - |V|/s",
        "Voltage that makes a disturb ten times as fast, from the numbers N at three levels or "
        "more.",
        unit="V",
        code="protocols.disturb_results.analyse_disturb",
        quantity="acceleration of disturb",
    ),
)
