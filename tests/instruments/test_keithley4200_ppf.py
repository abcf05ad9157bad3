"""What is planned on a bench with a pulse card, which cannot hold a current."""

from labctl.benchfile import read_bench
from labctl.planner import plan
from protocols.ppf import PairedPulse


def test_the_plan_says_what_is_played_instead_of_a_compliance():
    protocol = PairedPulse(intervals=(0.01, 0.1), repeats=1, compliance=1e-3)
    made = plan(protocol, read_bench("sim-4200")[0])
    assert made.violations == ()
    assert any("instead of 1 mA" in said for said in made.degradations)


def test_the_template_of_a_real_bench_is_read_and_plans():
    definition = read_bench("keithley4200a")[0]
    assert not definition.simulated
    assert plan(PairedPulse(intervals=(0.01, 0.1), repeats=1), definition).violations == ()
