"""Faults of pymeasure's Keithley2400, each worked round; through the wire, on both drivers.

On the plain driver every test must fail; when a new pymeasure makes one pass there, the test says
so and the workaround can go.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.instruments.keithley import Keithley2400

from labctl.errors import InstrumentFault
from tests.instruments.rig2400 import Rig

PLAIN = pytest.param("plain", marks=pytest.mark.xfail(strict=True, reason="fault of pymeasure"))


@pytest.fixture
def rig() -> Rig:
    return Rig()


@pytest.fixture(params=["ours", PLAIN])
def driver(request, rig) -> Iterator[Any]:
    """Return the driver by hand: ours, then the plain one."""
    made = rig.connect() if request.param == "ours" else Keithley2400(rig.adapter())
    if request.param == "plain":
        rig.listen(made)
    yield made
    made.adapter.close()


def switch_on(driver, rig):
    driver.source_mode = "voltage"
    driver.source_voltage = 0.5
    driver.enable_source()
    assert rig.panel().output


def test_the_buffer_is_not_cut_at_1024(driver):
    driver.config_buffer(points=2000)
    assert driver.ask(":TRAC:POIN?").strip() == "2000"


def test_shutdown_does_not_sleep_through_a_ramp(driver, rig, monkeypatch):
    def refuse(_seconds):
        raise AssertionError("the driver sleeps")

    switch_on(driver, rig)
    monkeypatch.setattr(time, "sleep", refuse)
    driver.shutdown()
    assert rig.safe()


def test_check_errors_raises_every_entry(driver):
    driver.write(":SOUR:VOLT 1e6")
    driver.write(":NONSENSE")
    with pytest.raises(InstrumentFault, match=r"-222 .*; -113 "):
        driver.check_errors()
    assert driver.check_errors() == []


def test_a_refused_setting_raises_at_once(driver):
    with pytest.raises(InstrumentFault, match="-222"):
        driver.source_voltage_range = 5000


def test_levels_of_the_model_and_not_of_the_2400_are_allowed(driver, rig):
    driver.source_voltage = 600
    assert rig.panel().level == 600


def test_a_dead_link_does_not_hide_the_exception_and_is_named(driver, rig):
    def fail():
        with driver:
            switch_on(driver, rig)
            driver.adapter.close()
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        fail()
    # the plain driver says nothing of the output that is still on
    assert "output may still be on" in " ".join(getattr(caught.value, "__notes__", []))
