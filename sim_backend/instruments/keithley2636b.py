"""The Keithley 2634B, 2635B and 2636B in numbers: what they can do below 1 uA.

Sources, in the marks used below:

[M] Series 2600B Reference Manual, 2600BS-901-01 Rev. F pages 2-44 (ranges), 9-244 (limits), 10-12
    (100 pA is a range of the meter alone, and not of the 2634B).
[C] check: recalled from the data sheet, not found in print again; to be replaced where it differs.

Voltages and currents above are those of `keithley2612b`.
"""

from __future__ import annotations

from dataclasses import replace

from sim_backend.instruments import keithley2612b
from sim_backend.instruments.keithley26_rows import CURRENTS, LOW_CURRENT, measure, source

__all__ = ["SPEC", "SPEC_2634B"]

# full scale [M]; everything else [C]. Settling: each decade of current is ten times slower
_LOW_SOURCE = source(
    (1e-9, 20e-15, 1.5e-3, 2e-12, 800e-15, 300e-3),
    (10e-9, 200e-15, 1.5e-3, 5e-12, 2e-12, 80e-3),
    (100e-9, 2e-12, 6e-4, 50e-12, 5e-12, 20e-3),
    (1e-6, 20e-12, 3e-4, 700e-12, 25e-12, 2e-3),
)
_I_SOURCE = (*_LOW_SOURCE, *keithley2612b.SPEC.i_source[2:])
_LOW_METER = measure(
    _I_SOURCE,
    (1e-9, 1e-15, 1.5e-3, 240e-15, LOW_CURRENT, 300e-3),
    (10e-9, 10e-15, 1.5e-3, 3e-12, LOW_CURRENT, 80e-3),
    (100e-9, 100e-15, 6e-4, 40e-12, LOW_CURRENT, 20e-3),
    (1e-6, 1e-12, 2.5e-4, 400e-12, CURRENTS, 2e-3),
)
_PICO = measure(_I_SOURCE, (100e-12, 0.1e-15, 1.5e-3, 120e-15, LOW_CURRENT, 3.0))
_I_METER = (*_LOW_METER, *keithley2612b.I_METER[2:])

#: the 2634B has no range of 100 pA [M page 2-44]
SPEC_2634B = replace(
    keithley2612b.SPEC,
    model="2634B",
    i_source=_I_SOURCE,
    i_measure=_I_METER,
    i_limit_minimum=100e-12,  # [M page 9-244]
)
SPEC = replace(SPEC_2634B, model="2636B", i_measure=(*_PICO, *_I_METER))
