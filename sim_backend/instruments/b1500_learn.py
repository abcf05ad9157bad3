"""``*LRN?``: the settings of a virtual B1500A, as the commands that would make them."""

from __future__ import annotations

from collections.abc import Mapping

from sim_backend.instruments import b1500_errors as errors
from sim_backend.instruments.b1500_errors import FlexError
from sim_backend.instruments.b1500_setup import Setup
from sim_backend.instruments.b1500_smu import Smu

__all__ = ["learn"]


def learn(kind: int, setup: Setup, smus: Mapping[int, Smu]) -> str:
    """Return settings of one kind.

    Parameters
    ----------
    kind
        0 the output switches, 1 to 10 a channel, 30 and above groups of commands (programming
        guide, ``*LRN?``).
    setup, smus
        What is set.

    Raises
    ------
    FlexError
        There is no such kind.
    """
    if kind in smus:
        return _channel(smus[kind])
    pulse, sweep, sampling = setup.pulse, setup.staircase, setup.sampling
    average, converters = setup.average, setup.converters
    on = ",".join(str(n) for n, smu in smus.items() if smu.on)
    measured = "".join(f",{n}" for n in setup.measured)
    times = _listed((sampling.bias_hold, sampling.interval, sampling.number, sampling.base_hold))
    groups = {
        0: f"CN{on}" if on else "CL",
        30: "FL0," + ",".join(map(str, smus)),
        31: f"TM1;AV{average[0]},{average[1]};CM{setup.calibration};FMT{setup.format},"
            f"{setup.output};MM{setup.mode}{measured}",
        32: ";".join(f"RI{n},{s.i_code};RV{n},{s.v_code}" for n, s in smus.items()),
        33: ";".join([f"WM{sweep.abort},{sweep.post}", "WT" + _listed(sweep.times),
                      *([f"WV{sweep.channel},{sweep.told}"] if sweep.channel else [])]),
        34: f"PT{pulse.hold:g},{pulse.width:g},{pulse.period:g}",
        46: ";".join(f"CMM{n},{s.operation}" for n, s in smus.items()),
        47: ";".join([f"MSC{sampling.abort},{sampling.post}", f"MT{times}", "ML1",
                      *(f"MV{n}," + _listed(row) for n, row in sampling.sources.items())]),
        53: ";".join(f"SSR{n},0" for n in smus),
        55: ";".join(f"AAD{n},{s.converter}" for n, s in smus.items()),
        56: ";".join([*(f"AIT{k},{c.mode},{c.coefficient:g}" for k, c in converters.items()),
                      f"AZ{setup.autozero}"]),
        60: f"TSC{int(setup.stamped)}",
        110: f"PAD{setup.parallel}",
    }  # fmt: skip
    if kind not in groups:
        raise FlexError(errors.PARAMETER)
    return groups[kind]


def _channel(smu: Smu) -> str:
    if not smu.on:
        return f"CL{smu.number}"
    return f"DV{smu.number},{smu.code},{smu.level:+.6E},{smu.compliance:+.6E},0,0"


def _listed(values: tuple[float, ...]) -> str:
    return ",".join(f"{value:g}" for value in values)
