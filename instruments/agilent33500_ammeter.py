"""The source-meter that reads for a generator: a 2600B channel that holds the device's other end.

It sources zero volts, limits the current to the compliance, and begins a reading at each rising
edge on a line of its digital port. It has its own trigger model for that, so that any number of
readings is timed by the generator and none by the computer.

The current that it reads comes out of the device: rows have it with the sign that it has where the
generator drives it in.
"""

from __future__ import annotations

from typing import Any

from instruments.agilent33500_program import Program
from instruments.agilent33500_readers import Reader
from instruments.agilent33500_reads import Raw, Wiring
from instruments.errors import link_faults, queue_fault, unexpected
from instruments.keithley2600_limits import MODELS
from instruments.keithley2600_mainframe import Mainframe
from labctl.errors import InstrumentFault

__all__ = ["Ammeter"]

_READINGS_A_LINE = 250
_READY = "labctl ready"
_LIMITING = 0x40  # status of a reading (reference manual 2600BS-901-01 Rev. F, page 9-34)

_SCRIPT = """
loadscript labctl_ammeter
function labctl_close(is, asked) return math.abs(is - asked) <= 1e-3 * math.abs(asked) end

function labctl_set(s, p)
  s.abort()
  s.source.output = s.OUTPUT_OFF
  s.source.func = s.OUTPUT_DCVOLTS
  s.source.levelv = 0
  s.source.autorangev = s.AUTORANGE_OFF
  s.source.limiti = 1e-8
  s.source.rangev = p.rangev
  s.source.limiti = p.limiti
  s.measure.autorangei = s.AUTORANGE_OFF
  s.measure.autorangev = s.AUTORANGE_OFF
  s.measure.rangei = p.rangei
  s.measure.nplc = p.nplc
  s.measure.delay = 0
  s.measure.count = 1
  s.measure.filter.enable = s.FILTER_OFF
  s.measure.autozero = s.AUTOZERO_ONCE
  for _, b in ipairs({s.nvbuffer1, s.nvbuffer2}) do
    b.clear()
    b.appendmode = 1
    b.collectsourcevalues = 0
    b.collecttimestamps = 1
    b.timestampresolution = p.resolution
  end
end

-- one reading at each edge
function labctl_trigger(s, p)
  local line, t = digio.trigger[p.line], s.trigger
  line.reset()
  line.mode = digio.TRIG_RISINGA
  line.clear()
  t.source.action = s.DISABLE
  t.endpulse.action = s.SOURCE_HOLD
  t.endpulse.stimulus = 0
  t.source.stimulus = 0
  t.arm.stimulus = 0
  t.arm.count = 1
  t.measure.iv(s.nvbuffer1, s.nvbuffer2)
  t.measure.action = s.ENABLE
  t.measure.stimulus = line.EVENT_ID
  t.count = p.count
end

function labctl_arm(s, p)
  labctl_set(s, p)
  if p.count > 0 then labctl_trigger(s, p) end
  if not labctl_close(s.source.limiti, p.limiti) or not labctl_close(s.measure.rangei, p.rangei)
    or not labctl_close(s.measure.nplc, p.nplc) then
    error(string.format("compliance, range and aperture read back as %g A, %g A, %g PLC",
                        s.source.limiti, s.measure.rangei, s.measure.nplc), 0)
  end
  if errorqueue.count > 0 then error("the settings were refused", 0) end
  s.source.output = s.OUTPUT_ON
  if p.count > 0 then s.trigger.initiate() end
end

-- configure, switch on at zero volts, and wait for edges
function labctl_watch(s, p)
  local fine, text = pcall(labctl_arm, s, p)
  if fine then
    print("labctl ready")
    return
  end
  s.abort()
  s.source.output = s.OUTPUT_OFF
  print("labctl fault " .. string.gsub(tostring(text), "[\\r\\n]+", " "))
end
endscript
"""


