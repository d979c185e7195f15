# SPDX-License-Identifier: GPL-2.0-or-later
"""The verbs on mappings: what they write into the file, whose mapping they end, and why hosts cannot ask."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.connection import Connection, Tracked, Way
from patronus.core.edit import Edit, Insert, Remove, Replace
from patronus.core.errors import InvalidRequest, NotFound
from patronus.core.model import Configuration
from patronus.core.verb import Caller, Nothing, Role
from patronus.kernel.host import Host
from patronus.network.mappings import service
from patronus.network.mappings.model import Mappings
from patronus.network.mappings.plan import MappingsPlan
from patronus.network.mappings.service import MappingsFeature
from patronus.network.mappings.verbs import AllowMapping, EndMapping, RevokeMapping, ServeMappings
from tests.unit.firewall.test_verbs import CALLER, Engine
from tests.unit.network.mappings.test_mappings import rule

SECTION = "network/mappings"
FEW = {"id": "few", "ports": [22]}
MORE = {"id": "more", "hosts": ["192.168.1.0/28"]}


@dataclass
class Nft:
    """The table of miniupnpd, and what it was told."""

    listed: list[dict[str, Any]] = field(default_factory=list)
    told: list[Any] = field(default_factory=list)

    def list_table(self, family: str, table: str) -> Iterable[dict[str, Any]]:
        assert (family, table) == ("inet", "patronus_mappings")
        return self.listed

    def load(self, commands: Any) -> None:
        self.told.append(commands)


@dataclass
class Router:
    """A feature, the engine that it edits, and the kernel's table."""

    engine: Engine
    nft: Nft
    feature: MappingsFeature

    @classmethod
    def of(cls, folder: Path, **section: Any) -> Router:
        engine = Engine(Configuration({SECTION: Mappings.model_validate(section)}))
        nft = Nft()
        places = SimpleNamespace(mappings=folder / "miniupnpd.conf", miniupnpd=folder)
        host = SimpleNamespace(control=engine, nft=nft, places=places, units=None)
        return cls(engine, nft, MappingsFeature(cast(Host, cast(Any, host))))

    @property
    def edits(self) -> list[Edit]:
        """Return what the last verb wrote."""
        return self.engine.submitted[-1][0]


def test_serving_writes_the_uplink_only_where_it_is_said(tmp_path: Path) -> None:
    router = Router.of(tmp_path, outside="wan", inside=["lan"])
    inside = Replace(SECTION, ("inside",), ["guest"])
    router.feature.serve(CALLER, ServeMappings(outside="dsl", inside=("guest",)))
    assert router.edits == [Replace(SECTION, ("outside",), "dsl"), inside]
    router.feature.serve(CALLER, ServeMappings(inside=("guest",)))
    assert router.edits == [inside]


def test_the_first_permission_that_is_written_takes_the_place_of_the_one_for_all(tmp_path: Path) -> None:
    router = Router.of(tmp_path, outside="wan", inside=["lan"])
    assert [one.id for one in router.feature._model.allow] == ["all"], "nobody wrote it"
    given = {"id": "all", "ports": [22]}
    router.feature.allow(CALLER, AllowMapping.model_validate({"id": "all", "permission": given}))
    (edit,) = router.edits
    assert isinstance(edit, Insert)
    assert (edit.at, edit.value["id"]) == (("allow",), "all")


def test_a_permission_of_a_name_is_written_over_and_a_new_one_added(tmp_path: Path) -> None:
    router = Router.of(tmp_path, outside="wan", inside=["lan"], allow=[FEW])
    router.feature.allow(CALLER, AllowMapping.model_validate({"id": "few", "permission": FEW}))
    (edit,) = router.edits
    assert isinstance(edit, Replace)
    assert edit.at == ("allow", "few")
    router.feature.allow(CALLER, AllowMapping.model_validate({"id": "more", "permission": MORE}))
    (edit,) = router.edits
    assert isinstance(edit, Insert)
    with pytest.raises(InvalidRequest, match=r"permission.id must be few"):
        router.feature.allow(CALLER, AllowMapping.model_validate({"id": "few", "permission": MORE}))


def test_the_last_permission_taken_back_leaves_nobody_and_not_everybody(tmp_path: Path) -> None:
    router = Router.of(tmp_path, outside="wan", inside=["lan"], allow=[FEW, MORE])
    router.feature.revoke(CALLER, RevokeMapping(id="few"))
    assert router.edits == [Remove(SECTION, ("allow", "few"))]
    with pytest.raises(NotFound, match="no permission is called none"):
        router.feature.revoke(CALLER, RevokeMapping(id="none"))
    last = Router.of(tmp_path, outside="wan", inside=["lan"], allow=[FEW])
    last.feature.revoke(CALLER, RevokeMapping(id="few"))
    assert last.edits == [Replace(SECTION, ("allow",), [])], "without the key all hosts might ask"


def connection(*, translated: bool = True, to: str = "192.168.1.30", port: int = 6000) -> Tracked:
    way = Way(ip_address("203.0.113.9"), ip_address("198.51.100.2"), 6, 40000, port)
    back = Way(ip_address(to), way.source, 6, 5555, 40000)
    return Tracked(Connection(way, back, translated=translated))


def test_a_mapping_ends_with_its_own_connections_and_rules_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = connection()
    others = [
        connection(translated=False), connection(to="192.168.1.31"), connection(port=6001),
    ]  # fmt: skip
    ended: list[Connection] = []

    class Conntrack:
        def tracked(self) -> list[Tracked]:
            return [*others, ours]

        def end(self, one: Connection) -> bool:
            ended.append(one)
            return True

    monkeypatch.setattr(service, "Conntrack", Conntrack)
    router = Router.of(tmp_path, outside="wan", inside=["lan"])
    router.nft.listed = [
        rule("mapped", 9, 6, port=6000, to="192.168.1.30", to_port=5555),
        rule("allowed", 10, 6, port=5555, host=0xC0A8011E),
        rule("mapped", 11, 17, port=6000, to="192.168.1.30", to_port=5555),
    ]
    assert router.feature.end(CALLER, EndMapping(protocol="tcp", port=6000)).connections == 1
    assert ended == [ours.connection]
    (told,) = router.nft.told
    deleted = [(one["delete"]["rule"]["chain"], one["delete"]["rule"]["handle"]) for one in told["nftables"]]
    assert deleted == [("mapped", 9), ("allowed", 10)]
    with pytest.raises(NotFound, match="no host has tcp 6001"):
        router.feature.end(CALLER, EndMapping(protocol="tcp", port=6001))


def test_what_hosts_wait_for_is_said_as_soon_as_it_is_known(tmp_path: Path) -> None:
    router = Router.of(tmp_path, outside="wan", inside=["lan"])
    waiting, nothing = MappingsPlan(waiting="the interface wan is missing"), MappingsPlan()
    caller = Caller("anna", Role.VIEWER)
    (step,) = router.feature.steps(waiting, nothing)
    step.do()
    found = router.feature.list_mappings(caller, Nothing())
    assert (found.running, found.reason) == (False, "the interface wan is missing")
    assert list(router.feature.steps(waiting, waiting)) == []
    step.undo()
    assert router.feature.list_mappings(caller, Nothing()).reason is None
