"""LAN, TSP-Link and TSP-Net of a Series 2600B that is alone: what can be set, and what is refused.

Settings of the network are kept and have no effect: the virtual laboratory decides where the
instrument answers. Nothing can be reached from it, neither another node nor another address.

Source: Series 2600B Reference Manual, 2600BS-901-01, section 9, ``lan.*``, ``tsplink.*``,
``tspnet.*``. Error numbers of a connection that fails are to be checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sim_backend.instruments.keithley26_stimuli import stimulus_accessors
from sim_backend.instruments.keithley2600_checks import accessors, choice, flag, number, text, whole
from sim_backend.instruments.keithley2600_trigger import Events, Generated, Stimulus
from sim_backend.wire.tsp import Node, Refusal

__all__ = ["add_link", "lan_node", "net_node"]

_LAN_TRIGGERS = 8
_NO_NODE, _NO_CONNECTION = 1205, 2401
_TRIGGER_MODES = {
    "TRIG_EITHER": 0, "TRIG_FALLING": 1, "TRIG_RISING": 2, "TRIG_RISINGA": 3, "TRIG_RISINGM": 4,
    "TRIG_SYNCHRONOUS": 5, "TRIG_SYNCHRONOUSA": 6, "TRIG_SYNCHRONOUSM": 7,
}  # fmt: skip
_CONSTANTS = {
    "ENABLE": 1, "DISABLE": 0, "AUTO": 0, "MANUAL": 1, "HALF": 0, "FULL": 1, "TCP": 0, "UDP": 1,
    "MULTICAST": 2,
}  # fmt: skip


class _Network:
    """What is set of the network."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.reset()

    def reset(self) -> None:
        """Go back to the defaults."""
        self.method, self.speed, self.duplex = 0, 100, 1
        self.address, self.mask, self.gateway = "0.0.0.0", "255.255.255.0", "0.0.0.0"
        self.domain = self.host = ""
        self.names[:] = ["0.0.0.0", "0.0.0.0"]
        self.dynamic = self.verify = self.autoconnect = 1
        self.timeout, self.wait, self.nagle, self.lxi_domain = 20.0, 20.0, 0, 0


class _Trigger(Generated):
    """A LAN trigger: messages to the network, of which none arrives and none comes."""

    def __init__(self, events: Events) -> None:
        super().__init__(events)
        self.stimulus = Stimulus(events, self.emit)
        self.mode, self.protocol, self.pseudo_state, self.address = 0, 0, 1, "0.0.0.0"


def lan_node(serial: str, events: Events, wait: Callable[[Generated, float], bool]) -> Node:
    """Describe ``lan``."""
    network = _Network()
    node = Node(
        "lan",
        *accessors(
            network,
            {
                "autoconnect": ("autoconnect", flag),
                "linktimeout": ("timeout", number(0.0, 3600.0)),
                "timedwait": ("wait", number(0.0, 300.0)),
                "nagle": ("nagle", flag),
                "lxidomain": ("lxi_domain", whole(0, 255)),
            },
        ),
        {
            "applysettings": lambda: None,
            "reset": network.reset,
            "restoredefaults": network.reset,
        },
        {**_CONSTANTS, **_TRIGGER_MODES},
    )
    triggers: dict[str | int, Any] = {
        k: _trigger_node(f"lan.trigger[{k}]", _Trigger(events), events, wait)
        for k in range(1, _LAN_TRIGGERS + 1)
    }
    node.objects |= {
        "config": _config_node(network),
        "status": _status_node(serial),
        "trigger": Node("lan.trigger", objects=triggers, luatype=""),
    }
    return node


def _config_node(network: _Network) -> Node:
    address, name = text(15), text(63)
    names = Node("lan.config.dns.address")
    for k in (1, 2):
        names.getters[k] = partial(network.names.__getitem__, k - 1)
        names.setters[k] = _item_setter(network.names, k - 1)
    dns = Node(
        "lan.config.dns",
        *accessors(
            network,
            {
                "domain": ("domain", text(255)),
                "dynamic": ("dynamic", flag),
                "hostname": ("host", name),
                "verify": ("verify", flag),
            },
        ),
        objects={"address": names},
    )
    return Node(
        "lan.config",
        *accessors(
            network,
            {
                "method": ("method", choice(0, 1)),
                "speed": ("speed", choice(10, 100)),
                "duplex": ("duplex", choice(0, 1)),
                "ipaddress": ("address", address),
                "subnetmask": ("mask", address),
                "gateway": ("gateway", address),
            },
        ),
        objects={"dns": dns},
    )


