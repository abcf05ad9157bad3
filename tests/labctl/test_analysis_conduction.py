"""Conduction: laws by evidence and by range, what their parameters imply, plots for the eye."""

import math
from typing import Any

import numpy as np
import pytest

from labctl.analysis.conduction import (
    compete_conduction,
    conduction_by_range,
    fit_conduction,
    sweep,
)
from labctl.analysis.conduction_laws import LAWS, conduction_curve
from labctl.analysis.conduction_sanity import check_conduction, linearised
from labctl.analysis.film import FOWLER, FOWLER_A, RICHARDSON, SIMMONS, TUNNEL, Film
from labctl.errors import BadInput

FILM = Film(thickness=2e-9, area=9e-10, permittivity=20.0)
V = np.linspace(0.05, 1.5, 60)
TRUTH: dict[str, tuple[float, ...]] = {
    "ohmic": (1e-3,), "mott_gurney": (1e-4,), "trap_filled": (1e-5, 3.5),
    "poole_frenkel": (1e-5, 8.0), "schottky": (1e-5, 6.0), "diode": (1e-9, 6.0),
    "simmons": (1.2, 1.6e-9), "tunnel_low": (1e-3, 0.4), "brinkman": (1e-3, 0.3, 0.8),
    "fowler_nordheim": (1e-5, 4.0), "sinh": (1e-6, 0.3),
}  # fmt: skip


def current(law: str, v: Any = V, noise: float = 0.02, seed: int = 1, ref: float = 0.5) -> Any:
    rng = np.random.default_rng(seed)
    exact = conduction_curve(law, FILM, ref).shape(np.asarray(v, float), *TRUTH[law])
    return exact * (1 + noise * rng.normal(size=len(v)))


class TestConstants:
    def test_they_are_those_of_the_literature(self) -> None:
        """In the units of the papers: angstrom and centimetre."""
        assert pytest.approx(1.025, abs=1e-3) == TUNNEL * 1e-10
        assert pytest.approx(6.2e10, rel=1e-2) == SIMMONS * 1e20 / 1e4
        assert pytest.approx(6.83e9, rel=1e-3) == FOWLER
        assert pytest.approx(1.541e-6, rel=1e-3) == FOWLER_A
        assert pytest.approx(1.2017e6, rel=1e-4) == RICHARDSON


