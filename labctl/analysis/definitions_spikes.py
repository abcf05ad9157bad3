"""Definitions of the figures of merit of plasticity: timing, history, thresholds, priming."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_SPIKES"]

DEFINITIONS_SPIKES = (
    Definition(
        "weight-change",
        "(G_after - G_before)/G_before",
        "Conductance at the read voltage before a stimulus and a stated time after it; the mean "
        "of the repeats with its standard uncertainty.",
        doi="10.1038/81453",
        source="change of a synaptic weight by a stimulus: Abbott and Nelson, Nat. Neurosci. "
        "2000, 3, 1178",
        code="labctl.analysis.plasticity.mean_change",
        quantity="weight change",
    ),
    Definition(
        "weight-change-difference",
        "dG_1/G_1 - dG_2/G_2",
        "The same stimulus after two different histories: mean changes compared.",
        code="labctl.analysis.plasticity.difference",
        quantity="effect of the history on a weight change",
    ),
    Definition(
        "epoch-change",
        "G(last pulse of the epoch)/G(last pulse of the epoch before) - 1",
        "Conductance read after the last pulse of each train in a row; the first epoch is "
        "compared with the read before it.",
        source="Nie et al., Adv. Mater. 2025, 202412006 (trains at 20, 1, 0.25, 1 Hz)",
        doi="10.1002/adma.202412006",
        code="labctl.analysis.plasticity.step_changes",
        quantity="change of an epoch",
    ),
    Definition(
        "epoch-change-in-pulse",
        "I(last pulse of the epoch)/I(last pulse of the epoch before) - 1",
        "Current in the last pulse of each train in a row; the first epoch is compared with the "
        "current in its own first pulse.",
        source="Nie et al., Adv. Mater. 2025, 202412006 (EPSC peaks)",
        doi="10.1002/adma.202412006",
        code="labctl.analysis.plasticity.step_changes",
        quantity="change of an epoch",
    ),
    Definition(
        "posterior-change",
        "G(last posterior pulse)/G(last prior pulse) - 1",
        "Conductance read after the last pulse of a train at the posterior rate against that after "
        "the last pulse of the train before it.",
        source="Nie et al., Adv. Mater. 2025, 202412006 (EPSC change against posterior rate)",
        doi="10.1002/adma.202412006",
        code="labctl.analysis.plasticity.relative_change",
        quantity="change by a posterior train",
    ),
    Definition(
        "threshold-shift",
        "ln(theta_2/theta_1)/ln(rate_2/rate_1)",
        "Thresholds after two prior rates: 0 where the threshold does not slide, 1 where it goes "
        "in proportion to the rate before.",
        source="after Bienenstock, Cooper and Munro, J. Neurosci. 1982, 2, 32",
        doi="10.1523/JNEUROSCI.02-01-00032.1982",
        code="labctl.analysis.rate_threshold.threshold_shift",
        quantity="sliding of the threshold",
    ),
    Definition(
        "threshold-crossing",
        "theta: change(theta) = 0 of the cubic in ln(rate) through four neighbouring rates",
        "The last rate at which the mean change passes zero upwards, from the rates beside it "
        "alone; it assumes no shape of the whole curve. The uncertainty has a part for the "
        "interpolation.",
        unit="Hz",
        code="labctl.analysis.rate_threshold.crossing",
        quantity="BCM threshold",
    ),
    Definition(
        "threshold-power",
        "n of theta = c G0^n",
        "Straight line through the logarithms of the thresholds and of the conductances at which "
        "the trials began: 0 where the threshold does not move with the weight.",
        source="Nie et al., Adv. Mater. 2025, 202412006 (BCM curves for three conductances)",
        doi="10.1002/adma.202412006",
        code="labctl.analysis.rate_threshold.power_of",
        quantity="threshold against conductance",
    ),
    Definition(
        "depression-deepening",
        "min change / change at the lowest rate",
        "Of the mean changes, where the lowest rate depresses: above 1 the depression first grows "
        "with the rate before it gives way (enhanced depression).",
        doi="10.1038/s41467-020-15158-3",
        source="enhanced depression effect: Wang et al., Nat. Commun. 2020, 11, 1510",
        code="labctl.analysis.rate_threshold.deepening",
        quantity="enhanced depression",
    ),
    Definition(
        "stdp-extreme",
        "max or min of the mean change over dt",
        "The largest mean potentiation and the largest mean depression among the dt measured.",
        source="Bi and Poo, J. Neurosci. 1998, 18, 10464",
        doi="10.1523/JNEUROSCI.18-24-10464.1998",
        code="labctl.analysis.plasticity.stdp_window",
        quantity="largest change of an STDP window",
    ),
    Definition(
        "stdp-extreme-at",
        "dt of the largest or smallest mean change",
        "dt = t_post - t_pre as achieved, at the largest mean potentiation or depression.",
        unit="s",
        source="Bi and Poo, J. Neurosci. 1998, 18, 10464",
        doi="10.1523/JNEUROSCI.18-24-10464.1998",
        code="labctl.analysis.plasticity.stdp_window",
        quantity="place of the largest change of an STDP window",
    ),
    Definition(
        "stdp-asymmetry",
        "(P - D)/(P + D)",
        "P is the largest mean potentiation and D the magnitude of the largest mean depression: 0 "
        "where they balance, 1 without depression, -1 without potentiation.",
        code="labctl.analysis.plasticity.stdp_window",
        quantity="asymmetry of an STDP window",
    ),
    Definition(
        "stdp-window",
        "largest |dt| with |mean change| > 2 sigma and above a twentieth of the largest",
        "How far from coincidence a pair still changes the weight, among the dt measured.",
        unit="s",
        code="labctl.analysis.plasticity.stdp_window",
        quantity="width of an STDP window",
    ),
    Definition(
        "stdp-amplitude",
        "A+, A-: change for dt -> 0 of A+ exp(-dt/tau+) and A- exp(dt/tau-)",
        "Magnitudes from the exponential window fitted to every pair at its achieved "
        "dt = t_post - t_pre; their signs are those of the kind of window.",
        source="Song, Miller and Abbott, Nat. Neurosci. 2000, 3, 919",
        doi="10.1038/78829",
        code="labctl.analysis.stdp.fit_stdp",
        quantity="amplitude of an STDP window",
    ),
    Definition(
        "stdp-time",
        "tau+, tau- of A+ exp(-dt/tau+) and A- exp(dt/tau-)",
        "Time constants from the exponential window fitted to every pair at its achieved dt.",
        unit="s",
        source="Song, Miller and Abbott, Nat. Neurosci. 2000, 3, 919",
        doi="10.1038/78829",
        code="labctl.analysis.stdp.fit_stdp",
        quantity="time constant of an STDP window",
    ),
    Definition(
        "energy-of-pieces",
        "E = sum over pieces and terminals of v i w",
        "Energy that all sources deliver in the straight pieces of overlapping spikes, from level, "
        "current and achieved width of each; uncertainties of the pieces are added, since their "
        "gain is common.",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.2",
        code="labctl.analysis.plasticity.energy_of_pieces",
        quantity="energy of a pair of spikes",
    ),
)
