# SPDX-License-Identifier: GPL-2.0-or-later
"""What is known of each entry over restarts, and when its provider is to be told again. Pure.

Times are seconds since the epoch, by a clock that a person may set. A router that starts in 1970 tells nobody
again what was told in a time to come, and waits for no pause that began there.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from pydantic import ConfigDict, ValidationError

from patronus.core.late import Late
from patronus.dyndns.task import Outcome, Verdict
from patronus.network.dyndns.plan import Standing

GAP_S = 60.0
"""Between two updates of an entry, however often its address changes: providers block who tells too often."""
QUIET_S = 1800.0
"""What providers ask for where the fault is theirs."""
FIRST_S, LONGEST_S = 30.0, 3600.0
"""Pauses after tries that reached nobody: the first, doubled each time, to the longest."""
ASK_S = 600.0
"""How often the outside is asked for an address that the router cannot see change."""
GOOD: tuple[Verdict, ...] = ("told", "same")


class Record(Late):
    """What is known of an entry: what its provider has, and what came of the last try.

    ``seen`` is what was to be told then (``Standing.seen``); ``failures`` counts tries since it was well.
    """

    model_config = ConfigDict(extra="ignore", frozen=True)

    mark: str
    seen: str
    verdict: Verdict
    tried: float
    answer: str = ""
    words: str = ""
    failures: int = 0
    ipv4: IPv4Address | None = None
    ipv6: IPv6Address | None = None
    told: float | None = None

    @property
    def known(self) -> tuple[IPv4Address | None, IPv6Address | None]:
        """Return the addresses that the provider has."""
        return self.ipv4, self.ipv6


def after(before: Record | None, standing: Standing, outcome: Outcome, wall_s: float) -> Record:
    """Return what is known after a try."""
    kept = before if before is not None and before.mark == standing.mark else None
    well = outcome.verdict in GOOD
    told = outcome.verdict == "told"
    return Record(
        mark=standing.mark,
        seen=standing.seen,
        verdict=outcome.verdict,
        tried=wall_s,
        answer=outcome.answer or (kept.answer if kept is not None and outcome.verdict == "same" else ""),
        words=outcome.words,
        failures=0 if well else 1 + (kept.failures if kept is not None else 0),
        ipv4=outcome.ipv4 if told else kept.ipv4 if kept is not None else None,
        ipv6=outcome.ipv6 if told else kept.ipv6 if kept is not None else None,
        told=wall_s if told else kept.told if kept is not None else None,
    )


def must_tell(standing: Standing, record: Record | None, wall_s: float) -> bool:
    """Return whether the provider is told even if the address is the one that it has."""
    if record is None or record.mark != standing.mark or record.verdict not in GOOD:
        return True
    refresh_s = float(standing.entry.refresh)
    return _left(record.told, refresh_s, wall_s, ahead=refresh_s) <= 0


def due_in_s(standing: Standing, record: Record | None, wall_s: float) -> float | None:
    """Return the seconds until a provider is told, or the outside asked; None: not as things stand."""
    if standing.reason is not None:
        return None
    if record is None or record.mark != standing.mark:
        return 0.0
    if record.verdict in ("stop", "wait"):
        return _left(record.tried, QUIET_S, wall_s) if record.verdict == "wait" else None
    if record.seen != standing.seen:
        return _left(record.tried, GAP_S, wall_s)
    if record.verdict == "failed":
        pause_s = min(FIRST_S * 2.0 ** min(record.failures - 1, 20), LONGEST_S)
        return _left(record.tried, pause_s, wall_s)
    return _refresh_in_s(standing, record, wall_s)


def _refresh_in_s(standing: Standing, record: Record, wall_s: float) -> float:
    refresh_s = float(standing.entry.refresh)
    due_s = _left(record.told, refresh_s, wall_s, ahead=refresh_s)
    return min(due_s, _left(record.tried, ASK_S, wall_s)) if standing.asks else due_s


def _left(since: float | None, pause_s: float, wall_s: float, ahead: float = 0.0) -> float:
    """Return what is left of a pause; ``ahead``: what is, where it began in a time to come."""
    if since is None:
        return 0.0
    return ahead if since > wall_s else max(0.0, since + pause_s - wall_s)


def as_data(records: Mapping[str, Record]) -> dict[str, Any]:
    """Return records as JSON-ready data."""
    return {name: record.model_dump(mode="json") for name, record in records.items()}


def from_data(data: Any) -> dict[str, Record]:
    """Return what was kept; what cannot be read is not known."""
    found = {}
    for name, one in data.items() if isinstance(data, dict) else ():
        try:
            found[str(name)] = Record.model_validate(one)
        except ValidationError:
            continue
    return found


def is_news(before: Record | None, now: Record) -> bool:
    """Return whether people should hear of it: another address, another trouble, or its end."""
    if before is None or (before.verdict in GOOD) != (now.verdict in GOOD):
        return now.verdict != "same"
    if now.verdict in GOOD:
        return before.known != now.known
    return (before.verdict, before.words) != (now.verdict, now.words)


def is_kept_already(before: Record | None, now: Record) -> bool:
    """Return whether writing it down would say nothing new but that it was looked at."""
    return before is not None and before.model_copy(update={"tried": now.tried}) == now