def _item_setter(values: list[str], index: int) -> Callable[[Any], None]:
    address = text(15)

    def set_item(value: Any) -> None:
        values[index] = address(value)

    return set_item


def _status_node(serial: str) -> Node:
    """Describe ``lan.status``: an instrument on the host it is simulated on."""
    ports = {"rawsocket": 5025, "telnet": 23, "vxi11": 1024, "dst": 5030}
    shown: dict[str, Any] = {
        "ipaddress": "127.0.0.1", "subnetmask": "255.0.0.0", "gateway": "0.0.0.0", "speed": 100,
        "duplex": 1, "fault": 0, "macaddress": "00:60:1A:" + serial.rjust(6, "0")[-6:],
    }  # fmt: skip
    names = Node("lan.status.dns.address", getters={1: lambda: "0.0.0.0", 2: lambda: "0.0.0.0"})
    return Node(
        "lan.status",
        getters={key: _constant(value) for key, value in shown.items()},
        objects={
            "port": Node(
                "lan.status.port", getters={key: _constant(port) for key, port in ports.items()}
            ),
            "dns": Node("lan.status.dns", getters={"name": lambda: ""}, objects={"address": names}),
        },
    )


def _constant(value: Any) -> Callable[[], Any]:
    return lambda: value


def _trigger_node(
    name: str, trigger: _Trigger, events: Events, wait: Callable[[Generated, float], bool]
) -> Node:
    seconds = number(0.0, 1e5)
    node = Node(
        name,
        *accessors(
            trigger,
            {
                "mode": ("mode", choice(*_TRIGGER_MODES.values())),
                "protocol": ("protocol", choice(0, 1, 2)),
                "pseudostate": ("pseudo_state", flag),
                "ipaddress": ("address", text(15)),
            },
        ),
        {
            "assert": _refusing(_NO_CONNECTION),
            "connect": _refusing(_NO_CONNECTION),
            "disconnect": lambda: None,
            "clear": trigger.clear,
            "wait": lambda timeout: wait(trigger, seconds(timeout)),
        },
        {"EVENT_ID": trigger.event},
    )
    get, select = stimulus_accessors(trigger.stimulus, events)
    node.getters |= {
        "stimulus": get, "overrun": lambda: trigger.overrun, "connected": lambda: False,
    }  # fmt: skip
    node.setters["stimulus"] = select
    return node


def add_link(node: Node) -> Node:
    """Add to the lines of ``tsplink`` what it says of its nodes: there is none but this one."""

    class _Link:
        group, node = 0, 1

    link = _Link()
    getters, setters = accessors(
        link, {"group": ("group", whole(0, 64)), "node": ("node", whole(1, 64))}
    )
    node.getters |= {**getters, "master": lambda: 0, "state": lambda: "offline"}
    node.setters |= setters
    node.calls["reset"] = _refusing(_NO_NODE)
    return node


def net_node() -> Node:
    """Describe ``tspnet``: nothing can be connected to."""

    class _Net:
        timeout, abort = 20.0, 1

    net = _Net()
    refused = _refusing(_NO_CONNECTION)
    return Node(
        "tspnet",
        *accessors(net, {"timeout": ("timeout", number(1e-3, 30.0))}),
        {
            **dict.fromkeys(
                (
                    "clear", "connect", "disconnect", "execute", "idn", "read", "readavailable",
                    "termination", "write",
                ),
                refused,
            ),
            "reset": lambda: None,
        },
        {
            "TERM_LF": 1, "TERM_CR": 2, "TERM_CRLF": 3, "TERM_LFCR": 4,
            "tsp": Node(
                "tspnet.tsp",
                *accessors(net, {"abortonconnect": ("abort", flag)}),
                dict.fromkeys(("abort", "rbtablecopy", "runscript"), refused),
            ),
        },
    )  # fmt: skip


def _refusing(code: int) -> Callable[..., None]:
    def refuse(*_arguments: Any) -> None:
        raise Refusal(code)

    return refuse