class TestLaws:
    def test_simmons_at_low_voltage_is_the_parabola_of_its_barrier(self) -> None:
        v = np.linspace(-0.02, 0.02, 41)
        v = v[v != 0]
        i = conduction_curve("simmons", FILM).shape(v, 1.2, 2e-9)
        fit = fit_conduction(sweep(v, i, polarity="both"), "tunnel_low", FILM)
        assert fit.phi.value == pytest.approx(1.2, rel=1e-3)
        k = TUNNEL * 2e-9 * math.sqrt(1.2)
        slope = 9e-10 * SIMMONS / 4e-18 * math.exp(-k) * (k / 2 - 1)
        assert fit.G0.value == pytest.approx(slope, rel=1e-6)

    def test_brinkman_is_the_printed_form(self) -> None:
        """G/G0 = 1 - A0 dphi/(16 phi^1.5) eV + 9 A0^2/(128 phi) (eV)^2, A0 = 4 (2m)^0.5 d/3hbar."""
        h_bar, m, q = 1.054571817e-34, 9.1093837015e-31, 1.602176634e-19
        a0 = 4 * math.sqrt(2 * m) * 2e-9 / (3 * h_bar)
        phi, delta = 1.5 * q, 0.4 * q
        a = a0 * delta / (16 * phi**1.5) * q
        b = 9 * a0**2 / (128 * phi) * q**2
        v = np.concatenate((-V[::-1], V)) / 5
        i = 1e-3 * (v - a * v**2 / 2 + b * v**3 / 3)
        fit = fit_conduction(sweep(v, i, polarity="both"), "brinkman", FILM)
        assert fit.phi.value == pytest.approx(1.5, rel=1e-6)
        assert fit.delta_phi.value == pytest.approx(0.4, rel=1e-6)

    def test_fowler_nordheim_knows_its_barrier_and_area(self) -> None:
        q, h, m, phi, d = 1.602176634e-19, 6.62607015e-34, 9.1093837015e-31, 1.1, 2e-9
        v = np.linspace(1.2, 3, 30)
        field = v / d
        j = q**3 * field**2 / (8 * math.pi * h * phi * q)
        j *= np.exp(-8 * math.pi * math.sqrt(2 * m) * (phi * q) ** 1.5 / (3 * h * q * field))
        fit = fit_conduction(sweep(v, 9e-10 * j), "fowler_nordheim", FILM)
        assert fit.phi.value == pytest.approx(phi, rel=1e-6)
        assert fit.area.value == pytest.approx(9e-10, rel=1e-5)

    @pytest.mark.parametrize(("law", "charges"), [("poole_frenkel", 1), ("schottky", 4)])
    def test_the_slope_of_the_root_implies_a_permittivity(self, law: str, charges: int) -> None:
        q, k, eps = 1.602176634e-19, 1.380649e-23, 5.0 * 8.8541878128e-12
        lowered = np.sqrt(q**3 * V / (charges * math.pi * eps * 2e-9))
        barrier = 0.6 * q
        emitted = 9e-10 * RICHARDSON * 300**2 * np.exp(-(barrier - lowered) / (k * 300))
        i = emitted if law == "schottky" else 1e-6 * V * np.exp(lowered / (k * 300))
        fit = fit_conduction(sweep(V, i), law, FILM)
        assert fit.permittivity.value == pytest.approx(5.0, rel=1e-6)
        if law == "schottky":
            assert fit.barrier.value == pytest.approx(0.6, rel=1e-6)

    def test_hopping_and_diode_and_mobility(self) -> None:
        q, k = 1.602176634e-19, 1.380649e-23
        fit = fit_conduction(
            sweep(V, 1e-9 * np.sinh(q * 3e-10 * V / (2 * 2e-9 * k * 300))), "sinh", FILM
        )
        assert fit.hop.value == pytest.approx(3e-10, rel=1e-6)
        saturation = 9e-10 * RICHARDSON * 9e4 * math.exp(-0.8 * q / (k * 300))
        i = saturation * np.expm1(q * V / (1.3 * k * 300))
        fit = fit_conduction(sweep(V, i), "diode", FILM)
        assert fit.n.value == pytest.approx(1.3, rel=1e-6)
        assert fit.barrier.value == pytest.approx(0.8, rel=1e-6)
        mobility = 9 / 8 * 20 * 8.8541878128e-12 * 1e-8 * 9e-10 / 8e-27
        fit = fit_conduction(sweep(V, mobility * V**2), "mott_gurney", FILM)
        assert fit.mobility.value == pytest.approx(1e-8, rel=1e-6)

    def test_without_a_film_nothing_is_derived(self) -> None:
        for law in ("poole_frenkel", "schottky", "diode", "tunnel_low", "brinkman", "sinh"):
            names = set(conduction_curve(law).names)
            fit = fit_conduction(sweep(V, current(law)), law)
            assert set(fit.values) == names
        assert "area" in fit_conduction(sweep(V, current("simmons")), "simmons").values


class TestEvidence:
    @pytest.mark.parametrize("law", ["trap_filled", "schottky", "diode", "simmons", "sinh"])
    def test_the_law_is_found_among_all(self, law: str) -> None:
        found = compete_conduction(sweep(V, current(law)), tuple(LAWS), FILM)
        assert found.best == law
        for value, truth in zip(found.fits[law].values.values(), TRUTH[law], strict=False):
            if value.unit != "A":  # those belong to another reference voltage
                assert value.low is not None
                assert value.high is not None
                assert value.low * 0.999 < truth < value.high * 1.001

    def test_weights_do_not_pull_the_fit_down(self) -> None:
        """Weights from the readings themselves would lower G by twice the relative variance."""
        v = np.linspace(0.01, 1.5, 400)
        fit = fit_conduction(sweep(v, current("ohmic", v, 0.15, 3)), "ohmic")
        assert fit.G.sigma is not None
        assert abs(fit.G.value - 1e-3) < 3.5 * fit.G.sigma
        assert fit.G.sigma == pytest.approx(1e-3 * 0.15 / 20, rel=0.15)

    def test_direct_tunnelling_gives_way_to_fowler_nordheim(self) -> None:
        """S4.12: below 0.3 V the one, above the other."""
        v = np.linspace(0.02, 1, 80)
        low = conduction_curve("tunnel_low").shape(v, 1e-3, 1.5)
        start = 1e-3 * (0.3 + 1.5 * 0.027)
        high = conduction_curve("fowler_nordheim", None, 0.3).shape(v, start, 0.6)
        rng = np.random.default_rng(1)
        i = np.where(v < 0.3, low, high) * (1 + 0.02 * rng.normal(size=80))
        found = conduction_by_range(sweep(v, i), film=FILM)
        assert [r.law for r in found.ranges] == ["tunnel_low", "fowler_nordheim"]
        assert found.ranges[0].high == pytest.approx(0.3, abs=0.04)
        assert [r.competition.best for r in found.ranges] == ["tunnel_low", "fowler_nordheim"]
        assert min(found.table.columns[2].data) == 0.0

    def test_one_law_is_not_divided(self) -> None:
        found = conduction_by_range(sweep(V, current("schottky")), film=FILM)
        assert [r.law for r in found.ranges] == ["schottky"]

    def test_negative_voltages_and_the_compliance(self) -> None:
        v = np.concatenate((-V, V))
        i = np.concatenate((-current("ohmic"), current("ohmic")))
        i = np.clip(i, -1e-3, 1e-3)
        data = sweep(v, i, polarity="-", compliance=1e-3)
        assert np.all(data.v > 0)
        assert np.all(data.i > 0)
        assert np.max(data.i) < 1e-3
        assert "at the compliance left out" in data.note
        assert fit_conduction(data, "ohmic").G.value == pytest.approx(1e-3, rel=0.02)
        window = sweep(v, i, window=(0.2, 0.5))
        assert window.v.min() >= 0.2
        assert window.v.max() <= 0.5


