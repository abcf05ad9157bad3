"""An organic electrochemical transistor: ions of an electrolyte dope and de-dope a polymer channel.

Bernards and Malliaras (Adv. Funct. Mater. 17, 3538, 2007, 10.1002/adfm.200601239): the channel is a
capacitor that the gate charges through the resistance of the electrolyte, tau = R_s C, and the
voltage on it takes carriers away. A share of the charge follows more slowly, as ions diffuse into
the film (two time constants: Bisquert and Tessler, arXiv:2408.09507). State: v1, v2, the voltages
that the fast and the slow share have reached::

    dvi/dt = (V - vi) / ti      ti is longer by `asymmetry` while vi falls (ions leave)
    vc     = (1 - slow) v1 + slow v2

    I_channel = (g0 / span) integral of n from u = vc - V_DS to vc
    n(u)      = pinch - u, not below 0 and not above `most` times the span

which for most >= 1, pinch = span = Vp and 0 > V_DS > vc - Vp is the published
I = g0 (1 - (vc - V_DS / 2) / Vp) V_DS, and beyond it the published saturation. A negative
pinch makes an accumulation-mode device. V is the gate against the source.

The gate current is C dvc/dt and a leak; a share of it leaves through the drain (1/2 for a uniform
channel: same source), the rest through the source.

v1 and v2 are exact on any straight line of the gate voltage, the moment included at which a line
meets vi and the time constant changes. The charge of the channel is integrated by Gauss points; its
relative error is below 1e-6 where the channel does not pass pinch-off within a piece, else 1e-3.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

import numpy as np
from annotated_types import Ge, Gt, Le
from pydantic import Field

from labctl.errors import BadInput
from labctl.units import Farad, Kelvin, Ohm, Ratio, Second, Siemens, Unit, Volt
from sim_backend.devices.cells import Cells, Line, Straight, integral
from sim_backend.devices.family import Conditions, Family
from sim_backend.devices.model import Array, State, Stream
from sim_backend.devices.parts.relaxation import activation
from sim_backend.devices.parts.variation import cycle_factor

__all__ = ["FAMILY", "Initial", "OrganicTransistor", "Parameters"]

ElectronVolt = Annotated[float, Unit("eV")]

_MOST_PANEL = 16  # of a ramp: pieces for the charge of the channel


class Parameters(Conditions):
    """The numbers of an organic electrochemical transistor; see the module's equations."""

    g0: Annotated[Siemens, Gt(0)] = Field(description="conductance of the channel at n = span")
    pinch: Volt = Field(description="voltage on the channel at which it is empty")
    span: Annotated[Volt, Gt(0)] = Field(description="voltage that takes g0 away; Vp of the source")
    most: Annotated[Ratio, Gt(0)] = Field(description="largest doping, in units of that of g0")
    off: Annotated[Siemens, Ge(0)] = Field(description="conductance of an empty channel")
    resistance: Annotated[Ohm, Gt(0)] = Field(description="R_s of the electrolyte")
    capacitance: Annotated[Farad, Gt(0)] = Field(description="C of the channel")
    asymmetry: Annotated[Ratio, Gt(0)] = Field(description="time of leaving over that of entering")
    slow: Annotated[Ratio, Ge(0), Le(1)] = Field(description="share of the charge that is slow")
    slow_tau: Annotated[Second, Gt(0)] = Field(description="time in which the slow share enters")
    drain_share: Annotated[Ratio, Ge(0), Le(1)] = Field(
        description="of the gate current, leaving through the drain"
    )
    leak: Annotated[Siemens, Ge(0)] = Field(description="leak of the gate")
    threshold: Annotated[Volt, Ge(0)] = Field(
        description="gate voltage above which an event is counted"
    )
    reference: Annotated[Kelvin, Gt(0)] = Field(description="temperature of all times given")
    energy: Annotated[ElectronVolt, Ge(0)] = Field(
        description="activation energy of both time constants"
    )
    cycle_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="cycle-to-cycle: sigma of the logarithm of an event's time constants"
    )
    channel_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: sigma of the logarithm of g0"
    )
    tau_spread: Annotated[Ratio, Ge(0)] = Field(
        description="device-to-device: the same of the resistance and of slow_tau"
    )
    noise_sigma: Annotated[Ratio, Ge(0)] = Field(
        description="read noise: relative, of each decade of its 1/f spectrum"
    )


