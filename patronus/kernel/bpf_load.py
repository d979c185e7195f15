# SPDX-License-Identifier: GPL-2.0-or-later
"""``python3 -m patronus.kernel.bpf_load``: load the XDP firewall and pin it, for patronus-xdp-load.service.

Runs once at boot, before patronusd, which then works on the pins with fewer privileges. Run again, it
keeps the maps (blocklist, counters, flows) and replaces the program, also where it is attached, with no
packet in between that neither sees.

Example: python3 -m patronus.kernel.bpf_load --object /usr/lib/patronus/bpf/xdp_firewall.bpf.o --pins DIR
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from patronus.core.errors import KernelError
from patronus.kernel import bpf_attach
from patronus.kernel.bpf import PROGRAM
from patronus.kernel.bpf_codec import Settings
from patronus.kernel.bpf_forwarding import ASKS_FLOW_TABLE
from patronus.kernel.bpf_object import Object, Program
from patronus.kernel.bpf_rules import ASKS_CONNTRACK

_FLOW_TABLES = ("flows_ipv4", "flows_ipv6")
_SECTION = ".rodata.settings"


def load(path: Path, pins: Path, settings: Settings, flow_entries: int | None = None) -> list[str]:
    """Load the object at ``path`` and pin program and maps in ``pins``, a folder in a bpffs.

    ``flow_entries``: flow directions per family; None takes the size in the object. Returns the interfaces
    on which an older program was replaced. Raises KernelError; then the old program and pins stay.
    """
    if not pins.is_dir():
        raise KernelError(f"the pin folder {pins} does not exist: is the bpffs mounted?")
    with Object(path) as opened:
        opened.set_constants(_SECTION, settings.pack())
        if flow_entries is not None:
            for name in _FLOW_TABLES:
                opened.set_max_entries(name, flow_entries)
        opened.pin_maps(pins)
        opened.load()
        with opened.program(PROGRAM) as program:
            replaced = _replace_running(pins / PROGRAM, program)
            program.pin(pins / PROGRAM)
        for question in (ASKS_CONNTRACK, ASKS_FLOW_TABLE):
            with opened.program(question) as asks:
                asks.pin(pins / question)
    return replaced


def _replace_running(pin: Path, new: Program) -> list[str]:
    if not pin.exists():
        return []
    with Program.pinned(pin) as old:
        running = bpf_attach.attachments(old)
        for present in running:
            bpf_attach.replace(present, old, new)
    return [present.ifname for present in running]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="patronus.kernel.bpf_load", description=__doc__.split("\n", 1)[0])
    parser.add_argument("--object", type=Path, required=True, help="the compiled xdp_firewall.bpf.o")
    parser.add_argument(
        "--pins", type=Path, required=True, help="a folder in a bpffs that patronusd may enter"
    )
    parser.add_argument("--sample-every", type=int, default=100, help="drops for one event; 0: no events")
    parser.add_argument("--no-flow-table", action="store_true", help="do not account flows")
    parser.add_argument(
        "--forwarding-if", type=Path, metavar="FILE", help="take in what forwards, where this file is"
    )
    parser.add_argument("--flow-entries", type=int, help="flow directions per family")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Load as the command line says; 0, or 1 with the reason on standard error."""
    options = _parser().parse_args(arguments)
    forwarding = options.forwarding_if is not None and options.forwarding_if.exists()
    settings = Settings(options.sample_every, not options.no_flow_table, forwarding)
    try:
        replaced = load(options.object, options.pins, settings, options.flow_entries)
    except KernelError as error:
        sys.stderr.write(f"patronus-xdp-load: {error}\n")
        return 1
    where = f"; replaced on {', '.join(replaced)}" if replaced else ""
    sys.stdout.write(f"patronus-xdp-load: {PROGRAM} is loaded and pinned in {options.pins}{where}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
