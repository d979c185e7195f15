# SPDX-License-Identifier: GPL-2.0-or-later
"""The provider of an outside name is told by the unit that ships; its password stands nowhere in the open."""

from __future__ import annotations

from pathlib import Path

from qemu.internet import ADDRESS
from tests.netns.dyndns.provider import PASSWORD, USER, NameProvider
from tests.vm.lab import Lab, eventually

NAME = "home.example.net"
ENTRY = """
names:
  - id: home
    hostnames: [{name}]
    dyndns2:
      server: {url}
      user: {user}
      password: {{secret: dyn}}
      ca: |
{ca}
"""
LONG_S = 120.0


def test_a_provider_is_told_of_the_address_once_by_a_unit_that_is_shut_in(lab: Lab, tmp_path: Path) -> None:
    provider = lab.server.inside(lambda: NameProvider(tmp_path, ADDRESS, 8444))
    try:
        lab.guest.copy_to(PASSWORD.encode(), "/run/secret")
        lab.guest.succeed("patronus secret set dyn < /run/secret && rm /run/secret")
        ca = "\n".join(f"        {line}" for line in provider.ca.splitlines())
        text = ENTRY.format(name=NAME, url=provider.url, user=USER, ca=ca)
        lab.guest.copy_to(text.encode(), "/etc/patronus/network/dyndns.yaml")
        lab.guest.succeed("patronus config commit", timeout_s=300)
        eventually(lambda: "current" in lab.guest.succeed("patronus dyndns"), timeout_s=LONG_S)
        assert provider.behaviour.names == {NAME: lab.wan_address()}
        assert lab.guest.succeed("ls -A /run/patronus-dyndns") == ""
        shown = "systemctl show --value --property User,ExecMainStatus patronus-dyndns.service"
        assert set(lab.guest.succeed(shown).split()) == {"patronus-dyndns", "0"}
        lab.guest.fail(f"journalctl | grep --fixed-strings '{PASSWORD}'")
        lab.guest.fail(
            f"grep -r --fixed-strings '{PASSWORD}' /etc/patronus /var/lib /run/patronus-dyndns-told"
        )
        asked = len(provider.behaviour.asked)
        lab.guest.succeed("systemctl restart patronusd.service", timeout_s=300)
        eventually(lambda: "current" in lab.guest.execute("patronus dyndns").stdout, timeout_s=LONG_S)
        assert len(provider.behaviour.asked) == asked, "what is known is told nobody again"
        assert lab.guest.succeed("patronus dyndns update home", timeout_s=300).count("nochg") == 1
    finally:
        provider.close()
