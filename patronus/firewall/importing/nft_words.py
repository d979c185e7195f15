# SPDX-License-Identifier: GPL-2.0-or-later
"""The rules of nftables, as ``nft -j`` lists them, in the words of iptables: what reads those reads both.

A rule becomes a line for each packet that it names in a way of its own (a verdict map, a concatenation), and
none where it is for the other family. Source: libnftables-json(5).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

from patronus.firewall.addresses import Version
from patronus.firewall.importing.condition import Unsaid
from patronus.firewall.importing.nft_values import (
    element_value,
    flag_names,
    only,
    parts,
    targets,
    value_text,
)
from patronus.firewall.importing.saved import Line

Words = tuple[str, ...]
SHOWN = 300
"""Characters of a rule that are shown where it is not kept."""
FAMILIES: Mapping[Version, str] = {4: "ip", 6: "ip6"}
VERDICTS = {"accept": "ACCEPT", "drop": "DROP", "return": "RETURN"}
STATES = frozenset({"NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED"})
INTERFACES = {"iif": "--in-set", "iifname": "--in-set", "oif": "--out-set", "oifname": "--out-set"}
PORTED = ("tcp", "udp", "udplite", "sctp", "dccp")
ALL_FLAGS = "fin,syn,rst,psh,ack,urg"
NFPROTO = {"ipv4": "ip", "ipv6": "ip6", "ip": "ip", "ip6": "ip6"}
REJECTS = {"icmp": "ip", "icmpv6": "ip6"}


class OtherFamily(Exception):
    """The rule is for the other family."""


@dataclass(frozen=True)
class NamedSet:
    """A set or map of the ruleset; one that ``lives`` is filled by packets."""

    elements: tuple[Any, ...] = ()
    lives: bool = False


@dataclass
class Wording:
    """One rule on its way into words; ``scope`` goes before the names of the chains that it leads to."""

    version: Version
    sets: Mapping[str, NamedSet]
    scope: str
    ways: list[Words] = field(default_factory=lambda: [()])
    log: Words | None = None
    made: list[Words] = field(default_factory=list)

    def take(self, name: str, value: Any) -> bool:
        """Take a statement; return whether the rule ends with it. Raises Unsaid, OtherFamily."""
        if name in ("counter", "continue"):
            return False
        if name in ("match", "limit", "ct count"):
            self._log_alone()
            self._narrow(self._asked(name, value))
            return False
        if name == "log":
            self.log = ("--log-prefix", str((value or {}).get("prefix", "")))
            return False
        if name == "vmap":
            self._log_alone()
            for element, verdict in self._elements(value["data"]):
                ways = self._match({"op": "==", "left": value["key"], "right": element})
                self._end(product(self.ways, ways), self._verdict(*only(verdict)))
            return True
        self._end(product(self.ways, [()]), self._verdict(name, value))
        return True

    def finish(self) -> None:
        """Make the line of a rule without a verdict: it logs, or counts."""
        if self.log is not None:
            self._log_alone()
        else:
            self.made += self.ways

    def _log_alone(self) -> None:
        if self.log is not None:
            self.made += [(*way, "-j", "LOG", *self.log) for way in self.ways]
            self.log = None

    def _narrow(self, more: Sequence[Words]) -> None:
        self.ways = [(*one, *other) for one, other in product(self.ways, more)]

    def _end(self, ways: Iterator[tuple[Words, Words]], verdict: Words) -> None:
        for before, more in ways:
            self.made.append((*before, *more, *verdict))

    def _asked(self, name: str, value: Any) -> list[Words]:
        if name == "match":
            return self._match(value)
        if isinstance(value, str):
            raise Unsaid(f"the {name} {value}, which others share, has no word here")
        fits = "above" if value.get("inv") else "upto"
        if name == "ct count":
            return [(f"--connlimit-{fits}", str(value["val"]), "--connlimit-mask", "0")]
        if value.get("rate_unit", "packets") != "packets":
            raise Unsaid("a limit of bytes has no word here")
        rate, burst = f"{value['rate']}/{value['per']}", str(value.get("burst", 5))
        return [(f"--hashlimit-{fits}", rate, "--hashlimit-burst", burst)]

    def _verdict(self, name: str, value: Any) -> Words:
        """Return the target in words, with the log that stood before it. Raises Unsaid, OtherFamily."""
        if name in ("jump", "goto"):
            self._log_alone()
            return ("-j" if name == "jump" else "-g", f"{self.scope}{value['target']}")
        log = ("--log-with", self.log[1]) if self.log is not None else ()
        if name in VERDICTS:
            return (*log, "-j", VERDICTS[name])
        if name == "reject":
            return (*log, "-j", "REJECT", *self._refusal(value or {}))
        if name == "queue":
            return (*log, "-j", "NFQUEUE", *_queue(value or {}))
        if name in ("dnat", "snat", "masquerade", "redirect"):
            return self._translation(name, value or {})
        raise Unsaid(f"{name} has no word here")

    def _refusal(self, value: Mapping[str, Any]) -> Words:
        kind = value.get("type")
        if kind in REJECTS and REJECTS[kind] != FAMILIES[self.version]:
            raise OtherFamily
        word = "tcp-reset" if kind == "tcp reset" else value.get("expr")
        return ("--reject-with", word) if word else ()

    def _translation(self, name: str, value: Mapping[str, Any]) -> Words:
        if value.get("family", FAMILIES[self.version]) != FAMILIES[self.version]:
            raise OtherFamily
        words: Words = ("-j", name.upper())
        if name in ("dnat", "snat"):
            host, port = value_text(value["addr"], "-") if "addr" in value else "", value.get("port")
            host = f"[{host}]" if port is not None and self.version == 6 else host
            target = f"{host}:{value_text(port, '-')}" if port is not None else host
            words = (*words, "--to-destination" if name == "dnat" else "--to-source", target)
        elif value.get("port") is not None:
            words = (*words, "--to-ports", value_text(value["port"], "-"))
        return (*words, "--random") if "random" in str(value.get("flags", "")) else words

    def _match(self, value: Mapping[str, Any]) -> list[Words]:
        """Return the words of each way in which a match fits. Raises Unsaid, OtherFamily."""
        left, right, op = value["left"], value["right"], value["op"]
        if op not in ("==", "!=", "in"):
            raise Unsaid(f"the comparison {op} has no word here")
        kind, said = only(left)
        if kind == "concat":
            if op == "!=":
                raise Unsaid("a list of pairs that shall not fit has no word here")
            return [self._pair(said, parts(one)) for one in self._values(right)]
        return [self._one(kind, said, right, op=op)]

    def _pair(self, fields: Sequence[Any], values: Sequence[Any]) -> Words:
        both = [self._one(*only(one), value, op="==") for one, value in zip(fields, values, strict=True)]
        return tuple(word for words in both for word in words)

    def _one(self, kind: str, said: Any, right: Any, *, op: str) -> Words:
        no: Words = ("!",) if op == "!=" else ()
        if kind == "meta":
            return self._meta(said["key"], right, no)
        if kind == "payload" and "protocol" in said:
            return self._payload(said["protocol"], said["field"], right, op, no)
        if kind == "ct" and said.get("key") == "state":
            states = {str(one).upper() for one in self._values(right)}
            return ("--ctstate", ",".join(sorted(STATES - states if no else states)))
        if kind == "fib" and (said.get("result"), said.get("flags")) == ("type", ["daddr"]):
            return (*no, "--dst-type", self._joined(right))
        if kind == "&" and op == "==" and said[0] == {"payload": {"protocol": "tcp", "field": "flags"}}:
            return ("-p", "tcp", "--tcp-flags", flag_names(said[1]), flag_names(right))
        raise Unsaid(f"a match of {kind} {json.dumps(said)[:60]} has no word here")

    def _meta(self, key: str, right: Any, no: Words) -> Words:
        if key in INTERFACES:
            names = [str(one).replace("*", "+") for one in self._values(right)]
            return (*no, INTERFACES[key], ",".join(names))
        if key in ("nfproto", "protocol"):
            families = {NFPROTO.get(str(one), "") for one in self._values(right)}
            if (FAMILIES[self.version] in families) is bool(no):
                raise OtherFamily
            return ()
        if key == "l4proto":
            return (*no, "-p", self._joined(right))
        if key == "mark" and isinstance(right, int):
            return (*no, "--mark", hex(right))
        raise Unsaid(f"a match of meta {key} has no word here")

    def _payload(self, protocol: str, name: str, right: Any, op: str, no: Words) -> Words:
        if protocol in ("ip", "ip6"):
            if protocol != FAMILIES[self.version]:
                raise OtherFamily
            words = {"saddr": "-s", "daddr": "-d", "protocol": "-p", "nexthdr": "-p", "dscp": "--dscp"}
            if name in words:
                return (*no, words[name], self._joined(right, "-"))
        if protocol in (*PORTED, "th") and name in ("sport", "dport"):
            known: Words = () if protocol == "th" else ("-p", protocol)
            return (*known, *no, "--sports" if name == "sport" else "--dports", self._joined(right, ":"))
        if (protocol, name) == ("tcp", "flags") and isinstance(right, str) and op != "!=":
            return ("-p", "tcp", "--tcp-flags", ALL_FLAGS if op == "==" else right, right)
        if protocol in ("icmp", "icmpv6") and name == "type":
            if (protocol == "icmp") is not (self.version == 4):
                raise OtherFamily
            return ("-p", protocol, *no, "--icmp-type", self._joined(right))
        if (protocol, name) == ("ether", "saddr"):
            return (*no, "--mac-source", self._joined(right))
        raise Unsaid(f"a match of {protocol} {name} has no word here")

    def _joined(self, right: Any, span: str = "-") -> str:
        return ",".join(value_text(one, span) for one in self._values(right))

    def _values(self, right: Any) -> list[Any]:
        """Return what a value may be, one by one: a set's elements where it is one. Raises Unsaid."""
        if isinstance(right, str) and right.startswith("@"):
            return list(self._elements(right))
        if isinstance(right, dict) and ("set" in right or "|" in right):
            return [element_value(one) for one in right.get("set", right.get("|"))]
        return list(right) if isinstance(right, list) else [right]

    def _elements(self, data: Any) -> Sequence[Any]:
        """Return the elements of a set or map, named or not. Raises Unsaid."""
        if isinstance(data, dict):
            return [element_value(one) for one in data["set"]]
        found = self.sets.get(str(data).removeprefix("@"))
        if found is None or found.lives:
            raise Unsaid(f"the set {data} is filled by packets, or not in the file")
        return [element_value(one) for one in found.elements]


