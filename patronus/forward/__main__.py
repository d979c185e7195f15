# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus-forward.service``: follows the journal and sends what comes, while a server is named."""

from __future__ import annotations

import argparse
import logging
import pwd
import socket
import sys
import time
from pathlib import Path
from typing import Any

from patronus.client import SOCKET, Client
from patronus.core.errors import PatronusError
from patronus.forward.journal import Journal, Place
from patronus.forward.server import Server, reason
from patronus.forward.syslog import frame, message

log = logging.getLogger("patronus-forward")

DAEMON = "patronus"
QUIET_S = 15.0
"""How often the daemon hears how it goes, and is asked where to send, when nothing else happens."""
FIRST_PAUSE_S, LONGEST_PAUSE_S = 1.0, 300.0


class Forwarder:
    """Sends while a server is named. ``state``: the folder for the place in the journal."""

    def __init__(self, client: Path, state: Path, trusted: str = DAEMON) -> None:
        self._client = client
        self._place = Place(state / "cursor")
        self._sent = 0
        self._error: str | None = None
        try:
            self._uid: str | None = str(pwd.getpwnam(trusted).pw_uid)
        except KeyError:
            self._uid = None

    def _call(self, verb: str, given: dict[str, Any] | None = None) -> dict[str, Any]:
        with Client(self._client) as client:
            return client.call(verb, given)

    def _report(self, *, connected: bool) -> None:
        """Tell the daemon how it goes; one that restarts hears it the next time."""
        try:
            self._call("logging.Report", {"connected": connected, "sent": self._sent, "error": self._error})
        except PatronusError as error:
            log.info("not told: %s", error)

    def run(self) -> None:
        """Forward until no server is named. Raises Unavailable where the daemon is not there at the start."""
        pause = FIRST_PAUSE_S
        while (told := self._call("logging.Instructions"))["host"] is not None:
            before = self._sent
            try:
                self._forward(told)
            except OSError as error:
                said = f"{told['host']}:{told['port']}: {reason(error)}"
                if said != self._error:
                    log.error("%s", said)
                self._error = said
                pause = FIRST_PAUSE_S if self._sent > before else min(pause * 2, LONGEST_PAUSE_S)
                self._report(connected=False)
                time.sleep(pause)

    def _forward(self, told: dict[str, Any]) -> None:
        """Send until the daemon tells otherwise. Raises OSError."""
        server = Server(told["host"], told["port"], told["ca"])
        try:
            log.info("connected to %s:%d", told["host"], told["port"])
            self._error = None
            self._report(connected=True)
            with Journal(self._place.cursor) as journal:
                self._pump(journal, server, told)
        finally:
            server.close()

    def _pump(self, journal: Journal, server: Server, told: dict[str, Any]) -> None:
        heard = time.monotonic()
        while True:
            self._pass_on(list(journal.entries(QUIET_S)), server)
            if time.monotonic() - heard > QUIET_S:
                heard = time.monotonic()
                self._report(connected=True)
                if self._asked() not in (told, None):
                    return

    def _pass_on(self, entries: list[dict[str, Any]], server: Server) -> None:
        """Send entries; the place is kept once for all of them, so after a fall some are sent twice."""
        name = socket.gethostname()
        for entry in entries:
            server.send(frame(message(entry, name, self._uid)))
            self._sent += 1
        if entries:
            self._place.reach(entries[-1]["__CURSOR"])

    def _asked(self) -> dict[str, Any] | None:
        """Return what the daemon says now, None while it restarts."""
        try:
            return self._call("logging.Instructions")
        except PatronusError:
            return None


def main() -> None:
    """Forward."""
    parser = argparse.ArgumentParser(prog="patronus.forward", description=__doc__)
    parser.add_argument("--socket", type=Path, default=SOCKET, help="the daemon's socket")
    parser.add_argument(
        "--state", type=Path, default=Path("/var/lib/patronus-forward"), help="folder of the place"
    )
    parser.add_argument("--trusted", default=DAEMON, help="user whose audit fields are believed")
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        Forwarder(given.socket, given.state, given.trusted).run()
    except PatronusError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
