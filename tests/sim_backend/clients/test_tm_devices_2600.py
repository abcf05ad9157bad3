"""tm_devices' drivers of the series, unmodified (where it is installed).

Its command trees were generated from the manuals, one a model, so that walking them says which
documented command the virtual instrument does not know.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import pytest

from tests.sim_backend.peers import peer
from tests.sim_backend.rig import ADDRESS, Rig

drivers = peer("tm_devices.drivers")
helpers = peer("tm_devices.helpers")
pytestmark = pytest.mark.filterwarnings("ignore")

#: what the client calls something that Lua reserves or it spells in its own way
_SPELLED = {"set_": "set", "assert_": "assert"}
#: those that are no names of the language: they stand for a variable of the user
_VARIABLES = ("buffer_var", "script_var")
#: written but never read, made by a script that is loaded, or of another model of the tree
_NOT_READ = (
    "smua.cal.password", "localnode.password", "script.anonymous",
    "status.questionable.HIGHV_NOT_READY",
)  # fmt: skip
_MISSPELLED = "status.operation.instrument.smua.trigger_overrrun"
#: what the manual says these models do not have, and the client offers all the same
_PORTS = ("digio.", "tsplink.", "smua.contact.")
WITHOUT_PORTS = ("2604B", "2614B", "2634B")
MODELS = (
    "2601B", "2602B", "2604B", "2611B", "2612B", "2614B", "2634B", "2635B", "2636B", "2601B-PULSE",
)  # fmt: skip


def connected(model: str) -> tuple[Rig, Any]:
    rig = Rig(model=model)
    resource = rig.manager().open_resource(ADDRESS, read_termination="\n")
    entry = helpers.DeviceConfigEntry(
        device_type=helpers.DeviceTypes.SMU,
        address="192.0.2.26",
        connection_type=helpers.ConnectionTypes.TCPIP,
    )
    driver = getattr(drivers, "SMU" + model.replace("-PULSE", "Pulse"))
    return rig, driver(entry, False, resource, 5000)


def names(tree: Any, path: str = "") -> Iterator[str]:
    """Yield the name of every command below a tree of the client."""
    for key in dir(type(tree)):
        if key.startswith("_") or key == "cmd_syntax" or key in _VARIABLES:
            continue
        attribute = inspect.getattr_static(type(tree), key)
        own = f"{path}.{_SPELLED.get(key, key)}".lstrip(".")
        if isinstance(attribute, str):
            yield attribute.replace("smuX", "smua").replace("[N]", "[1]")
        elif inspect.isfunction(attribute):
            yield own if path else _named(attribute)
        elif isinstance(attribute, property):
            yield from _below(tree, attribute, key, own)


def _below(tree: Any, attribute: property, key: str, own: str) -> Iterator[str]:
    told = str(inspect.signature(attribute.fget).return_annotation)
    if told in ("str", "<class 'str'>"):
        yield own
        return
    found = getattr(tree, key)
    if not isinstance(found, dict):
        yield from names(found, own)
        return
    index: Any = "a" if key == "smu" else 1
    if told.endswith(("str]", "float]")) or "str |" in told:
        yield f"{own}[1]"
    else:
        yield from names(found[index], f"{own}{index}" if key == "smu" else f"{own}[1]")


def _named(function: Any) -> str:
    """Return what a function of the tree's top is called in the instrument."""
    return str(inspect.getdoc(function)).split("``")[1].split("(")[0]


@pytest.mark.parametrize("model", MODELS)
def test_every_documented_command_is_known(model: str) -> None:
    rig, client = connected(model)
    walked = sorted(
        name
        for name in set(names(client.commands))
        if name not in _NOT_READ and not name.startswith(_MISSPELLED)
    )
    unknown = []
    for name in walked:
        replies = rig.send(f"print(type({name}))")
        if rig.codes() or replies == ["nil"]:
            unknown.append(name)
    if model in WITHOUT_PORTS:
        assert all(name.startswith(_PORTS) for name in unknown)
        assert len(unknown) > 30
    else:
        assert unknown == []
    assert len(walked) - len(unknown) > 650


def test_commands_act() -> None:
    rig, client = connected("2602B")
    assert client.total_channels == 2
    smu = client.commands.smu["a"]
    smu.source.func = "smua.OUTPUT_DCVOLTS"
    smu.source.levelv = 0.5
    smu.source.output = 1
    assert float(smu.measure.i()) == pytest.approx(5e-5)
    assert float(smu.source.levelv) == 0.5
    client.commands.smu["a"].source.output = 0
    assert rig.codes() == []