def _queue(value: Mapping[str, Any]) -> Words:
    """Return the words for where packets are handed to. Raises Unsaid."""
    numbers, flags = value_text(value.get("num", 0), ":"), value.get("flags", ())
    words: Words = ("--queue-balance" if ":" in numbers else "--queue-num", numbers)
    for flag, word in (("bypass", "--queue-bypass"), ("fanout", "--queue-cpu-fanout")):
        words += (word,) if flag in flags else ()
    return words


def lines_of(
    rule: Mapping[str, Any], version: Version, sets: Mapping[str, NamedSet], scope: str
) -> list[Line]:
    """Return the lines of one rule; ``scope`` goes before the names of the chains that it leads to."""
    said = f"{rule['family']} {rule['table']} {rule['chain']}: {json.dumps(rule.get('expr'))}"[:SHOWN]
    number, comment = int(rule["handle"]), rule.get("comment")
    named: Words = ("--comment", comment) if isinstance(comment, str) else ()
    try:
        made = _worded(rule["expr"], Wording(version, sets, scope))
    except OtherFamily:
        return []
    except Unsaid as unsaid:
        behind = [f"{scope}{target}" for target in targets(rule)]
        return [Line(number, ("-j", target), version, said, str(unsaid)) for target in behind or [""]]
    except (KeyError, TypeError, ValueError, AttributeError, IndexError):
        return [Line(number, (), version, said, "it is not written as nft -j lists rules")]
    return [Line(number, (*words, *named), version, said) for words in made]


def _worded(statements: Sequence[Any], wording: Wording) -> list[Words]:
    ended = False
    for statement in statements:
        name, value = only(statement)
        if ended and name != "counter":
            raise Unsaid(f"{name} behind a verdict has no word here")
        ended = wording.take(name, value) or ended
    if not ended:
        wording.finish()
    return wording.made
