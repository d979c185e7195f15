# SPDX-License-Identifier: GPL-2.0-or-later
"""Python's packing of the shared structures, compared with the BTF of the compiled object."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any

import pytest

from patronus.core.early import Field, Limited
from patronus.kernel import bpf_blocklist, bpf_codec
from patronus.kernel.bpf_codec import Reason
from patronus.kernel.bpf_limits import limits

# structure -> Python's packing, and the members that it gives a value to, in order
PACKED: dict[str, tuple[Struct, list[str]]] = {
    "counter": (bpf_codec.COUNTER, ["packets", "bytes", "events_lost"]),
    "flow_key_ipv4": (
        bpf_codec.FLOW_KEY_IPV4,
        ["saddr_be", "daddr_be", "sport_be", "dport_be", "vlan_id", "protocol"],
    ),
    "flow_key_ipv6": (
        bpf_codec.FLOW_KEY_IPV6,
        ["saddr", "daddr", "sport_be", "dport_be", "vlan_id", "protocol"],
    ),
    "flow_stats": (bpf_codec.FLOW_STATS, ["packets", "bytes", "last_seen_ns", "tcp_flags"]),
    "drop_event": (
        bpf_codec.DROP_EVENT,
        ["time_ns", "rule", "ifindex", "bytes", "vlan_id", "reason", "family", "saddr", "daddr"],
    ),
    "settings": (bpf_codec.SETTINGS, ["sample_every", "flow_table", "forwarding"]),
    "prefix_key": (bpf_codec.PREFIX_KEY, ["length", "address"]),
    "rule_key": (bpf_codec.RULE_KEY, ["length", "field", "value"]),
    "rule_ingress": (bpf_codec.RULE_INGRESS, ["ifindex", "tags"]),
    "neighbour": (bpf_codec.NEIGHBOUR, ["due_ns", "ifindex", "mac"]),
    "limit": (bpf_codec.LIMIT, ["cost_ns", "room_ns", "origin", "figures"]),
    "rule_node": (bpf_codec.RULE_NODE, ["entries", "rule", "fields"]),
}
SIZES = {
    "block_page": bpf_blocklist.PAGE_BYTES,
    "block_hosts": bpf_blocklist.HOSTS_BYTES,
    "block_filter_page": bpf_blocklist.FILTER_PAGE_BYTES,
    "limits": len(limits(())),
}


@pytest.fixture(scope="session")
def types(compiled: Path) -> dict[int, dict[str, Any]]:
    dump = subprocess.run(
        ["bpftool", "--json", "btf", "dump", "file", str(compiled)], check=True, capture_output=True
    )
    return {each["id"]: each for each in json.loads(dump.stdout)["types"]}


def named(types: dict[int, dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [each for each in types.values() if each["kind"] == kind and each.get("name") == name]
    return found


def size_of(types: dict[int, dict[str, Any]], number: int) -> int:
    kind = types[number]
    if kind["kind"] == "ARRAY":
        return int(kind["nr_elems"]) * size_of(types, kind["type_id"])
    return int(kind["size"]) if "size" in kind else size_of(types, kind["type_id"])


def packed_places(packing: Struct) -> Iterator[tuple[int, int]]:
    """Yield (offset, size) of every value, found by asking which bytes change it."""
    base = packing.unpack(bytes(packing.size))
    places: dict[int, list[int]] = {index: [] for index in range(len(base))}
    for offset in range(packing.size):
        probe = bytearray(packing.size)
        probe[offset] = 0xFF
        changed = [i for i, value in enumerate(packing.unpack(bytes(probe))) if value != base[i]]
        for index in changed:
            places[index].append(offset)
    for offsets in places.values():
        yield offsets[0], len(offsets)


@pytest.mark.parametrize("name", PACKED)
def test_each_member_lies_where_python_packs_it(types: dict[int, dict[str, Any]], name: str) -> None:
    packing, members = PACKED[name]
    struct = named(types, "STRUCT", name)
    assert struct["size"] == packing.size
    by_name = {member["name"]: member for member in struct["members"]}
    places = list(packed_places(packing))
    for member, place in zip(members, places, strict=True):
        found = by_name.pop(member)
        assert (found["bits_offset"] // 8, size_of(types, found["type_id"])) == place, member
    assert set(by_name) <= {"pad"}, "a member that Python does not read"


@pytest.mark.parametrize("name", SIZES)
def test_each_table_element_has_the_size_that_python_writes(
    types: dict[int, dict[str, Any]], name: str
) -> None:
    assert named(types, "STRUCT", name)["size"] == SIZES[name]


def test_the_reasons_have_the_same_names_and_numbers(types: dict[int, dict[str, Any]]) -> None:
    values = {each["name"]: each["val"] for each in named(types, "ENUM", "reason")["values"]}
    assert values.pop("REASON_MAX") == len(Reason)
    assert values == {f"REASON_{reason.name}": int(reason) for reason in Reason}


def test_the_fields_of_rules_have_the_same_names_and_numbers(types: dict[int, dict[str, Any]]) -> None:
    values = {each["name"]: each["val"] for each in named(types, "ENUM", "rule_field")["values"]}
    assert values.pop("RULE_FIELD_MAX") == len(Field)
    assert values == {f"RULE_{field.name}": int(field) for field in Field}


def test_the_kinds_of_limits_have_the_same_names_and_numbers(types: dict[int, dict[str, Any]]) -> None:
    values = {each["name"]: each["val"] for each in named(types, "ENUM", "limit_kind")["values"]}
    assert values.pop("LIMIT_KIND_MAX") == len(Limited)
    assert values == {f"LIMIT_{kind.name}": int(kind) for kind in Limited}
    floods = [Reason.DROP_SYN_FLOOD, Reason.DROP_UDP_FLOOD, Reason.DROP_ICMP_FLOOD]
    assert [reason - Reason.DROP_SYN_FLOOD for reason in floods] == list(Limited), "in the order of the kinds"
