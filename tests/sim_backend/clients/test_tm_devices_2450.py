"""tm_devices' drivers of the 2450 family, unmodified (where it is installed).

Its command trees hold every name of the script language, those of other families of the maker too;
what the virtual instrument does not have is listed here, with the reason.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.sim_backend.clients.test_tm_devices_2600 import drivers, helpers, names
from tests.sim_backend.rig2450 import ADDRESS, Rig2450

pytestmark = pytest.mark.filterwarnings("ignore")

#: the client splits two functions by the kind of block or template, and writes N for a number
_SPELLED = re.compile(
    r"trigger\.model\.(load|setblock)_|_USER_DELAY_N$|EVENT_(DIGIO|LAN|NOTIFY|TSPLINK)N$"
)
#: names of multimeters and switches of the same firmware, in no manual of a SourceMeter
_FOREIGN = re.compile(
    r"buffer\.(EXPR_|COL_|STAT_(REL|SCAN)$|UNIT_(CUSTOM\d|DAC|DBM|DIO|TOT)$)|trigger\.COUNT_AUTO$"
    r"|lan\.(ON|OFF)$|smu\.ATTR_(MEAS_COUNT|SRC_FUNCTION)$"
)
#: values above what a model can: see its specification
_ABSENT = re.compile(r"smu\.PROTECT_1\d\dV$")
#: written but never read; nil until the digitizer is the active function, or has been calibrated
_NOT_READ = re.compile(r"localnode\.password$|smu\.digitize\.|acal\.lastrun\.")
#: what the virtual instrument lacks
LACKING = {"available", "createconfigscript"}


def connected(model: str) -> tuple[Rig2450, Any]:
    rig = Rig2450(model, language="TSP")
    resource = rig.manager().open_resource(ADDRESS, read_termination="\n")
    entry = helpers.DeviceConfigEntry(
        device_type=helpers.DeviceTypes.SMU,
        address="192.0.2.45",
        connection_type=helpers.ConnectionTypes.TCPIP,
    )
    return rig, getattr(drivers, "SMU" + model)(entry, False, resource, 5000)


@pytest.mark.parametrize("model", ["2450", "2460", "2461", "2470"])
def test_every_documented_command_is_known(model: str) -> None:
    rig, client = connected(model)
    rig.codes()
    walked = sorted(set(names(client.commands)))
    unknown = set()
    for name in walked:
        replies = rig.send(f"print(type({name}))")
        if rig.codes() or replies == ["nil"]:
            unknown.add(name)
    explained = (_SPELLED, _FOREIGN, _ABSENT, _NOT_READ)
    left = {name for name in unknown if not any(rule.search(name) for rule in explained)}
    assert left == LACKING
    assert len(walked) - len(unknown) > 600
