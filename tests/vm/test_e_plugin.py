# SPDX-License-Identifier: GPL-2.0-or-later
"""What an owner built into the image: the plugin of docs/example-plugin, a package, a file, a configuration.

In the soak, which builds that image: ``python3 -m tests.soak plugin``.
"""

import json
import os
from pathlib import Path

import pytest
from playwright.sync_api import expect

from qemu.guest import Result
from tests.vm.lab import DOOR, LAN_ADDRESS, Lab
from tests.vm.test_4_browser import SLOW_MS, browser_on, set_up
from tests.vm.test_9_doors import console_code
from tests.vm.updating import LOOK_S

pytestmark = pytest.mark.skipif("PATRONUS_PLUGIN" not in os.environ, reason="in the soak")
MAC = "52:54:00:aa:bb:cc"
SECTION = f'targets:\n  - {{id: nas, name: The NAS, mac: "{MAC}", interface: lan}}\n'
MAGIC = bytes.fromhex(MAC.replace(":", "")) * 16


def load(lab: Lab, text: str) -> Result:
    """Write the plugin's file, and let the router take it."""
    lab.guest.copy_to(text.encode(), "/run/wol.yaml")
    place = "/etc/patronus/plugins"
    make = f"install -d -o patronus -g patronus {place} && cp /run/wol.yaml {place}/wol.yaml"
    return lab.guest.execute(f"{make} && patronus config load", timeout_s=LOOK_S)


def test_the_owners_package_file_and_first_configuration_are_there(lab: Lab) -> None:
    lab.guest.succeed("tree --version")
    assert lab.guest.succeed("cat /usr/share/own/motto") == "ours\n"
    assert lab.guest.succeed("cat /proc/sys/kernel/hostname") == "owned\n"
    assert json.loads(lab.guest.succeed("patronus --json status"))["system"]["generation"] == 1


def test_the_example_in_the_image_has_its_section_verbs_command_and_page(lab: Lab, tmp_path: Path) -> None:
    assert lab.guest.succeed("cat /usr/share/patronus/plugins/patronus-wol").strip() == "1.0"
    assert "No machines are configured" in lab.guest.succeed("patronus wol list", timeout_s=LOOK_S)
    refused = load(lab, SECTION.replace("lan}", "attic}"))
    assert refused.code != 0
    assert "there is no interface attic" in refused.stdout + refused.stderr
    taken = load(lab, SECTION)
    assert taken.code == 0, taken
    (target,) = json.loads(lab.guest.succeed("patronus --json wol list", timeout_s=LOOK_S))["targets"]
    assert target == {"id": "nas", "name": "The NAS", "mac": MAC, "reachable": True}
    called = lab.guest.succeed(f"varlinkctl call --json=short {DOOR} io.patronus.wol.v1.List '{{}}'")
    assert json.loads(called)["targets"] == [target]
    with lab.client.capture() as sleeping:
        lab.guest.succeed("patronus wol wake nas", timeout_s=LOOK_S)
        sleeping.wait(lambda frame: MAGIC in frame, timeout_s=LOOK_S)
    lab.lease()
    with browser_on(lab.client, tmp_path) as page:
        set_up(page, console_code(lab))
        page.goto(f"https://{LAN_ADDRESS}/plugins/wol")
        expect(page.get_by_role("heading", name="The NAS")).to_be_visible(timeout=SLOW_MS)
        expect(page.locator('nav a[href="/plugins/wol"]')).not_to_have_count(0)
        page.get_by_role("button", name="Wake").click()
        expect(page.get_by_text("nas was sent its magic packet")).to_be_visible(timeout=SLOW_MS)
    assert "left out" not in lab.guest.succeed("patronus status", timeout_s=LOOK_S)
