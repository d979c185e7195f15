# SPDX-License-Identifier: GPL-2.0-or-later
"""``patronus-gitops.service``: one look. Fetch, offer, apply where told to, prove health, confirm."""

from __future__ import annotations

import argparse
import logging
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from patronus.client import SOCKET, Client
from patronus.core.errors import PatronusError
from patronus.gitops.fetch import Clone, Fetched, Source
from patronus.gitops.programs import deploy_key
from patronus.gitops.trouble import Unacceptable, Unreachable

log = logging.getLogger("patronus-gitops")

SETTLE_S = 3.0
"""Pause after a change before its health is looked at: links and leases settle."""
TRIES = 3
"""How often the server is asked after a change before the change is to blame."""


class Run:
    """One run. ``socket``: the daemon's; ``state``: the folder for clone and key."""

    def __init__(self, socket: Path, state: Path, settle_s: float = SETTLE_S) -> None:
        self._socket = socket
        self._state = state
        self._settle_s = settle_s
        self._report: dict[str, Any] = {"fetched": False}

    def call(self, verb: str, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
        """Call the daemon over a connection of its own: that it answers a new one is part of its health."""
        with Client(self._socket) as client:
            return client.call(verb, parameters)

    def go(self) -> bool:
        """Do what the daemon says; return whether all went well. Raises Unavailable without a daemon."""
        told = self.call("gitops.Instructions")
        if not told["due"]:
            return True
        try:
            if told["trouble"]:
                raise Unreachable(told["trouble"])
            self._look(Source(**{field.name: told[field.name] for field in fields(Source)}))
        except PatronusError as error:
            self._report["error"] = str(error)[:4000]
        except (
            Exception
        ) as error:  # what a hostile server makes a library raise must be reported all the same
            log.exception("the run failed")
            self._report["error"] = f"the repository cannot be read: {type(error).__name__}: {error}"[:4000]
        self.call("gitops.Report", self._report)
        if "error" in self._report:
            log.error("%s", self._report["error"])
        return "error" not in self._report

    def _look(self, source: Source) -> None:
        key = None
        if source.url.startswith("ssh://"):
            key, self._report["deploy_key"] = deploy_key(self._state)
        clone = Clone(self._state / "clone.git", source, key)
        found = self._fetch(clone)
        self._report["fetched"] = True
        verdict = self.call("gitops.Offer", found.as_data())
        log.info(
            "commit %s: %s: %s",
            found.commit[:12],
            "apply" if verdict["apply"] else "leave",
            verdict["reason"],
        )
        if verdict["apply"]:
            self._apply(found.commit, clone)

    def _fetch(self, clone: Clone) -> Fetched:
        try:
            return clone.fetch()
        except Unacceptable:
            self._report["fetched"] = True
            raise
        except PatronusError:
            raise
        except Exception:  # whatever a library stumbles over may lie in the clone, which is but a cache
            clone.forget()
            raise

    def _apply(self, commit: str, clone: Clone) -> None:
        """Have the commit applied; confirm it if the server is still reached and the kernel as planned."""
        made = self.call("gitops.Apply", {"commit": commit})
        if made["confirm_within_s"] is None:
            return
        try:
            time.sleep(self._settle_s)
            self._reach(clone)
            self.call("gitops.Confirm", {"commit": commit, "generation": made["generation"]})
        except PatronusError as error:
            reason = f"generation {made['generation']} is not confirmed and goes away again: {error}"
            self._report |= {"failed": commit, "error": reason[:4000]}

    def _reach(self, clone: Clone) -> None:
        for left in reversed(range(TRIES)):
            try:
                clone.reach()
            except Unreachable as error:
                if not left:
                    raise Unreachable(f"the repository can no longer be reached: {error}") from error
                time.sleep(self._settle_s)
            else:
                return


def main() -> None:
    """Run once."""
    parser = argparse.ArgumentParser(prog="patronus.gitops", description=__doc__)
    parser.add_argument("--socket", type=Path, default=SOCKET, help="the daemon's socket")
    parser.add_argument("--state", type=Path, default=Path("/var/lib/patronus-gitops"), help="clone and key")
    parser.add_argument(
        "--settle", type=float, default=SETTLE_S, help="seconds between change and health check"
    )
    given = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    try:
        sys.exit(0 if Run(given.socket, given.state, given.settle).go() else 1)
    except PatronusError as error:
        log.error("%s", error)
        sys.exit(1)


if __name__ == "__main__":
    main()
