# SPDX-License-Identifier: GPL-2.0-or-later
"""What only libnftables can say is left to it, and ends nothing."""

from __future__ import annotations

from typing import Any

import pytest

from patronus.kernel.nfnetlink import attribute
from patronus.kernel.nft_attributes import Unknown, nested, value
from patronus.kernel.nft_batch import encoded, messages
from patronus.kernel.nft_refusal import refused

SOURCE = {"payload": {"protocol": "ip", "field": "saddr"}}


def match(left: Any, right: Any, op: str = "==") -> dict[str, Any]:
    return {"match": {"op": op, "left": left, "right": right}}


@pytest.mark.parametrize(
    "statement",
    [
        match({"meta": {"key": "l4proto"}}, {"set": ["tcp", "udp"]}),
        match(SOURCE, {"set": ["router.example"]}),
        match(SOURCE, "router.example"),
        match(SOURCE, "router.example", "!="),
        match(SOURCE, {"range": ["router.example", "192.0.2.9"]}),
        match(SOURCE, {"prefix": {"addr": "router.example", "len": 24}}),
    ],
)
def test_a_name_where_an_address_or_a_number_is_due_is_not_known_here(statement: dict[str, Any]) -> None:
    rule = {"family": "inet", "table": "t", "chain": "c", "comment": "r", "expr": [statement]}
    with pytest.raises(Unknown):
        encoded([{"add": {"rule": rule}}])


@pytest.mark.parametrize(
    "statement",
    [
        {"queue": {"num": {"map": {}}}},
        {"queue": {"num": 1, "flags": ["other"]}},
        {"queue": {}},
        {"log": None},
        {"log": {"prefix": "x", "level": "warn"}},
        {"masquerade": {"flags": "random"}},
        {"ct count": {"val": 5, "per": "second"}},
        {"snat": {"family": "ip", "addr": "192.0.2.1"}},
        {"snat": {"addr": "192.0.2.1"}},
        {"dnat": {"port": 80}},
        {"mangle": {"key": {"meta": {"key": "mark"}}, "value": "0x1"}},
        {"mangle": {"key": {"meta": {"key": "mark"}}, "value": {"|": [1, 2, 3]}}},
        {"mangle": {"key": {"meta": {"key": "priority"}}, "value": 1}},
    ],
)
def test_a_mark_a_log_or_a_limit_of_another_form_is_not_known_here(statement: dict[str, Any]) -> None:
    rule = {"family": "inet", "table": "t", "chain": "c", "comment": "r", "expr": [statement]}
    with pytest.raises(Unknown):
        encoded([{"add": {"rule": rule}}])


def test_a_name_among_a_sets_elements_is_not_known_here() -> None:
    elements = {"family": "inet", "table": "t", "name": "s", "elem": ["router.example"]}
    with pytest.raises(Unknown):
        encoded([{"add": {"element": elements}}])


@pytest.mark.parametrize(
    "to",
    [
        {"family": "ip", "addr": "router.example"},
        {"family": "ip6", "addr": "2001:db8::1"},
        {"family": "ip", "addr": "192.0.2.1", "flags": ["random", "persistent"]},
        {"family": "ip", "addr": "192.0.2.1", "type_flags": "prefix"},
        {"family": "ip", "addr": "192.0.2.1", "port": {"range": [1, 2]}},
        {"family": "ip", "addr": {"map": {}}},
        {"family": "ip", "port": 80},
    ],
)
def test_a_translation_of_another_form_is_not_known_here(to: dict[str, Any]) -> None:
    asked = match({"meta": {"key": "nfproto"}}, "ipv4")
    rule = {"family": "inet", "table": "t", "chain": "c", "comment": "r", "expr": [asked, {"dnat": to}]}
    with pytest.raises(Unknown):
        encoded([{"add": {"rule": rule}}])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ({"num": 65535}, "06000100 ffff0000 06000200 00010000"),
        (
            {"num": {"range": [0, 3]}, "flags": ["bypass", "fanout"]},
            "06000100 00000000 06000200 00040000 06000300 00030000",
        ),
    ],
)
def test_a_queue_is_as_libnftables_sends_it(said: dict[str, Any], expected: str) -> None:
    rule = {"family": "inet", "table": "t", "chain": "c", "comment": "r", "expr": [{"queue": said}]}
    (message,) = messages([{"add": {"rule": rule}}])
    assert b"queue\0" in message and bytes.fromhex(expected) in message


def test_a_refusal_says_what_the_kernel_lacks_where_that_is_why() -> None:
    def add(statement: dict[str, Any]) -> dict[str, Any]:
        return {"add": {"rule": {"chain": "c", "expr": [{"counter": "x"}, statement]}}}

    queue, gone = add({"queue": {"num": 1}}), "No such file or directory"
    assert refused(queue, gone).endswith(": this kernel has no nft_queue")
    assert "this kernel" not in refused(queue, "Operation not permitted")
    assert "this kernel" not in refused(add({"accept": None}), gone)
    assert refused(None, gone) == f"nftables refused the batch: {gone}"


def test_a_flow_table_is_as_libnftables_sends_it() -> None:
    where = {"family": "inet", "table": "t"}
    table = {**where, "name": "f", "hook": "ingress", "prio": 0, "dev": ["lo"]}
    rule = {**where, "chain": "c", "comment": "r", "expr": [{"flow": {"op": "add", "flowtable": "@f"}}]}
    made, filled = messages([{"add": {"flowtable": table}}, {"add": {"rule": rule}}])
    hook = "20000380 0800010000000000 0800020000000000 0c000380 070001006c6f0000"
    assert made.endswith(bytes.fromhex("06000100 74000000 06000200 66000000" + hook))
    assert b"flow_offload\0" in filled and bytes.fromhex("0c000280 0600010066000000") in filled


@pytest.mark.parametrize("length", range(18))
def test_data_to_compare_are_an_attribute_in_another_however_long_they_are(length: int) -> None:
    data = bytes(range(1, 1 + length))
    assert value(10, data) == nested(10, attribute(1, data))
