"""The functions of Keysight's WGFMU instrument library, as they are called.

The library is a Windows DLL (``wgfmu.dll``) that comes with the B1530A; it is loaded when a bench
that names this driver is connected, and not before. A virtual laboratory gives an object that has
the same functions, with the same arguments: whole numbers, numbers, bytes for names, ``byref`` of a
ctypes value or a ctypes array for what is returned. Each returns 0, or an error whose text the
library keeps. Signatures and numbers are those of ``wgfmu.h``.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from ctypes import byref, c_char_p, c_double, c_int
from typing import Any

from labctl.errors import BadInput, InstrumentFault

__all__ = [
    "AVERAGED",
    "CURRENT",
    "ENABLED",
    "FAST_IV",
    "IDLE",
    "I_RANGES",
    "V_RANGES",
    "Table",
    "load",
]  # fmt: skip

FAST_IV = 2001  #: operation mode that forces and measures
CURRENT = 4001  #: measurement mode
ENABLED = 7001
AVERAGED = 12000  #: one value for a measurement event
IDLE = frozenset({10000, 10001, 10003, 10004, 10006})  #: statuses in which nothing runs
#: of the voltage source, by its smallest and largest level, V
V_RANGES = {(-3.0, 3.0): 3001, (-5.0, 5.0): 3002, (-10.0, 0.0): 3003, (0.0, 10.0): 3004}
I_RANGES = {1e-6: 6001, 10e-6: 6002, 100e-6: 6003, 1e-3: 6004, 10e-3: 6005}

_INT, _DOUBLES = ctypes.POINTER(c_int), ctypes.POINTER(c_double)
#: what is used of the library: name -> arguments
_FUNCTIONS: dict[str, tuple[Any, ...]] = {
    "openSession": (c_char_p,), "closeSession": (), "initialize": (), "setTimeout": (c_double,),
    "getChannelIdSize": (_INT,), "getChannelIds": (_INT, _INT),
    "getErrorSummarySize": (_INT,), "getErrorSummary": (c_char_p, _INT),
    "setOperationMode": (c_int, c_int), "setForceVoltageRange": (c_int, c_int),
    "getForceVoltageRange": (c_int, _INT), "setMeasureMode": (c_int, c_int),
    "setMeasureCurrentRange": (c_int, c_int), "getMeasureCurrentRange": (c_int, _INT),
    "setMeasureEnabled": (c_int, c_int), "connect": (c_int,), "disconnect": (c_int,), "clear": (),
    "createPattern": (c_char_p, c_double),
    "addVectors": (c_char_p, _DOUBLES, _DOUBLES, c_int),
    "setMeasureEvent": (c_char_p, c_char_p, c_double, c_int, c_double, c_double, c_int),
    "addSequence": (c_int, c_char_p, c_double), "execute": (), "abort": (),
    "getStatus": (_INT, _DOUBLES, _DOUBLES), "getMeasureValueSize": (c_int, _INT, _INT),
    "getMeasureValues": (c_int, c_int, _INT, _DOUBLES, _DOUBLES),
}  # fmt: skip
_DLL = "wgfmu.dll"


def load(name: str, path: str) -> Any:
    """Load the vendor's library.

    Parameters
    ----------
    name
        Of the instrument in the bench file.
    path
        Of the library; empty for where Windows looks for it.

    Raises
    ------
    BadInput
        It is not on this computer; the sentence says what to do.
    """
    advice = (
        "install the B1530A instrument library from Keysight on a Windows computer, or give its "
        "path as library in the bench file"
    )
    where = path or _DLL
    load = getattr(ctypes, "WinDLL", None)
    if load is None:
        raise BadInput(f"{name}: the WGFMU library {where} runs on Windows alone; {advice}")
    try:
        library = load(where)
    except OSError as error:
        raise BadInput(f"{name}: the WGFMU library {where} is absent ({error}); {advice}") from None
    for function, arguments in _FUNCTIONS.items():
        entry = getattr(library, f"WGFMU_{function}")
        entry.argtypes, entry.restype = arguments, c_int
    return library


class Table:
    """The functions with values as Python has them; an error becomes an `InstrumentFault`.

    Parameters
    ----------
    library
        The vendor's library, or a virtual one.
    name
        Name and address of the instrument.
    """

    def __init__(self, library: Any, name: str) -> None:
        self._library, self.name = library, name

    def call(self, function: str, *arguments: Any) -> None:
        """Call a function; text is given as such.

        Raises
        ------
        InstrumentFault
            It returned an error; the library's own text is in the message.
        """
        given = [a.encode("ascii") if isinstance(a, str) else a for a in arguments]
        code = getattr(self._library, f"WGFMU_{function}")(*given)
        if code:
            text = self.errors() or "no text"
            raise InstrumentFault(
                f"{self.name}: WGFMU_{function} returned error {code} ({text}); "
                "look at the instrument, then connect again"
            )

    def errors(self) -> str:
        """Return what the library tells of errors, as one line; empty when there are none."""
        size = c_int(0)
        self._library.WGFMU_getErrorSummarySize(byref(size))
        if size.value <= 0:
            return ""
        room = size.value + 1
        text = ctypes.create_string_buffer(room)
        self._library.WGFMU_getErrorSummary(text, byref(c_int(room)))
        return " ".join(text.value.decode("ascii", "replace").split())

    def numbers(self, function: str, *arguments: Any, count: int = 1) -> tuple[int, ...]:
        """Return whole numbers that a function writes."""
        values = [c_int(0) for _ in range(count)]
        self.call(function, *arguments, *map(byref, values))
        return tuple(value.value for value in values)

    def channels(self) -> tuple[int, ...]:
        """Return the channels that are installed: 101 is the first of slot 1."""
        (count,) = self.numbers("getChannelIdSize")
        found = (c_int * max(count, 1))()
        self.call("getChannelIds", found, byref(c_int(count)))
        return tuple(found[:count])

    def status(self) -> tuple[int, float, float]:
        """Return the status of all channels, the time that has passed and that of the whole, s."""
        status, passed, whole = c_int(0), c_double(0.0), c_double(0.0)
        self.call("getStatus", byref(status), byref(passed), byref(whole))
        return status.value, passed.value, whole.value

    def pattern(
        self, name: str, begin: float, times: Sequence[float], ends: Sequence[float]
    ) -> None:
        """Make a pattern of straight lines: each lasts a time, s, and ends at a level, V."""
        self.call("createPattern", name, c_double(begin))
        size = len(times)
        self.call("addVectors", name, (c_double * size)(*times), (c_double * size)(*ends), size)

    def values(self, channel: int, offset: int, count: int) -> tuple[list[float], list[float]]:
        """Return times and values of a channel's readings, s and A."""
        size = c_int(count)
        times, values = (c_double * count)(), (c_double * count)()
        self.call("getMeasureValues", channel, offset, byref(size), times, values)
        return list(times[: size.value]), list(values[: size.value])