class TestSanity:
    def test_a_permittivity_beyond_any_crystal_is_implausible(self) -> None:
        fit = fit_conduction(sweep(V, current("poole_frenkel")), "poole_frenkel", FILM)
        table = check_conduction(fit, FILM)
        row = dict(
            zip((c.name for c in table.columns), (c.data[0] for c in table.columns), strict=True)
        )
        assert row["quantity"] == "permittivity"
        assert row["verdict"] == "implausible"
        assert row["value"] == fit.permittivity.value

    def test_a_good_barrier_is_plausible_and_an_open_one_undecided(self) -> None:
        fit = fit_conduction(sweep(V, current("simmons")), "simmons", FILM)
        table = check_conduction(fit, FILM)
        assert dict(zip(table.columns[0].data, table.columns[-1].data, strict=True)) == {
            "phi": "plausible", "d": "plausible",
        }  # fmt: skip
        v = np.linspace(0.01, 0.05, 20)
        fit = fit_conduction(sweep(v, current("ohmic", v)), "simmons", Film())
        table = check_conduction(fit, FILM)
        assert "undecided" in table.columns[-1].data

    @pytest.mark.parametrize("law", LAWS)
    def test_every_law_is_straight_on_its_own_plot(self, law: str) -> None:
        data = sweep(V, current(law, noise=0.0))
        panel = linearised(data, law, {law: fit_conduction(data, law, FILM)}, FILM)
        x, y = np.array(panel.traces[0].x), np.array(panel.traces[0].y)
        bent = {"simmons", "brinkman", "diode", "sinh"}  # straight only at their ends
        if law not in bent:
            rest = y - np.polyval(np.polyfit(x, y, 1), x)
            assert np.max(np.abs(rest)) < 1e-6 * (np.ptp(y) or 1)
        assert panel.traces[1].kind == "line"


class TestBadData:
    def test_it_is_said(self) -> None:
        with pytest.raises(BadInput, match="allowed are ohmic"):
            fit_conduction(sweep(V, V), "hopping")
        with pytest.raises(BadInput, match="their numbers must agree"):
            sweep([1, 2], [1])
        with pytest.raises(BadInput, match='"\\+", "-" or "both"'):
            sweep(V, V, polarity="up")  # type: ignore[arg-type]
        with pytest.raises(BadInput, match="it must rise from 0 up"):
            sweep(V, V, window=(1, 0.5))
        with pytest.raises(BadInput, match="thickness = -1"):
            conduction_curve("ohmic", Film(thickness=-1))
        with pytest.raises(BadInput, match="1, 2 or 3"):
            conduction_by_range(sweep(V, V), most=4)
        with pytest.raises(BadInput, match="is unknown"):
            linearised(sweep(V, V), "hopping", {})
        data = sweep([0.1, 0.2, 0.3, np.nan, 0.5, 0.6], [1e-9, -1e-9, 3e-9, 1, 5e-9, 6e-9])
        assert len(data.v) == 4
        assert "1 readings without a current along the voltage left out" in data.note
        few = conduction_by_range(data)
        assert few.ranges == ()
        assert "4 usable readings; a range needs at least 6" in few.note
        assert "0 usable points" in fit_conduction(sweep([], []), "ohmic").note
