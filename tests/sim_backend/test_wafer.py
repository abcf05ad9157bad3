"""The virtual wafer: sites, trends, dead devices, contacts."""

from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from labctl.errors import BadInput
from sim_backend.devices.model import Stream
from sim_backend.laboratory import VirtualLaboratory, open_laboratory
from sim_backend.wafer import Site, Wafer


def opened(site: str = "", seed: int = 1, noise: Any = None, **wafer: Any) -> VirtualLaboratory:
    bench = {
        "name": "wafer",
        "instruments": {"device": {"driver": "direct"}},
        "terminals": {"top": "device.top"},
        "simulation": {
            "device": {"family": "ftj", "conductance": "400 uS"},
            "wafer": {"dies": [5, 5], "sites": 2, **wafer},
            "noise": noise or {},
        },
    }
    return open_laboratory(bench, seed, None, 0.0, site)


def test_sites_are_counted_from_one_and_found_by_name() -> None:
    wafer = Wafer(dies=(3, 2), sites=2)
    assert len(list(wafer.all_sites())) == 12
    assert wafer.find("") == Site(2, 1, 1)
    assert wafer.find("3,2") == Site(3, 2, 1)
    assert str(wafer.find("1, 2, 2")) == "1,2,2"
    for wrong in ("0,1", "4,1", "1,3", "1,1,3", "1", "a,b", "1,1,1,1", "-1,1", "1.0,1"):
        with pytest.raises(BadInput, match="3 x 2 dies of 2 sites"):
            wafer.find(wrong)


def test_a_round_wafer_lacks_its_corners() -> None:
    wafer = Wafer(dies=(5, 5), round=True)
    assert not wafer.has_die(1, 1)
    assert wafer.has_die(3, 1)
    assert len(list(wafer.all_sites())) == 21
    with pytest.raises(BadInput, match="round wafer"):
        wafer.find("1,1")


def test_conductance_follows_the_trends() -> None:
    still = {"device": False, "cycle": False, "instrument": False}
    trends = {"gradient": [0.1, -0.05], "radial": 0.2}
    found = {
        (x, y): opened(f"{x},{y}", noise=still, **trends).device.conductance
        for x in range(1, 6)
        for y in range(1, 6)
    }
    u = {k: (2 * k - 1) / 5 - 1 for k in range(1, 6)}
    for (x, y), g in found.items():
        expected = 1 + 0.1 * u[x] - 0.05 * u[y] + 0.2 * (u[x] ** 2 + u[y] ** 2)
        assert g / 400e-6 == pytest.approx(expected)


def test_the_wafer_is_the_same_whoever_measures() -> None:
    assert opened("2,3,1", seed=1).device.conductance == opened("2,3,1", seed=2).device.conductance
    first = opened("2,3,1").fixture.state.parameters
    assert not np.array_equal(first, opened("2,3,2").fixture.state.parameters)


def test_dead_devices_are_drawn_by_their_share() -> None:
    wafer = Wafer(dies=(40, 40), sites=5, open=0.03, short=0.01)
    stream = Stream(4)
    drawn = [wafer.place(site, stream, spread=True).condition for site in wafer.all_sites()]
    counts = {name: drawn.count(name) for name in ("good", "open", "short")}
    assert counts["open"] == pytest.approx(0.03 * 8000, abs=4 * np.sqrt(0.03 * 8000))
    assert counts["short"] == pytest.approx(0.01 * 8000, abs=4 * np.sqrt(0.01 * 8000))
    quiet = {wafer.place(site, stream, spread=False).condition for site in wafer.all_sites()}
    assert quiet == {"good"}


def test_an_open_and_a_shorted_device_conduct_as_such() -> None:
    assert opened(open=1.0).device.conductance == 0.0
    assert opened(short=1.0).device.conductance == pytest.approx(0.1, rel=0.01)


def test_a_contact_is_another_one_after_every_touch_down() -> None:
    wafer = Wafer(contact=20.0, contact_sigma=0.4)
    place = wafer.place(Site(1, 1, 1), Stream(1), spread=True)
    drawn = [wafer.contact_resistance(place, touch, Stream(2)) for touch in range(4000)]
    assert np.exp(np.mean(np.log(drawn))) == pytest.approx(20.0, rel=0.03)
    assert np.std(np.log(drawn)) == pytest.approx(0.4, rel=0.05)
    laboratory = opened(contact="20 Ohm")
    drive = laboratory.fixture.connect("top")
    assert drive.resistance == pytest.approx(20.0)
    assert laboratory.describe()["contacts"] == {"top": drive.resistance}


def test_a_site_of_its_own_type_is_another_device() -> None:
    types = {"2": {"family": "resistor", "preset": "10k", "conductance": "1 mS"}}

    bench = {
        "name": "wafer",
        "instruments": {"device": {"driver": "direct"}},
        "terminals": {"top": "device.top"},
        "simulation": {
            "device": {"family": "resistor", "preset": "10k"},
            "wafer": {"sites": 2, "types": types},
        },
    }
    found = [
        open_laboratory(bench, 1, None, 0.0, site).device.conductance for site in ("1,1,1", "1,1,2")
    ]
    assert found == pytest.approx([1e-4, 1e-3])


def test_what_cannot_be_is_refused() -> None:
    for wrong in (
        {"open": 0.7, "short": 0.7},
        {"types": {3: {}}},
        {"radial": -0.6},
        {"dies": (0, 1)},
    ):
        with pytest.raises(ValidationError):
            Wafer(**wrong)
    with pytest.raises(BadInput, match=r"section simulation: .*wafer"):
        opened(open=2.0)
