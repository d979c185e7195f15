# SPDX-License-Identifier: GPL-2.0-or-later
"""What an entry may say, and what is wrong with several."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from patronus.core.model import Configuration
from patronus.network.dyndns.check import check
from patronus.network.dyndns.model import Dyndns
from patronus.network.interfaces.model import Interfaces

SECRET = {"secret": "dyn"}
DYN = {"server": "https://dyn.example", "user": "anna", "password": SECRET}
PAGE = "https://dyn.example/set?n={name}&ip={ipv4}"


def entry(**given: Any) -> dict[str, Any]:
    return {"id": "home", "hostnames": ["home.example.net"], "dyndns2": DYN, **given}


def by(**page: Any) -> dict[str, Any]:
    return entry(dyndns2=None, url={"address": PAGE, **page})


def updated(dyndns2: Any = None, **how: Any) -> dict[str, Any]:
    server = {"server": "192.0.2.53", "zone": "example.net", "key": "router", "secret": SECRET, **how}
    return entry(dyndns2=dyndns2, rfc2136=server)


def read(*entries: dict[str, Any]) -> Dyndns:
    given = [{key: value for key, value in one.items() if value is not None} for one in entries]
    return Dyndns.model_validate({"names": given})


def test_what_is_left_out_is_what_most_want() -> None:
    (one,) = read(entry()).names
    assert (one.interface, one.tell, one.refresh, one.enabled) == (None, "ipv4", 28 * 86400, True)
    assert one.password is not None
    assert one.password.secret == "dyn"


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (entry(dyndns2=None), "does not say how its provider is told"),
        (entry(url={"address": PAGE}), "does not say how its provider is told"),
        (entry(hostnames=[]), "at least 1 item"),
        (entry(hostnames=["home.example.net."] * 21), "at most 20 items"),
        (entry(hostnames=["not a name"]), "is not a domain name"),
        (entry(refresh="1h"), "1h is too short"),
        (entry(refresh="400d"), "400d is too long"),
        (entry(tell="ipv5"), "Input should be"),
        (entry(dyndns2={**DYN, "server": "http://dyn.example"}), "is not a URL"),
        (entry(dyndns2={**DYN, "server": "https://anna:x@dyn.example"}), "would stand in the history"),
        (entry(dyndns2={**DYN, "server": "https://dyn.example/?a=b"}), "more than a server and a path"),
        (entry(dyndns2={**DYN, "server": "https://dyn.example/{name}"}), "more than a server and a path"),
        (entry(dyndns2={**DYN, "user": "an na"}), "is not the name of an account"),
        (entry(dyndns2={**DYN, "password": "geheim"}), "should be a valid dictionary"),
        (entry(address_from="http://ip.example"), "is not a URL"),
        (by(address="https://dyn.example/{nme}"), "{nme} is not a word that is filled in"),
        (by(address="https://{name}.example/"), "the server is one for all"),
        (by(address="https://dyn.example/{name}}"), "a brace that belongs to no word"),
        (by(address="https://dyn.example/{password}"), "the address has {password} in it, and there is none"),
        (by(address="https://dyn.example/{user}"), "the address has {user} in it, and there is none"),
        (by(user="anna"), "anna cannot log in without a password"),
        (updated(zone="not a zone"), "is not a domain name"),
        (updated(server="a b"), "is not a domain name"),
        (updated(algorithm="hmac-md5"), "Input should be"),
        (updated(ttl="2d"), "2d is too long"),
        (updated(port=0), "is not a port"),
        (updated(dyndns2=DYN), "does not say how its provider is told"),
        (by(password=SECRET), "nothing says where the password goes"),
    ],
)
def test_what_cannot_be_is_said_plainly(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as raised:
        read(wrong)
    assert said in str(raised.value)


@pytest.mark.parametrize(
    "right",
    [
        by(),
        by(user="anna", password=SECRET),
        updated(server="ns1.example.net", port=5353, algorithm="hmac-sha512", ttl="5m"),
        by(address="https://dyn.example/{user}/{ipv4}", user="anna"),
        by(address="https://dyn.example/?t={password}", password=SECRET, expect="OK"),
        entry(tell="both", address_from="https://ip.example/", refresh="1d", interface="wan"),
    ],
)
def test_what_can_be_is_taken(right: dict[str, Any]) -> None:
    assert read(right).names


def problems(*entries: dict[str, Any]) -> list[str]:
    interfaces = Interfaces.model_validate(
        {
            "interfaces": [
                {"id": "wan", "match": {"mac": "02:00:00:00:00:01"}, "ipv4": {"method": "dhcp"}},
                {"id": "blue", "vrf": {"table": 100, "members": ["inner"]}},
                {"id": "inner", "match": {"mac": "02:00:00:00:00:02"}},
            ]
        }
    )
    sections = {"network/dyndns": read(*entries), "network/interfaces": interfaces}
    return [f"{'.'.join(map(str, one.path[2:]))}: {one.message}" for one in check(Configuration(sections))]


def test_entries_are_looked_at_together() -> None:
    other = entry(id="other", hostnames=["other.example.net"], interface="wan")
    assert problems(entry(), other) == []
    assert problems(entry(), entry(id="again")) == [
        "1.hostnames.0: home.example.net is told already, by home"
    ]
    assert problems(entry(), entry(id="six", tell="ipv6")) == [], "each address may have a provider's own way"
    assert problems(entry(tell="both"), entry(id="six", tell="ipv6")) == [
        "1.hostnames.0: home.example.net is told already, by home"
    ]
    assert problems(entry(hostnames=["a.example", "a.example"])) == [
        "0.hostnames.1: a.example is told already"
    ]
    assert problems(entry(), {**other, "id": "home"}) == ["1.id: home is there twice"]
    assert problems(entry(interface="wann")) == ["0.interface: there is no interface wann"]
    assert "inner is in the VRF blue" in problems(entry(interface="inner"))[0]
    asking = entry(tell="ipv6", address_from="https://ip.example/")
    assert "is never asked for" in problems(asking)[0]
    assert problems(updated(), updated(zone="net") | {"id": "b", "hostnames": ["net"]}) == []
    assert problems(updated(zone="ample.net")) == [
        "0.hostnames.0: home.example.net is not in the zone ample.net"
    ]
