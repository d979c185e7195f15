# SPDX-License-Identifier: GPL-2.0-or-later
"""What goes while it is opened, a card or a list, keeps nothing else from being served."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from patronus.network.dhcp import service as dhcp
from patronus.network.dhcp6 import service as dhcp6
from patronus.network.dns import service as dns
from tests.netns.services.network import DHCP, DNS, Router, dig, wait_for

SIX = {**DHCP, "ipv6_pools": [{"id": "lan6", "interface": "lan", "ranges": ["::1000-::1fff"]}]}


def meanwhile(
    monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str, happens: Callable[[], Any]
) -> None:
    """Let something happen once, right before a function of the module is called."""
    call, left = getattr(module, name), [happens]

    def called(*given: Any, **more: Any) -> Any:
        if left:
            left.pop()()
        return call(*given, **more)

    monkeypatch.setattr(module, name, called)


@pytest.mark.parametrize(
    ("module", "name"), [(dhcp, "hardware_address"), (dhcp6, "join_group")], ids=["DHCP", "DHCPv6"]
)
def test_a_card_that_goes_while_its_sockets_are_opened_is_served_when_it_is_back(
    router: Router, monkeypatch: pytest.MonkeyPatch, module: ModuleType, name: str
) -> None:
    meanwhile(monkeypatch, module, name, lambda: router.namespace.ip("link del lan0"))
    assert router.apply(dhcp=SIX)[0] == "DHCP: serve 2 pools"
    router.plug()
    router.apply(dhcp=SIX)
    router.settled()
    router.lan.ip("addr add 192.168.1.7/24 dev eth0")
    assert dig(router.lan, "nas.home.arpa") == ["192.168.1.30"]


def test_a_card_that_goes_from_under_the_names_takes_no_other_with_it(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull_out() -> None:
        meanwhile(monkeypatch, dns, "udp_socket", lambda: router.namespace.ip("link del lan0"))

    meanwhile(monkeypatch, dns, "udp_socket", pull_out)  # the first card is the loopback
    router.apply()
    assert dig(router.namespace, "nas.home.arpa", at="127.0.0.1") == ["192.168.1.30"]


def test_a_list_that_goes_while_it_is_opened_is_left_out(
    router: Router, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    folder = router.dns._folder
    folder.mkdir()
    for name in ("one", "two"):
        (folder / f"{name}.txt").write_text(f"{name}.test\n")
    lists = [{"id": name, "file": f"{name}.txt"} for name in ("one", "two")]
    meanwhile(monkeypatch, router.dns._channel, "start", (folder / "one.txt").unlink)  # type: ignore[arg-type]
    router.apply(dns={**DNS, "blocklists": lists})
    wait_for(lambda: router.dns._channel.call("Status")["blocked"] == 1)
