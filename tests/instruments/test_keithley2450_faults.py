"""Faults of pymeasure's Keithley2450, each worked round; through the wire, on both drivers.

On the plain driver every test must fail; when a new pymeasure makes one pass there, the test says
so and the workaround can go. The instrument speaks its native command set, in which alone it has
configuration lists, trigger models and timestamps of a microsecond.
"""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from pymeasure.instruments.keithley import Keithley2450

from labctl.errors import InstrumentFault
from tests.instruments.rig2450 import G, Rig

PLAIN = pytest.param("plain", marks=pytest.mark.xfail(strict=True, reason="fault of pymeasure"))


@pytest.fixture(params=["2450"])
def rig(request) -> Rig:
    return Rig(request.param)


@pytest.fixture(params=["ours", PLAIN])
def driver(request, rig) -> Iterator[Any]:
    """Return the driver by hand: ours, then the plain one."""
    made = rig.connect() if request.param == "ours" else Keithley2450(rig.adapter())
    yield made
    made.adapter.close()


@pytest.fixture
def refused(rig, monkeypatch) -> list[int]:
    """Return the list into which go the numbers of commands that the instrument refuses."""
    seen: list[int] = []
    log = rig.instrument.unit.log
    add = log.add

    def noted(code: int, *rest: Any) -> None:
        seen.append(code)
        add(code, *rest)

    monkeypatch.setattr(log, "add", noted)
    return seen


def switch_on(driver, rig):
    driver.source_voltage = 0.5
    driver.enable_source()
    assert rig.panel().output


def test_its_buffer_works_in_the_native_language_and_not_only_in_that_of_the_2400(driver, rig):
    switch_on(driver, rig)
    driver.config_buffer(15)
    driver.start_buffer()
    driver.ask("*OPC?")
    assert list(driver.buffer_data) == pytest.approx([0.5 * G] * 15, rel=1e-3)


def test_its_buffer_code_sends_no_strings_of_the_2400(driver, refused):
    driver.config_buffer(20)
    driver.reset_buffer()
    driver.disable_buffer()
    assert refused == []


def test_there_is_a_trigger_count(driver):
    driver.trigger_count = 7
    assert int(float(driver.ask(":SENS:COUN?"))) == 7


def test_a_full_buffer_is_known_to_be_full(driver, rig):
    switch_on(driver, rig)
    driver.config_buffer(10)
    driver.start_buffer()
    driver.ask("*OPC?")
    assert driver.is_buffer_full()


def test_shutdown_does_not_sleep_through_a_ramp(driver, rig, monkeypatch):
    def refuse(_seconds):
        raise AssertionError("the driver sleeps")

    switch_on(driver, rig)
    monkeypatch.setattr(time, "sleep", refuse)
    driver.shutdown()
    assert rig.safe()


def test_check_errors_raises_every_entry_and_does_not_only_log_it(driver):
    driver.write(":SOUR:VOLT 1e6")
    driver.write(":NONSENSE")
    with pytest.raises(InstrumentFault, match=r"-222 .*; -113 "):
        driver.check_errors()
    assert driver.check_errors() == []


def test_a_refused_setting_raises_at_once(driver):
    with pytest.raises(InstrumentFault, match="-222"):
        driver.source_voltage_range = 5000


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


@pytest.mark.parametrize("driver", ["ours", PLAIN], indirect=True)
@pytest.mark.parametrize("rig", ["2460"], indirect=True)
def test_ranges_of_the_model_and_not_of_the_2450_are_allowed(driver, rig):
    driver.source_current_range = 5.0
    assert float(driver.ask(":SOUR:CURR:RANG?")) == 5.0
