"""Definitions of the figures of sweeps, forming, conduction, switching in trials, and noise."""

from __future__ import annotations

from labctl.analysis.formula import Definition

__all__ = ["DEFINITIONS_TRANSPORT"]

DEFINITIONS_TRANSPORT = (
    Definition(
        "switching-voltage-half-change",
        "V at which ln(G_back/G_out) = q/2, q its value at low levels",
        "G_out and G_back are the conductances at equal level on the way out and on the way back. "
        "Their ratio leaves out the curvature that both share; where it has fallen to half, half "
        "of the change of ln G has happened. It serves abrupt and gradual switching alike. The "
        "uncertainty is that of a place between two levels.",
        unit="V",
        code="protocols.iv_loop.half_change",
        quantity="switching voltage",
    ),
    Definition(
        "switching-voltage-half-change-sd",
        "s(V) over the cycles",
        "Standard deviation over the cycles of the voltage of half the change.",
        unit="V",
        code="protocols.iv_sweep_results.Sweeps.metrics",
        quantity="spread of the switching voltage",
    ),
    Definition(
        "switching-voltage-largest-step",
        "V between the levels with the largest |ln(G_(k+1)/G_k)| on the way out",
        "The usual reading of an abrupt SET or RESET. Where no step is larger than the least "
        "change asked for, there is none.",
        unit="V",
        code="protocols.iv_loop.largest_step",
        quantity="switching voltage",
    ),
    Definition(
        "switching-voltage-largest-step-sd",
        "s(V) over the cycles",
        "Standard deviation over the cycles of the voltage of the largest step.",
        unit="V",
        code="protocols.iv_sweep_results.Sweeps.metrics",
        quantity="spread of the switching voltage",
    ),
    Definition(
        "on-off-ratio-reads",
        "max(G_a/G_b, G_b/G_a)",
        "G_a and G_b are the states read at the read voltage after the positive and after the "
        "negative half of a cycle; geometric mean over the cycles.",
        code="protocols.iv_sweep_results.Sweeps.metrics",
        quantity="on/off ratio",
    ),
    Definition(
        "on-off-ratio-branches",
        "exp(|ln(G_back/G_out)|) at the read voltage",
        "From the two branches of a half sweep; geometric mean over the halves. What relaxes "
        "between a half and a read is still in it.",
        code="protocols.iv_sweep_results.Sweeps.metrics",
        quantity="on/off ratio",
    ),
    Definition(
        "rectification-ratio-one-state",
        "|I(+V)|/|I(-V)|",
        "One current is taken on the way back from a peak and the other on the way out to the "
        "opposite one, so that the device is in one state; geometric mean.",
        code="protocols.iv_sweep_results.Sweeps.metrics",
        quantity="rectification ratio",
    ),
    Definition(
        "hysteresis-area-i-dv",
        "|closed integral of I dV|",
        "Over a half sweep, by trapezoids over the achieved levels, from zero and back to zero.",
        unit="W",
        code="protocols.iv_sweep_results.Half.area",
        quantity="hysteresis area",
    ),
    Definition(
        "energy-of-half-sweep",
        "E = sum over the levels of V I w",
        "w is the achieved duration of a level. The uncertainties of the levels are taken as "
        "common, since all are measured on one range.",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.1.2",
        code="protocols.iv_sweep_results.Half.energy",
        quantity="energy of a sweep",
    ),
    Definition(
        "change-of-mean-current",
        "min over k of +-(m_(k+1)/m_k - 1)",
        "m_k is the mean magnitude of the current in the k-th half sweep of a polarity; plus for "
        "positive halves (rise), minus for negative ones (fall). Above zero: every cycle goes on "
        "in the same direction.",
        code="protocols.iv_sweep_results.Sweeps.metrics",
        quantity="change from cycle to cycle",
    ),
    Definition(
        "resistance-target-reached",
        "1 where R < R_target, else 0",
        "R is read at the read voltage after the last pulse of the ramp.",
        code="protocols.forming_results.Formed.formed",
        quantity="formed",
    ),
    Definition(
        "resistance-below-breakdown",
        "1 where any R < R_breakdown, else 0",
        "R are all the resistances read. A device below is taken as shorted for good.",
        code="protocols.forming_results.Formed.broken",
        quantity="breakdown",
    ),
    Definition(
        "forming-voltage-ramp",
        "(V_(k-1) + V_k)/2",
        "Pulse k of the ramp is the first after which the resistance is below the target. The "
        "uncertainty is that of a place between two levels, (V_k - V_(k-1))/12^0.5, and that of "
        "the level. A ramp that forms with its first pulse gives an upper bound.",
        unit="V",
        code="protocols.forming_results.Formed.metrics",
        quantity="forming voltage",
    ),
    Definition(
        "forming-width-ramp",
        "(w_(k-1) + w_k)/2",
        "The same with pulses of growing width; before the first there is none.",
        unit="s",
        code="protocols.forming_results.Formed.metrics",
        quantity="forming time",
    ),
    Definition(
        "current-in-pulse",
        "I",
        "Measured in the last part of the pulse, where the source has settled; at the compliance "
        "where the source limits.",
        unit="A",
        code="labctl.readings.Readings.i",
        quantity="current",
    ),
    Definition(
        "energy-of-all-pulses",
        "E = sum over the pulses of V I w",
        "V and I are measured in each pulse, w is its achieved width. The uncertainties are taken "
        "as common to all pulses.",
        unit="J",
        doi="10.59161/JCGM100-2008E",
        source="propagation of uncertainty: JCGM 100:2008, 5.1.2",
        code="protocols.forming_results.Formed.metrics",
        quantity="energy of a train",
    ),
    Definition(
        "read-resistance",
        "R = V/I",
        "V and I are measured while the read voltage is applied.",
        unit="Ohm",
        code="labctl.readings.Readings.g",
        quantity="resistance",
    ),
    Definition(
        "onset-between-ranges",
        "(V_low + V_high)/2",
        "Where two ranges of voltage with laws of their own meet, in the division of the lowest "
        "AICc. The uncertainty is that of a place between two levels; it does not count other "
        "divisions, whose AICc the table shows.",
        unit="V",
        doi="10.1155/2014/578168",
        source="laws: Chiu, Adv. Mater. Sci. Eng. 2014, 578168",
        code="protocols.conduction_results.analysed",
        quantity="onset of a conduction mechanism",
    ),
    Definition(
        "barrier-thermionic-intercept",
        "phi = kT [ln(A A* T^2) - ln(I_0)], I_0 the thermionic current at no field",
        "From the intercept of a Schottky fit at one temperature, with the electrode's area A and "
        "the Richardson constant A* of the stated mass. An area ten times smaller (a filament) "
        "lowers it by kT ln 10.",
        unit="eV",
        doi="10.1155/2014/578168",
        source="Chiu, Adv. Mater. Sci. Eng. 2014, 578168",
        code="protocols.conduction_results.analysed",
        quantity="barrier height",
    ),
    Definition(
        "activation-energy-at-level",
        "E = -d ln(I)/d(1/kT)",
        "At the middle one of the levels, over all temperatures; zero for tunnelling.",
        unit="eV",
        code="protocols.activation.activation_of",
        quantity="activation energy of the current",
    ),
    Definition(
        "barrier-richardson-zero-field",
        "E = -d ln(I/T^2)/d(1/kT), extrapolated to V = 0",
        "The slopes at all levels above four times kT/q, extrapolated in V or in its root, "
        "whichever is straighter; in V the current that comes back over the barrier is allowed "
        "for, I/(1 - exp(-V/nkT)), n from the slope. Needs neither area nor Richardson constant; "
        "reported where thermionic emission or a diode carries the current.",
        unit="eV",
        doi="10.1155/2014/578168",
        source="Chiu, Adv. Mater. Sci. Eng. 2014, 578168",
        code="protocols.activation.activation_of",
        quantity="barrier height",
    ),
    Definition(
        "trap-depth-poole-frenkel",
        "E = -d ln(I/V)/d(1/kT), extrapolated to V = 0",
        "As for the barrier, without T^2; reported where Poole-Frenkel emission carries the "
        "current.",
        unit="eV",
        doi="10.1155/2014/578168",
        source="Chiu, Adv. Mater. Sci. Eng. 2014, 578168",
        code="protocols.activation.activation_of",
        quantity="trap depth",
    ),
    Definition(
        "change-of-state-over-sweep",
        "max |G_after/G_before - 1|",
        "The state read at the read voltage before and after every sweep.",
        code="protocols.conduction_results.analysed",
        quantity="disturbance of the state",
    ),
    Definition(
        "critical-voltage-by-switching",
        "P = 1 - exp(-(w/tau0) exp(-Delta (1 - |V|/Vc)))",
        "The voltage at which the barrier vanishes in the law of thermal activation under spin "
        "torque, with a stated attempt time tau0: a tau0 ten times longer lowers it.",
        unit="V",
        doi="10.1103/PhysRevB.69.134416",
        source="Neel-Brown under spin torque: Li and Zhang, Phys. Rev. B 2004, 69, 134416",
        code="labctl.analysis.switching.fit_switching_probability",
        quantity="critical voltage",
    ),
    Definition(
        "delay-median-lognormal",
        "P = Phi((ln(w/t50) + (|V| - V_ref)/V0)/s)",
        "Median delay t50 at the mean voltage V_ref, from the share P of pulses of width w that "
        "switched; Phi is the normal distribution. By the likelihood of the counts.",
        unit="s",
        doi="10.1088/2634-4386/ad01d6",
        source="delays of silver filaments: Neuromorph. Comput. Eng. 2023",
        code="protocols.delay_times.fit_delays",
        quantity="switching delay",
    ),
    Definition(
        "delay-spread-lognormal",
        "s in P = Phi((ln(w/t50) + (|V| - V_ref)/V0)/s)",
        "Standard deviation of the logarithm of the delay.",
        doi="10.1088/2634-4386/ad01d6",
        source="delays of silver filaments: Neuromorph. Comput. Eng. 2023",
        code="protocols.delay_times.fit_delays",
        quantity="spread of the switching delay",
    ),
    Definition(
        "half-voltage-interpolated",
        "V at which half of the pulses switch, between two conditions",
        "By a straight line between the last voltage below a half and the first above; the "
        "uncertainty is that of the counts there. No law is assumed.",
        unit="V",
        code="protocols.switching_probability_results.Trials.results",
        quantity="median switching voltage",
    ),
    Definition(
        "share-of-trials-reset-verified",
        "n(verified)/n",
        "Share of the trials before which a read showed the reset state. The others do not count.",
        doi="10.1080/01621459.1927.10502953",
        source="uncertainty: Wilson, J. Am. Stat. Assoc. 1927, 22, 209",
        code="protocols.switching_probability_results.Trials.results",
        quantity="share of valid trials",
    ),
    Definition(
        "state-conductance",
        "mean of G over the trials in a state",
        "The reset state is read before valid pulses, the other one where the switch is seen. In "
        "place of the standard uncertainty stands the standard deviation of a single reading, "
        "which says how well the states are told apart.",
        unit="S",
        code="protocols.switching_probability_results.Trials.results",
        quantity="conductance",
    ),
    Definition(
        "mean-current-of-reads",
        "mean of I",
        "Over all samples of a long read. The uncertainty of the meter does not average out.",
        unit="A",
        code="protocols.noise_results.analysed",
        quantity="current",
    ),
    Definition(
        "flicker-level-1-hz",
        "sqrt(S1) in S(f) = S1 (1 Hz/f)^alpha + W",
        "Amplitude density of the flicker part at 1 Hz, of the current over its mean. For alpha = "
        "1 each decade of frequency has the variance S1 ln 10 Hz.",
        unit="1/sqrt(Hz)",
        doi="10.1007/BF02590998",
        source="Whittle, Ark. Mat. 1953, 2, 423",
        code="labctl.analysis.flicker.fit_flicker",
        quantity="1/f level",
    ),
    Definition(
        "flicker-corner",
        "f_c with S1 (1 Hz/f_c)^alpha = W",
        "Frequency at which the flicker part and the white floor are equal.",
        unit="Hz",
        doi="10.1007/BF02590998",
        source="Whittle, Ark. Mat. 1953, 2, 423",
        code="labctl.analysis.flicker.fit_flicker",
        quantity="1/f corner",
    ),
)
