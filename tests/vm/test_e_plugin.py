# SPDX-License-Identifier: GPL-2.0-or-later
"""What an owner built into the image: the plugin of docs/example-plugin, a package, a file, a configuration.

In the soak, which builds that image: ``python3 -m tests.soak plugin``.
"""

import json
import os

import pytest

from tests.vm.lab import Lab

pytestmark = pytest.mark.skipif("PATRONUS_PLUGIN" not in os.environ, reason="in the soak")
LOOK_S = 300.0
"""A command starts a program and asks several, and the machine may be slow."""
SECTION = 'targets:\n  - {id: nas, name: The NAS, mac: "52:54:00:aa:bb:cc", interface: attic}\n'


def test_the_owners_package_file_and_first_configuration_are_there(lab: Lab) -> None:
    lab.guest.succeed("tree --version")
    assert lab.guest.succeed("cat /usr/share/own/motto") == "ours\n"
    assert lab.guest.succeed("cat /proc/sys/kernel/hostname") == "owned\n"
    assert json.loads(lab.guest.succeed("patronus --json status"))["system"]["generation"] == 1


def test_the_example_plugin_has_its_command_and_checks_its_section(lab: Lab) -> None:
    assert lab.guest.succeed("cat /usr/share/patronus/plugins/patronus-wol").strip() == "1.0"
    assert "No machines are configured" in lab.guest.succeed("patronus wol list", timeout_s=LOOK_S)
    lab.guest.copy_to(SECTION.encode(), "/run/wol.yaml")
    place = "/etc/patronus/plugins"
    make = f"install -d -o patronus -g patronus {place} && cp /run/wol.yaml {place}/wol.yaml"
    said = lab.guest.fail(f"{make} && patronus config load", timeout_s=LOOK_S)
    assert "there is no interface attic" in said
