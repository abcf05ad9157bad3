"""What an oscilloscope hands out of its records: preambles, and points in blocks.

Sources: InfiniiVision DSOX1204A/G Programmer's Guide, pages 637 to 638: ``#8`` and eight digits
before the bytes, times from the origin and the interval, voltages from the increment, the reference
and the origin.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from sim_backend.instruments.keysightdsox_capture import Acquisition
from sim_backend.instruments.keysightdsox_circuit import Circuit
from sim_backend.instruments.keysightdsox_points import Array, Errors, Grid, Sampler
from sim_backend.instruments.keysightdsox_settings import Model, Settings
from sim_backend.wire.parameters import ScpiError

__all__ = ["Waveforms"]

_NO_DATA = -230
_SCREEN = 1000  # points of the measurement record
_SHORTEST = 100  # points of a transfer
_FORMATS = {"BYTE": 0, "WORD": 1, "ASC": 4}
_TYPES = {"NORM": 0, "AVER": 2, "HRES": 3}
_WIDER = 256  # codes of a word in one of a byte


class Waveforms:
    """The waveform memory.

    Parameters
    ----------
    model
        Of the oscilloscope.
    settings
        Returns the settings in force.
    acquisition, circuit
        Where the records are, and what they are of.
    errors
        Of the inputs.
    seed
        Of the noise.
    ideal
        Without errors and noise.
    """

    def __init__(
        self,
        model: Model,
        settings: Callable[[], Settings],
        acquisition: Acquisition,
        circuit: Circuit,
        errors: tuple[Errors, ...],
        *,
        seed: str,
        ideal: bool,
    ) -> None:
        self._model, self._settings, self._acquisition = model, settings, acquisition
        self._circuit, self._errors, self._seed, self._ideal = circuit, errors, seed, ideal
        #: what the records were taken with
        self.taken: Settings | None = None
        self.number = 0  #: of the acquisition

    def _present(self) -> Settings:
        """Return what the records were taken with.

        Raises
        ------
        ScpiError
            There are none.
        """
        if self.taken is None or not self._acquisition.records:
            raise ScpiError(_NO_DATA)
        return self.taken

    @property
    def segments(self) -> int:
        """How many segments there are."""
        return len(self._acquisition.records) if self.taken and self.taken.segmented else 0

    def tag(self) -> float:
        """Return the time of the segment that is looked at after the first, s."""
        self._present()
        records = self._acquisition.records
        k = min(self._settings().index, len(records)) - 1
        return records[k].triggered - records[0].triggered

    def grid(self) -> Grid:
        """Return where the points of a transfer are."""
        taken, now = self._present(), self._settings()
        whole = taken.available(self._model)
        most = whole if now.points_mode in ("RAW", "MAX") else min(whole, _SCREEN)
        if now.points:
            most = min(most, max(now.points, _SHORTEST))
        interval, every = taken.interval(self._model), math.ceil(whole / most)
        return Grid(taken.begins, interval * every, max(1, whole // every))

    def _sampler(self) -> Sampler:
        taken, number = self._present(), self._settings().wave_source
        channel = taken.channels[number - 1]
        lag = self._circuit.time_constant if number == 2 else 0.0
        return Sampler(self._model, channel, self._errors[number - 1], lag, self._ideal)

    def _codes(self) -> Array:
        now, taken, grid, sampler = self._settings(), self._present(), self.grid(), self._sampler()
        records = self._acquisition.records
        k = min(now.index, len(records)) - 1 if taken.segmented else 0
        chosen = records[k : k + 1] if taken.segmented else records[: taken.records()]
        seen = [sampler.at(record, now.wave_source, grid) for record in chosen]
        seed = f"{self._seed}/{self.number}/{k}/{now.wave_source}"
        return sampler.codes(seen, grid, taken.acquired, seed)

    def vertical(self) -> tuple[float, float, int]:
        """Return increment, origin and reference of the codes of a transfer."""
        wide = _WIDER if self._settings().wave_format == "WORD" else 1
        sampler = self._sampler()
        reference = 128 * wide if self._settings().unsigned else 0
        return sampler.step / wide, sampler.channel.offset, reference

    def preamble(self) -> str:
        """Return what is needed to make times and voltages of a block."""
        grid, taken = self.grid(), self._present()
        step, origin, reference = self.vertical()
        count = taken.averages if taken.acquired == "AVER" else 1
        kind, form = _TYPES[taken.acquired], _FORMATS[self._settings().wave_format]
        return (
            f"{form:+d},{kind:+d},{grid.points:+d},{count:+d},{grid.interval:+.9E},"
            f"{grid.first:+.9E},+0,{step:+.9E},{origin:+.9E},{reference:+d}"
        )

    def data(self) -> bytes:
        """Return the points as a block."""
        now, codes = self._settings(), self._codes()
        if now.wave_format == "ASC":
            sampler = self._sampler()
            volts = (codes - 128) * sampler.step + sampler.channel.offset
            return _block(",".join(f"{v:.5E}" for v in volts).encode())
        shift = 0 if now.unsigned else 128
        if now.wave_format == "BYTE":
            kind = "u1" if now.unsigned else "i1"
            return _block((np.floor(codes) - shift).astype(kind).tobytes())
        kind = (">" if now.big_endian else "<") + ("u2" if now.unsigned else "i2")
        return _block(np.round((codes - shift) * _WIDER).astype(kind).tobytes())


def _block(data: bytes) -> bytes:
    return b"#8" + f"{len(data):08d}".encode() + data
