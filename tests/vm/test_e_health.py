# SPDX-License-Identifier: GPL-2.0-or-later
"""What looks whether a version is healthy, in the units that ship: the owner's check, and last words."""

from __future__ import annotations

from tests.vm.lab import Lab

FILE = "/etc/patronus/patronus.toml"
CHECK = 'check = ["/usr/bin/ping", "-c1", "-W2", "{host}"]'
NOBODY = "192.168.1.77"

ENDS = """[Service]
ExecStart=/bin/sh -c 'echo "patronusd: cannot start: no room" >&2; exit 3'
"""
LOOKS = "from patronus.update.last_words import last_words as l; print(l('ends.service'))"
HEALTH = "/usr/lib/systemd/system/patronus-health.service"
UNITS = "/run/systemd/system"


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


def test_why_a_program_ended_is_read_with_the_rights_of_the_look(lab: Lab) -> None:
    """From the real journal, in the sandbox of patronus-health."""
    lab.guest.copy_to(ENDS.encode(), f"{UNITS}/ends.service")
    lab.guest.copy_to(LOOKS.encode(), "/run/look.py")
    lab.guest.succeed(
        "sed -e '/^ConditionPathExists=/d' -e '/^RequiredBy=/d' "
        "-e 's,^ExecStart=.*,ExecStart=/usr/bin/python3 -I /run/look.py,' "
        f"{HEALTH} >{UNITS}/look.service && systemctl daemon-reload && systemctl start ends.service"
    )
    lab.guest.wait_until_succeeds("systemctl is-failed ends.service", timeout_s=60)
    lab.guest.succeed("systemctl start look.service", timeout_s=300)
    said = lab.guest.succeed("journalctl -b -o cat -u look.service")
    assert "it ended with exit status 3; it said: patronusd: cannot start: no room" in said, said
    lab.guest.fail("journalctl -b -o cat -u look.service | grep 'cannot be read'")
