"""The factory scripts: sweeps, pulse trains, leakage, transconductance."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.sim_backend.rig import Rig

READY = (
    "for _, s in pairs({smua, smub}) do s.source.func = 1 s.source.rangev = 1 "
    "s.source.rangei = 1e-3 s.measure.rangei = 1e-3 s.measure.rangev = 1 "
    "s.measure.autozero = 0 s.measure.nplc = 0.01 "
    "s.nvbuffer1.appendmode = 1 s.source.output = 1 end"
)


TRAIN = "1e-2, 1e-3, 9e-3, 3, smua.nvbuffer1, 1)"  # limit, on, off, points, buffer, tag


@pytest.fixture
def rig() -> Rig:
    return Rig()


def column(rig: Rig, name: str, smu: str = "smua") -> list[float]:
    (reply,) = rig.send(f"printbuffer(1, {smu}.nvbuffer1.n, {smu}.nvbuffer1.{name})")
    return [float(x) for x in reply.split(",")]


# -- KISweep ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "levels"),
    [
        ("SweepVLinMeasureI(smua, -1, 1, 1e-3, 5)", [-1, -0.5, 0, 0.5, 1]),
        ("SweepVLogMeasureI(smua, 0.01, 1, 1e-3, 3)", [0.01, 0.1, 1]),
        ("SweepVListMeasureI(smua, {0.1, -0.1, 0.3}, 1e-3, 3)", [0.1, -0.1, 0.3]),
        ("SweepILinMeasureV(smua, 0, 1e-4, 1e-3, 3)", [0, 5e-5, 1e-4]),
        ("SweepILogMeasureV(smua, 1e-6, 1e-4, 1e-3, 3)", [1e-6, 1e-5, 1e-4]),
        ("SweepIListMeasureV(smua, {1e-5, 0}, 1e-3, 2)", [1e-5, 0]),
    ],
)
def test_sweeps_keep_levels_readings_and_times(rig: Rig, call: str, levels: list[float]) -> None:
    rig.send(call)
    g = 1e-4
    readings = [v * g for v in levels] if "V" in call[5:6] else [i / g for i in levels]
    assert column(rig, "sourcevalues") == pytest.approx(levels, rel=1e-5, abs=1e-12)
    assert column(rig, "readings") == pytest.approx(readings, rel=1e-5, abs=1e-12)
    times = column(rig, "timestamps")
    assert times[0] == 0
    assert all(after - before >= 20.9e-3 for before, after in pairwise(times))
    assert not rig.a.on
    assert rig.codes() == []


@pytest.mark.parametrize("name", ["SweepVLinMeasureI", "SweepILogMeasureV", "PulseVMeasureI"])
def test_without_parameters_the_defaults_are_taken(rig: Rig, name: str) -> None:
    rig.send(f"{name}()")
    assert rig.number("smua.nvbuffer1.n") >= 2
    assert rig.codes() == []


# -- KIPulse ---------------------------------------------------------------------------------------


def test_scripted_pulses(rig: Rig) -> None:
    rig.send("smua.measure.nplc = 0.01 smua.measure.autozero = 0")
    rig.send("PulseVMeasureI(smua, 0.1, 0.5, 1e-3, 2e-3, 3)")
    assert column(rig, "readings") == pytest.approx([5e-5] * 3)
    assert column(rig, "sourcevalues") == [0.5] * 3
    levels = [level for _, level in rig.a.levels()]
    assert levels == [0.0, 0.1, *[0.5, 0.1] * 3]


@pytest.mark.parametrize(
    ("train", "levels"),
    [
        ("ConfigPulseVMeasureI(smua, 0, 0.5, " + TRAIN, [0.5] * 3),
        ("ConfigPulseVMeasureISweepLin(smua, 0, 0.1, 0.5, " + TRAIN, [0.1, 0.3, 0.5]),
        ("ConfigPulseVMeasureISweepLog(smua, 0, 0.01, 1, " + TRAIN, [0.01, 0.1, 1.0]),
    ],
)
def test_a_train_of_voltage_pulses(rig: Rig, train: str, levels: list[float]) -> None:
    rig.send(READY)
    begun = rig.clock.now_s
    assert rig.ask(train)[0] == "true"
    assert rig.ask("InitiatePulseTest(1)")[0] == "true"
    assert column(rig, "readings") == pytest.approx([1e-4 * v for v in levels], rel=1e-5)
    played = [(t - begun, v) for t, v in rig.a.levels() if v]
    assert [v for _, v in played] == pytest.approx(levels)
    assert [t for t, _ in played] == pytest.approx([0.0, 0.01, 0.02], abs=1e-9)
    ends = [t - begun for t, v in rig.a.levels() if not v][-3:]
    assert ends == pytest.approx([0.001, 0.011, 0.021], abs=1e-9)
    assert rig.a.on
    assert rig.codes() == []


def test_a_train_of_current_pulses(rig: Rig) -> None:
    rig.send(READY)
    assert rig.ask("ConfigPulseIMeasureV(smua, 0, 1e-4, 5, 1e-3, 4e-3, 4, smua.nvbuffer1, 7)") == [
        "true",
        "Pulse train configured",
    ]
    rig.send("smua.source.func = 0")
    assert rig.ask("InitiatePulseTest(7)")[0] == "true"
    assert column(rig, "readings") == pytest.approx([1.0] * 4)
    assert rig.ask("QueryPulseConfig(7).ton, QueryPulseConfig(7).points, QueryPulseConfig(9)") == [
        "1.00000e-03",
        "4.00000e+00",
        "nil",
    ]


def test_two_channels_pulse_together(rig: Rig) -> None:
    rig.send(READY)
    rig.send("ConfigPulseVMeasureI(smua, 0, 0.5, 1e-2, 1e-3, 9e-3, 3, smua.nvbuffer1, 1)")
    sweep = (
        "ConfigPulseVMeasureISweepLin(smub, 0, 0.2, 0.4, 1e-2, 1e-3, 9e-3, 3, smub.nvbuffer1, 2)"
    )
    rig.send(sweep)
    assert rig.ask("InitiatePulseTestDual(1, 2)")[0] == "true"
    assert column(rig, "readings") == pytest.approx([5e-5] * 3)
    assert column(rig, "readings", "smub") == pytest.approx([2e-5, 3e-5, 4e-5])
    starts = [[t for t, v in side.levels() if v] for side in (rig.a, rig.b)]
    assert starts[0] == pytest.approx(starts[1])


@pytest.mark.parametrize(
    ("before", "call", "said"),
    [
        ("", "ConfigPulseVMeasureI(smua, 0, 'x', 1, 1e-3, 1e-3, 1, nil, 1)", "level"),
        ("", "ConfigPulseVMeasureI(smua, 0, 2, 1, 1e-3, 1e-3, 1, nil, 1)", "range"),
        ("", "ConfigPulseVMeasureI(smua, 0, 1, 1, 0, 1e-3, 1, nil, 1)", "positive"),
        (
            "smua.source.autorangev = 1",
            "ConfigPulseVMeasureI(smua, 0, 1, 1, 1, 1, 1, nil, 1)",
            "off",
        ),
        (
            "smua.measure.nplc = 1",
            "ConfigPulseVMeasureI(smua, 0, 1, 1, 1e-3, 1, 1, smua.nvbuffer1, 1)",
            "ton",
        ),
        ("", "InitiatePulseTest(5)", "tag"),
    ],
)
def test_what_cannot_be_pulsed_is_said(rig: Rig, before: str, call: str, said: str) -> None:
    rig.send(READY)
    rig.send(before)
    told, why = rig.ask(call)
    assert told == "false"
    assert said in why


# -- KIHighC, KIParlib -----------------------------------------------------------------------------


def test_leakage(rig: Rig) -> None:
    rig.send("smua.source.rangev = 6 smua.source.levelv = 5 smua.source.output = 1")
    call = "i_leakage_measure(smua, 1, 1, 300e-3, 1e-3, 100e-3)"
    assert rig.number(call) == pytest.approx(1e-4, rel=1e-5)
    assert rig.ask("i_leakage_threshold(smua, 1, 1, 0.1, 1e-3, 0.1, 1e-3, 1)") == ["true"]
    assert rig.ask("i_leakage_threshold(smua, 1, 1, 0.1, 1e-3, 0.1, 1e-5, 1)") == ["false"]
    assert rig.codes() == []


def test_transconductance(rig: Rig) -> None:
    rig.send("gm = gm_vsweep(smua, 0.1, 0.5, 5)")
    assert rig.ask("table.getn(gm)") == ["5.00000e+00"]
    assert [rig.number(f"gm[{k}]") for k in range(1, 6)] == pytest.approx([1e-4] * 5, rel=1e-5)
    assert rig.number("gm_isweep(smua, 1e-5, 1e-4, 3)[2]") == pytest.approx(1e-4, rel=1e-5)


# -- as scripts ------------------------------------------------------------------------------------


def test_factory_scripts_are_listed_and_can_be_read_but_not_changed(rig: Rig) -> None:
    assert rig.send("for name in script.factory.catalog() do print(name) end") == [
        "KIHighC", "KIParlib", "KIPulse", "KISweep",
    ]  # fmt: skip
    assert "SweepVLinMeasureI" in "\n".join(rig.send("script.factory.scripts.KISweep.list()"))
    rig.send("SweepVLinMeasureI = nil script.factory.scripts.KISweep.run()")
    assert rig.ask("type(SweepVLinMeasureI)") == ["function"]
    rig.send("script.factory.scripts.KISweep.source = ''")
    assert rig.codes() == [-286]
