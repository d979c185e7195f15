# SPDX-License-Identifier: GPL-2.0-or-later
"""The owner's own check of a version, in the unit that ships: ping gives up what it does not have."""

from __future__ import annotations

from tests.vm.lab import Lab

FILE = "/etc/patronus/patronus.toml"
CHECK = 'check = ["/usr/bin/ping", "-c1", "-W2", "{host}"]'
NOBODY = "192.168.1.77"


def asked(lab: Lab, host: str) -> None:
    """Let the check be whether the host answers."""
    lab.guest.succeed(
        f"cp {FILE} /run/before.toml; printf '\\n[update]\\n%s\\n' '{CHECK.format(host=host)}' >> {FILE}; "
        "patronus config commit"
    )


def told(lab: Lab, words: str) -> None:
    """Wait until the health of the version has this line; each question begins the check anew."""
    lab.guest.wait_until_succeeds(f"patronus update health | grep '{words}'", timeout_s=300, every_s=5)


def test_the_check_of_the_owner_may_be_ping(lab: Lab) -> None:
    asked(lab, "127.0.0.1")
    told(lab, "^well  command: ")
    lab.guest.succeed(f"cp /run/before.toml {FILE}")
    asked(lab, NOBODY)
    told(lab, "^ILL   command: exit status 1: /usr/bin/ping .*" + NOBODY)