class Initial(Conditions):
    """A fresh device is at rest, with the gate at ground."""


class OrganicTransistor(Cells[Parameters]):
    """Any number of organic electrochemical transistors; see the module's equations.

    Parameters
    ----------
    parameters, initial
        Of all devices before their spread.
    account
        Where the numbers come from.

    Raises
    ------
    BadInput
        The largest doping is below that of a rested channel.
    """

    variables: ClassVar[tuple[str, ...]] = ("v1", "v2", "pace")
    varied: ClassVar[Mapping[str, str]] = {
        "g0": "channel_spread", "resistance": "tau_spread", "slow_tau": "tau_spread",
    }  # fmt: skip

    def __init__(
        self, parameters: Parameters, initial: Initial, account: Mapping[str, Any]
    ) -> None:
        super().__init__(parameters, initial, account)
        if parameters.most * parameters.span < parameters.pinch:
            raise BadInput(
                f"a channel that empties at {parameters.pinch:g} V was asked for, with a doping of "
                f"at most {parameters.most:g} of {parameters.span:g} V; raise most or span"
            )

    def _begin(self, state: State) -> None:
        state.row("pace")[:] = 1.0

    def _vary(self, state: State, stream: Stream | None) -> None:
        state.row("pace")[:] = cycle_factor(
            stream, state.numbers, state.row("events"), self.parameters.cycle_sigma,
            "lognormal",
        )  # fmt: skip

    def _range(self, state: State) -> tuple[dict[str, Any], dict[str, Any]]:
        most = state.row("peak").copy()
        return {"v1": -most, "v2": -most}, {"v1": most, "v2": most}

    # how a piece moves the state ----------------------------------------------------------------

    def _pass(self, state: State, piece: Straight) -> Array:
        p = self.parameters
        paths = self._paths(state, piece.control, piece.duration)
        channel = piece.between("drain", "source")
        passed: Any = 0.0
        if channel != (0.0, 0.0):
            slope = (channel[1] - channel[0]) / piece.duration
            passed = self._integral(
                lambda t: self._channel(state, _mixed(p.slow, paths, t), channel[0] + slope * t),
                piece,
                paths,
            ) * (1.0 + self._noise(state, piece.duration))
        before = _joined(p.slow, state.row("v1"), state.row("v2"))
        state.row("v1")[:], state.row("v2")[:] = (path.at(piece.duration) for path in paths)
        moved = p.capacitance * (_joined(p.slow, state.row("v1"), state.row("v2")) - before)
        gate = moved + p.leak * (piece.control[0] + piece.control[1]) / 2.0 * piece.duration
        drain = passed - p.drain_share * gate
        return np.array([drain, -drain - gate, gate])

    def _integral(self, of: Any, piece: Straight, paths: tuple[_Path, _Path]) -> Any:
        """Integrate over a piece; a ramp of the gate takes shorter panels than a level."""
        rate = np.maximum(paths[0].rate, paths[1].rate)
        if piece.control[0] != piece.control[1]:
            rate = np.maximum(rate, _MOST_PANEL / piece.duration)
        return integral(of, piece.duration, rate)

    def _paths(self, state: State, gate: Line, duration: float) -> tuple[_Path, _Path]:
        p, own = self.parameters, self._own(state)
        scale = self._slower(state) * state.row("pace")
        slope = (gate[1] - gate[0]) / duration if duration > 0 else 0.0
        fast, late = own["resistance"] * p.capacitance * scale, own["slow_tau"] * scale
        return (
            _Path(state.row("v1"), gate[0], slope, fast, p.asymmetry),
            _Path(state.row("v2"), gate[0], slope, late, p.asymmetry),
        )

    def _slower(self, state: State) -> float:
        """Return the time constants at the temperature, relative to the reference."""
        temperature = float(state.row("temperature")[0])
        if temperature not in state.ready:
            p = self.parameters
            state.ready[temperature] = activation(p.energy, temperature, p.reference)
        found: float = state.ready[temperature]
        return found

    # what is seen -------------------------------------------------------------------------------

    def _channel(self, state: State, vc: Array, drain: float | Array) -> Array:
        """Return the channel current at a voltage on the channel and a drain voltage, A."""
        p = self.parameters
        upper, lower = self._doping(vc - drain), self._doping(vc)
        current: Array = self._own(state)["g0"] / p.span * (upper - lower) + p.off * drain
        return current

    def _doping(self, u: Array) -> Array:
        """Return the integral of the doping from u upwards, V2."""
        left = np.maximum(self.parameters.pinch - u, 0.0)
        beyond = np.maximum(left - self.parameters.most * self.parameters.span, 0.0)
        doping: Array = (left**2 - beyond**2) / 2.0
        return doping

    def _slope(self, state: State) -> Array:
        p = self.parameters
        vc = _joined(p.slow, state.row("v1"), state.row("v2"))
        filled = np.clip(p.pinch - vc, 0.0, p.most * p.span) / p.span
        slope: Array = self._own(state)["g0"] * filled + p.off
        return slope

    def _flow(self, state: State, at: Mapping[str, float]) -> Array:
        p, source = self.parameters, at.get("source", 0.0)
        gate, drain = at.get("gate", 0.0) - source, at.get("drain", 0.0) - source
        paths = self._paths(state, (gate, gate), 0.0)
        entering = _joined(p.slow, paths[0].slope_at_start(), paths[1].slope_at_start())
        into = p.capacitance * entering + p.leak * gate
        vc = _joined(p.slow, state.row("v1"), state.row("v2"))
        channel = self._channel(state, vc, drain) * (1.0 + self._noise(state))
        through = channel - p.drain_share * into
        return np.array([through, -through - into, into])


