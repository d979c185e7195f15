# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on zones: which there are, and how they may speak when no rule says otherwise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from pydantic import Field

from patronus.core.control import Change, CommitReport, Control, commit
from patronus.core.edit import Edit, Remove, Replace
from patronus.core.items import Added, ItemList, RemoveItem, keep
from patronus.core.model import as_data
from patronus.core.values import ZoneId
from patronus.core.verb import Caller, Nothing, Result, Verb
from patronus.firewall.model import Zone, Zones
from patronus.firewall.model.uses import places, zone_uses
from patronus.firewall.model.zones import Action
from patronus.firewall.verbs.edit import UseInfo, changing, users
from patronus.network.interfaces.model import Interfaces

Devices = Callable[[str], tuple[str, ...]]
"""The devices that are in a zone now."""
SECTION = "firewall/zones"


class ZoneInfo(Result):
    """A zone as in the file, with what is in it, and who names it."""

    id: str
    zone: dict[str, Any]
    interfaces: list[str] = Field(description="the interfaces that the files put into it")
    devices: list[str] = Field(description="the devices that are in it now")
    used_by: list[UseInfo]


class ZoneList(Result):
    """All zones, and what happens where no zone says anything."""

    zones: list[ZoneInfo]
    default: str


class AddZone(Change):
    """A zone to add."""

    zone: dict[str, Any] = Field(description="a zone as in firewall/zones; its name is its id")


class ReplaceZone(Change):
    """A zone in the place of another."""

    id: ZoneId
    zone: dict[str, Any] = Field(description="the whole zone as in firewall/zones; the id stays")


class SetZonePair(Change):
    """What happens to what goes from one zone to another and no rule decides."""

    id: ZoneId = Field(description="the zone in which it arrives")
    to: ZoneId = Field(description="the zone into which it goes; self is the router")
    action: Action | None = Field(default=None, description="left out: the default of all zones")


class SetZoneDefault(Change):
    """What happens between zones that say nothing of each other."""

    default: Literal["drop", "reject"]


class ZoneVerbs:
    """Reads and edits ``firewall/zones``."""

    def __init__(self, control: Control, devices: Devices) -> None:
        self._control = control
        self._devices = devices
        self._list = ItemList(
            control, (SECTION, "zones"), "zone", lambda: self._configured().zones, names=True
        )

    def verbs(self) -> Iterable[Verb[Any, Any]]:
        """Return the declarations."""
        every, one = "/firewall/zones", "/firewall/zones/{id}"
        yield Verb("firewall.ListZones", Nothing, ZoneList, self.list, route=f"GET {every}")
        yield changing("AddZone", AddZone, Added, self.add, f"POST {every}")
        yield changing("ReplaceZone", ReplaceZone, CommitReport, self.replace, f"PUT {one}")
        yield changing("RemoveZone", RemoveItem, CommitReport, self.remove, f"DELETE {one}")
        yield changing("SetZonePair", SetZonePair, CommitReport, self.set_pair, f"PUT {one}/to/{{to}}")
        yield changing(
            "SetZoneDefault", SetZoneDefault, CommitReport, self.set_default, "PUT /firewall/default"
        )

    def list(self, _: Caller, __: Nothing) -> ZoneList:
        """List the zones, what is in them, and how they may speak when no rule says otherwise."""
        config = self._control.config
        zones, named = self._configured(), users(zone_uses(config))
        interfaces = config.get(Interfaces).interfaces
        return ZoneList(
            zones=[
                ZoneInfo(
                    id=zone.id,
                    zone=as_data(zone),
                    interfaces=[item.id for item in interfaces if item.zone == zone.id],
                    devices=list(self._devices(zone.id)),
                    used_by=named[zone.id],
                )
                for zone in zones.zones
            ],
            default=zones.default,
        )

    def add(self, caller: Caller, given: AddZone) -> Added:
        """Add a zone; interfaces name it to be in it."""
        return self._list.add(caller, given, given.zone)

    def replace(self, caller: Caller, given: ReplaceZone) -> CommitReport:
        """Change what a zone may reach when no rule says otherwise."""
        return self._list.replace(caller, given, given.id, given.zone)

    def remove(self, caller: Caller, given: RemoveItem) -> CommitReport:
        """Remove a zone that nothing names."""
        self._list.find(given.id)
        config = self._control.config
        keep(config, places(zone_uses(config), given.id), "zone", given.id)
        return self._list.remove(caller, given, given.id)

    def set_pair(self, caller: Caller, given: SetZonePair) -> CommitReport:
        """Say what happens between two zones when no rule decides; open connections that it forbids end."""
        said = f"from {given.id} to {given.to}: {given.action or 'the default'}"
        return commit(self._control, _pair(self._list.find(given.id), given), caller, given, said)

    def set_default(self, caller: Caller, given: SetZoneDefault) -> CommitReport:
        """Say what happens between zones that say nothing of each other."""
        edit = Replace(SECTION, ("default",), given.default)
        return commit(self._control, [edit], caller, given, f"between zones: {given.default}")

    def _configured(self) -> Zones:
        return self._control.config.get(Zones)


def _pair(zone: Zone, given: SetZonePair) -> list[Edit]:
    """Return the edit that writes the pair, or takes it away."""
    at = ("zones", zone.id, "to")
    if given.action is None:
        return [Remove(SECTION, (*at, given.to))] if given.to in zone.to else []
    if not zone.to:
        return [Replace(SECTION, at, {given.to: given.action})]
    return [Replace(SECTION, (*at, given.to), given.action)]
