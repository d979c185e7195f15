# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronusd``: boots the confirmed generation, then serves until it is told to stop."""

from __future__ import annotations

import argparse
import faulthandler
import gc
import logging
import signal
import sys
from pathlib import Path

from patronus.core.errors import PatronusError, StorageError
from patronus.daemon import wiring
from patronus.daemon.certificate import Certificate
from patronus.daemon.console import first_login_text, tell_console
from patronus.daemon.hot_reload import HotReload
from patronus.daemon.patrol import Patrol
from patronus.daemon.pulse import keep_pulse
from patronus.daemon.schema_files import FOLDER, write_schemas
from patronus.daemon.server import Server
from patronus.daemon.settings import PatronusFile, router_addresses
from patronus.kernel.host import Places
from patronus.kernel.notify import notify

log = logging.getLogger("patronusd")
TURN_S = 0.001
"""How long a thread may compute before another gets its turn: a reader waits for several of them."""
FEW_COLLECTIONS = (50_000, 20, 50)
"""A commit makes millions of objects that are no garbage; looking through them takes a third of its time."""


def main() -> None:
    """Run the daemon; ``--root DIR`` keeps all its files below another folder."""
    parser = argparse.ArgumentParser(prog="patronusd", description="The router's daemon.")
    parser.add_argument("--root", type=Path, help="keep every file below this folder instead of /")
    given = parser.parse_args()
    serve(Places.below(given.root) if given.root else Places())


def serve(places: Places) -> None:
    """Boot, serve, and stop when told to."""
    gc.set_threshold(*FEW_COLLECTIONS)
    sys.setswitchinterval(TURN_S)
    faulthandler.enable()  # the watchdog's SIGABRT then says what each thread was doing
    logging.basicConfig(level=logging.INFO, format="%(name)s: %(message)s", stream=sys.stderr)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        daemon = wiring.build(places)
        report = daemon.boot()
    except PatronusError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
    for message in report.messages:
        log.warning("%s", message)
    publish_schemas(daemon)
    certificate = Certificate(daemon.host)
    fingerprint = certificate.try_to_hand_out()
    certificate.keep()
    door = daemon.host.places.run / "patronus.sock"
    server = Server(door, daemon.answer)
    server.start()
    keep_pulse(daemon.engine.gets_on, door)
    patrol = Patrol(
        daemon.engine.observe, lambda: float(daemon.engine.config.get(PatronusFile).engine.drift_check)
    )
    daemon.bus.observe(patrol.on_event)
    patrol.start()
    hand_edits = HotReload(daemon.engine)
    hand_edits.start(daemon.system.complain)
    greet(daemon, fingerprint)
    notify(f"READY=1\nSTATUS=generation {report.generation} runs")
    daemon.vault.wake()
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    notify("STOPPING=1")
    server.stop()
    hand_edits.stop()
    patrol.stop()
    daemon.vault.close()


def publish_schemas(daemon: wiring.Daemon) -> None:
    """Put the schemas where editors find them; a router without them is a router all the same."""
    try:
        write_schemas(daemon.host.places.run / FOLDER, daemon.engine.json_schema())
    except StorageError as error:
        log.warning("%s", error)


def greet(daemon: wiring.Daemon, fingerprint: str) -> None:
    """Show the set-up code on the console while set-up is open."""
    way_in = daemon.doorkeeper.way_in
    code = way_in.fresh_code
    if code is not None and way_in.reason is not None:
        zones = daemon.engine.config.get(PatronusFile).web.zones
        addresses = [str(address) for address in router_addresses(daemon.engine.config, zones)]
        tell_console(daemon.host.places.run, first_login_text(addresses, code, fingerprint, way_in.reason))


if __name__ == "__main__":
    main()