class _Path:
    """A voltage that follows a straight line with one time constant up and another one down.

    With e the line less the voltage, de/dt = slope - e / tau, tau that of e's sign. e meets zero at
    most once, where it takes the sign of the slope.
    """

    def __init__(self, v: Array, first: float, slope: float, tau: Array, asymmetry: float) -> None:
        self.first, self.slope = first, slope
        self.behind = first - v
        falling = tau * asymmetry
        self.tau = np.where(self.behind > 0, tau, falling)
        self.after = tau if slope > 0 else falling
        self.meets = np.full(len(v), math.inf)
        if slope != 0.0:
            steady = slope * self.tau
            turning = self.behind * slope < 0
            # only there is the logarithm's argument above 1
            ratio = np.where(turning, 1.0 - self.behind / steady, 1.0)
            self.meets = np.where(turning, self.tau * np.log(ratio), math.inf)
            self.tau = np.where(self.behind == 0, self.after, self.tau)
        self.rate = 1.0 / np.minimum(self.tau, self.after)

    def at(self, t: float | Array) -> Array:
        """Return the voltage a time after the beginning, V."""
        late = np.maximum(t - self.meets, 0.0)
        steady = self.slope * self.tau
        behind = steady + (self.behind - steady) * np.exp(-t / self.tau)
        met = self.slope * self.after * -np.expm1(-late / self.after)
        voltage: Array = self.first + self.slope * t - np.where(t > self.meets, met, behind)
        return voltage

    def slope_at_start(self) -> Array:
        """Return dv/dt at the beginning, V/s."""
        slope: Array = self.behind / self.tau
        return slope


def _joined(slow: float, v1: Array, v2: Array) -> Array:
    joined: Array = (1.0 - slow) * v1 + slow * v2
    return joined


def _mixed(slow: float, paths: tuple[_Path, _Path], t: float | Array) -> Array:
    return _joined(slow, paths[0].at(t), paths[1].at(t))


FAMILY = Family(
    name="oect",
    title="Organic electrochemical transistor",
    summary=(
        "A polymer channel that the gate charges through an electrolyte, with a fast and a slow "
        "time constant (Bernards-Malliaras); the charge takes carriers away."
    ),
    parameters=Parameters,
    initial=Initial,
    build=OrganicTransistor,
)