class Ammeter(Mainframe):
    """A channel of a 2600B at the device's other end.

    Meets `instruments.agilent33500_reads.Reads`.

    Parameters
    ----------
    adapter
        An open connection.
    label
        Name in the bench file.
    reader
        What the instrument is specified to do.
    wiring
        How it is reached.
    """

    def __init__(self, adapter: Any, label: str, reader: Reader, wiring: Wiring) -> None:
        super().__init__(adapter, label, wiring.address, MODELS[reader.name])
        self.channel, self.line = wiring.channel, wiring.line
        self.place = f"its digital line {wiring.line}"

    def prepare(self) -> float:
        """Load the functions it needs, and return its power line frequency, Hz.

        Raises
        ------
        InstrumentFault
            Nobody answers, or it refuses.
        """
        with link_faults(self.name, "loading its functions"):
            for text in [*_SCRIPT.strip().splitlines(), "labctl_ammeter()"]:
                self.write(text)
            frequency = self.number("localnode.linefreq")
        self.check_errors()
        return frequency

    def watch(self, program: Program) -> None:
        """Hold zero volts within the compliance, and read at every edge that comes.

        Raises
        ------
        InstrumentFault
            It refuses a setting; its output is off then.
        """
        count = len(program.readings) * program.repeats
        fields = {
            "limiti": f"{program.compliance:.9g}",
            "rangev": f"{program.v_range:.9g}",
            "rangei": f"{program.i_meter.full_scale:.9g}",
            "nplc": f"{program.nplc:.9g}",
            "resolution": f"{_resolution(program.duration):.9g}",
            "line": f"{self.line}",
            "count": f"{count}",
        }
        given = ",".join(f"{key}={value}" for key, value in fields.items())
        with link_faults(self.name, "setting it up"):
            answer = self.ask(f"labctl_watch(smu{self.channel},{{{given}}})").strip()
        if answer != _READY:
            text = answer.removeprefix("labctl fault ")
            raise queue_fault(self.name, [text, *self.drain()], "setting it up")

    def waiting(self) -> bool:
        """Return whether it would hear an edge now: it does once `watch` has returned."""
        return True

    def taken(self, *, over: bool) -> int:
        """Return how many readings there are."""
        buffers = (f"smu{self.channel}.nvbuffer{k}.n" for k in (1, 2))
        with link_faults(self.name, "waiting for readings"):
            return round(self.number(f"math.min({','.join(buffers)})"))

    def fetch(self, first: int, last: int) -> list[Raw]:
        """Return some of the readings, counted from 1.

        Raises
        ------
        InstrumentFault
            The answer is not what was asked for.
        """
        rows: list[Raw] = []
        for start in range(first, last + 1, _READINGS_A_LINE):
            stop = min(start + _READINGS_A_LINE - 1, last)
            rows += self._block(start, stop)
        return rows

    def _block(self, start: int, stop: int) -> list[Raw]:
        i, v = (f"smu{self.channel}.nvbuffer{k}" for k in (1, 2))
        columns = f"{i}.readings,{v}.readings,{i}.statuses,{i}.timestamps"
        with link_faults(self.name, "fetching readings"):
            answer = self.ask(f"printbuffer({start},{stop},{columns})")
        try:
            values = [float(text) for text in answer.split(",")]
        except ValueError:
            values = []
        if len(values) != 4 * (stop - start + 1):
            raise unexpected(self.name, answer, f"{stop - start + 1} readings")
        rows = (values[at : at + 4] for at in range(0, len(values), 4))
        return [Raw(i, v, bool(int(status) & _LIMITING), stamp) for i, v, status, stamp in rows]

    def release(self) -> None:
        """Switch the output off after a burst.

        Raises
        ------
        InstrumentFault
            It reported an error.
        """
        smu = f"smu{self.channel}"
        with link_faults(self.name, "switching off"):
            self.write(f"{smu}.abort() {smu}.source.output = {smu}.OUTPUT_OFF")
        self.check_errors()

    def isolate(self) -> None:
        """Switch off by opening the relay, so that nothing flows whatever the generator does."""
        smu = f"smu{self.channel}"
        with link_faults(self.name, "opening its output relay"):
            self.write(
                f"{smu}.abort() {smu}.source.offmode = {smu}.OUTPUT_HIGH_Z "
                f"{smu}.source.output = {smu}.OUTPUT_OFF"
            )
            if self.number(f"{smu}.source.output"):
                raise InstrumentFault(f"{self.name}: the output still reports to be on")


def _resolution(span: float) -> float:
    """Return the resolution of the timestamps, s: 1 us for as long as they are unique."""
    resolution = 1e-6
    while span / resolution > 4e9:
        resolution *= 2
    return resolution
