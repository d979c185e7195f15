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
from typing import TYPE_CHECKING

from patronus.core.errors import PatronusError, StorageError
from patronus.core.precompiled import use
from patronus.daemon import wiring
from patronus.daemon.console import first_login_text, tell_console
from patronus.daemon.hot_reload import HotReload
from patronus.daemon.patrol import Patrol
from patronus.daemon.pulse import keep_pulse
from patronus.daemon.schema_files import FOLDER, SHIPPED, link_schemas, write_schemas
from patronus.daemon.server import Server
from patronus.daemon.settings import PatronusFile, router_addresses
from patronus.kernel.host import Places
from patronus.kernel.notify import notify

if TYPE_CHECKING:
    from patronus.daemon.backup.keeper import Backups
    from patronus.daemon.reception import Reception

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
        router = wiring.build(places)
        # A plugin whose verbs are refused is left out, and that before it is applied.
        early = receive(router) if router.plugins else None
        backups = load_verbs(router, early) if early else None
        report = router.boot()
    except PatronusError as error:
        log.critical("cannot start: %s", error)
        sys.exit(1)
    for message in report.messages:
        log.warning("%s", message)
    log.info("generation %d runs, packets pass", report.generation)
    reception = early or receive(router)
    server, fingerprint = open_door(router, reception)
    greet(router, reception, fingerprint)
    notify(f"READY=1\nSTATUS=generation {report.generation} runs")
    (backups or load_verbs(router, reception)).settle()
    reception.open_whole()
    patrol = Patrol(
        router.engine.observe, lambda: float(router.engine.config.get(PatronusFile).engine.drift_check)
    )
    router.bus.observe(patrol.on_event)
    patrol.start()
    hand_edits = HotReload(router.engine)
    hand_edits.start(router.notices.complain)
    router.vault.wake()
    publish_schemas(router)
    gc.collect()
    gc.freeze()  # what the daemon is made of stays: the collector need not look through it at every change
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    notify("STOPPING=1")
    server.stop()
    hand_edits.stop()
    patrol.stop()
    keep_head_start(router)
    router.vault.close()


def keep_head_start(router: wiring.Router) -> None:
    """Keep what the next boot loads first, where the last change was a moment ago."""
    try:
        router.engine.keep_head_start()
    except PatronusError as error:
        log.warning("the next start has no head start: %s", error)


def receive(router: wiring.Router) -> Reception:
    """Load what lets callers in, and no verb that they could call then."""
    with use():
        from patronus.daemon.reception import make

        return make(router)


def load_verbs(router: wiring.Router, reception: Reception) -> Backups:
    """Load the verbs, which takes a fifth of the whole start; return what keeps backups."""
    with use():
        from patronus.daemon.every_verb import bring_in

        return bring_in(router, reception)


def open_door(router: wiring.Router, reception: Reception) -> tuple[Server, str]:
    """Answer calls, and give the page its certificate; return the certificate's fingerprint too."""
    from patronus.daemon.certificate import Certificate  # loads cryptography's X.509

    door = router.host.places.run / "patronus.sock"
    server = Server(door, reception.answer)
    server.start()
    certificate = Certificate(router.host)
    certificate.keep()
    fingerprint = certificate.try_to_hand_out()  # the page waits for it, and calls
    keep_pulse(router.engine.gets_on, door)
    return server, fingerprint


def publish_schemas(router: wiring.Router) -> None:
    """Put the schemas where editors find them; a router without them is a router all the same."""
    folder = router.host.places.run / FOLDER
    try:
        if SHIPPED.is_dir() and not router.plugins:
            link_schemas(folder, SHIPPED)
        else:
            write_schemas(folder, router.engine.json_schema())
    except StorageError as error:
        log.warning("%s", error)


def greet(router: wiring.Router, reception: Reception, fingerprint: str) -> None:
    """Show the set-up code on the console while set-up is open, and the disks to install a new router on."""
    way_in = reception.doorkeeper.way_in
    code = way_in.fresh_code
    if code is not None and way_in.reason is not None:
        zones = router.engine.config.get(PatronusFile).web.zones
        addresses = [str(address) for address in router_addresses(router.engine.config, zones)]
        text = first_login_text(addresses, code, fingerprint, way_in.reason, disks(way_in.reason))
        tell_console(router.host.places.run, text)


def disks(reason: str) -> list[str]:
    """Return the disks that a new router could be installed on."""
    if reason != "new":
        return []
    from patronus.daemon.updates.installer import installable
    from patronus.update.disk import World

    return installable(World())


if __name__ == "__main__":
    main()
