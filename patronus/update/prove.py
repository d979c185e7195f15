# SPDX-License-Identifier: GPL-2.0-or-later
"""Lets a version whose boots are counted prove itself: root's part, before systemd-bless-boot.

It asks patronusd how healthy the router is until all is well or the time is up. Then the boot completes, or
the machine restarts with the reason on every console, until the tries are used up and the other slot runs.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from patronus.core.errors import KernelError, PatronusError, Unavailable
from patronus.core.varlink import PREFIX
from patronus.kernel.exchange import exchange
from patronus.kernel.process import run as run_program
from patronus.update import task as handed
from patronus.update.health import Finding, Unproved, ailments, judge
from patronus.update.last_words import last_words
from patronus.update.machine import Entry
from patronus.update.task import Places

log = logging.getLogger("patronus-health")
DOOR = Path("/run/patronus/patronus.sock")
WORDS = Path("/run/patronus-health/console.txt")
CONSOLE = "/usr/lib/patronus/console"
LOOK_S = 3.0
ANSWER_S = 60.0
BEHIND = {
    "patronusd": "patronusd.service",
    "dhcp": "patronus-dhcp.service",
    "dns": "patronus-dns.service",
    "page": "patronus-web.service",
}
"""What was looked at, and the unit whose last words tell why it is not well."""
_FINDINGS = TypeAdapter(list[Finding])


def ask(door: Path = DOOR) -> list[Finding]:
    """Return what patronusd finds; that it does not answer is a finding too."""
    try:
        reply = exchange(door, {"method": f"{PREFIX}.update.v1.Health", "parameters": {}}, ANSWER_S)
        if "error" in reply:
            raise Unavailable(f"it refuses to say: {reply['error']}")
        return _FINDINGS.validate_python((reply.get("parameters") or {}).get("findings"))
    except Unavailable as error:
        return [Finding(name="patronusd", well=False, said=str(error))]
    except ValidationError:
        return [Finding(name="patronusd", well=False, said="its answer makes no sense")]


def tell(text: str) -> None:
    """Show a text on every console of the machine."""
    WORDS.write_text(f"\n{text}\n\n")
    run_program([CONSOLE, str(WORDS)])


def restart() -> None:
    """Restart the machine; systemd-boot counts."""
    run_program(["systemctl", "--no-ask-password", "--no-block", "reboot"])


@dataclass(frozen=True)
class World:
    """What the proof touches. ``entries`` are those of the boot partition; times are in seconds."""

    entries: Callable[[], list[Entry]]
    ask: Callable[[], list[Finding]] = ask
    tell: Callable[[str], None] = tell
    restart: Callable[[], None] = restart
    last_words: Callable[[str], str] = last_words
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def prove(running: str, places: Places, world: World) -> bool:
    """Return whether the boot may complete; where it may not, the machine restarts. Raises the error tree."""
    entries = world.entries()
    own = next((entry for entry in entries if entry.version == running), None)
    if own is None or own.left is None:
        return True
    other = next((entry for entry in entries if entry.version != running and not entry.bad), None)
    began = world.now()
    while (verdict := judge(findings := world.ask(), world.now() - began, other)) == "wait":
        world.sleep(LOOK_S)
    ill = ailments(_explained(findings, world.last_words))
    _keep(places.unproved, running, ill)
    if verdict == "good":
        log.info("version %s has proved itself", running)
        return True
    words = f"Patronus {running} is not healthy:\n" + "".join(f"  {line}\n" for line in ill)
    if verdict == "stay" or other is None:
        _say(world, f"{words}There is no other version on this disk; it stays up.")
        return True
    after = f"tries left: {own.left}" if own.left else f"version {other.version} runs next"
    _say(world, f"{words}It restarts; {after}.")
    world.restart()
    return False


def _explained(findings: Sequence[Finding], last_words: Callable[[str], str]) -> list[Finding]:
    """Return the findings with the last words of the programs that are behind what is not well."""
    return [
        found.model_copy(update={"said": f"{last_words(BEHIND[found.name])} ({found.said})"})
        if found.name in BEHIND and not found.well
        else found
        for found in findings
    ]


def _say(world: World, text: str) -> None:
    """Say it in the journal and on the consoles; a screen that cannot be written to stops nothing."""
    log.error("%s", text)
    try:
        world.tell(text)
    except (KernelError, OSError) as error:
        log.warning("the consoles do not show it: %s", error)


def _keep(path: Path, version: str, ill: Sequence[str]) -> None:
    """Write down what ails a version, for the one that runs after it; on the disk when this returns."""
    kept = handed.read(Unproved, path) or Unproved()
    reasons = {known: why for known, why in kept.reasons.items() if known != version}
    if ill:
        reasons[version] = [line[:1000] for line in ill[:20]]
    if reasons == kept.reasons:
        return
    try:
        handed.write(path, Unproved(reasons=reasons))
        os.sync()
    except PatronusError as error:
        log.error("%s", error)
