# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on conntrack's settings: how many connections are remembered, and how long without a packet."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control
from patronus.core.edit import Edit, Remove, Replace
from patronus.core.model import as_data
from patronus.core.values import write_duration
from patronus.core.verb import Caller, Nothing, Result, Verb
from patronus.firewall.model.conntrack import Timeouts, Tracking
from patronus.firewall.verbs.edit import Editing, changing

SECTION = "firewall/conntrack"


class TimeoutInfo(Result):
    """How long connections in one state are remembered without a packet, written as in the file."""

    id: str = Field(description="key of timeouts in firewall/conntrack")
    about: str = Field(description="which connections")
    value: str
    default: str


class TrackingInfo(Result):
    """The table of connections; ``settings`` are as in the file."""

    settings: dict[str, Any]
    timeouts: list[TimeoutInfo]
    tracked: int = Field(description="connections that are remembered now")
    limit: int = Field(description="connections that can be, as the kernel has it")
    offload: str = Field(description="where packets of open connections go past the rules, or why nowhere")
    xdp_forwarding: str = Field(description="between which cards XDP sends them on, or why nowhere")


class SetTracking(Change):
    """Settings in the place of those that there are."""

    settings: dict[str, Any] = Field(description="as in firewall/conntrack; what is left out is the default")


class TrackingVerbs(Editing):
    """Reads and edits ``firewall/conntrack``."""

    def __init__(
        self,
        control: Control,
        sizes: Callable[[], tuple[int, int]],
        offload: Callable[[], str],
        forwarding: Callable[[], str],
    ) -> None:
        super().__init__(control)
        self._sizes = sizes
        self._offload = offload
        self._forwarding = forwarding

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        yield Verb(
            "firewall.ShowTracking",
            Nothing,
            TrackingInfo,
            self.show_tracking,
            route="GET /firewall/conntrack",
        )
        yield changing("SetTracking", SetTracking, CommitReport, self.set_tracking, "PUT /firewall/conntrack")

    def show_tracking(self, _: Caller, __: Nothing) -> TrackingInfo:
        """Show how many connections are remembered, and how long."""
        wanted = self._control.config.get(Tracking)
        tracked, limit = self._sizes()
        timeouts = [
            TimeoutInfo(
                id=name,
                about=field.description or name,
                value=write_duration(getattr(wanted.timeouts, name)),
                default=write_duration(field.default),
            )
            for name, field in Timeouts.model_fields.items()
        ]
        return TrackingInfo(
            settings=as_data(wanted),
            timeouts=timeouts,
            tracked=tracked,
            limit=limit,
            offload=self._offload(),
            xdp_forwarding=self._forwarding(),
        )

    def set_tracking(self, caller: Caller, given: SetTracking) -> CommitReport:
        """Set how many connections are remembered, and how long without a packet."""
        wanted = {key: value for key, value in given.settings.items() if value not in (None, {})}
        gone = as_data(self._control.config.get(Tracking)).keys() - wanted.keys()
        edits: list[Edit] = [Remove(SECTION, (key,)) for key in sorted(gone)]
        edits += [Replace(SECTION, (key,), value) for key, value in wanted.items()]
        return self.submit(edits, caller, given, "set how connections are remembered")
