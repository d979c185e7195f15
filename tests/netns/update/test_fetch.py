# SPDX-License-Identifier: GPL-2.0-or-later
"""The download: real gpg, real TLS, real files. What is refused leaves nothing that could be installed."""

from __future__ import annotations

from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from patronus.update import fetch
from patronus.update.machine import Entry
from patronus.update.task import Places, Report
from tests.netns.update.conftest import facts, hand_out
from tests.netns.update.disk import MIB
from tests.netns.update.owner import Owner, release, seal
from tests.netns.update.server import served


def run(places: Places, source: Path, **given: object) -> Report:
    hand_out(places, source.as_uri(), **given)  # type: ignore[arg-type]
    return fetch.run(places)


def held(places: Places) -> list[str]:
    """Return what of a release lies in the download, its own description left out."""
    found = places.release.iterdir() if places.release.exists() else ()
    return sorted(path.name for path in found if not path.name.endswith(".json"))


def test_a_release_that_the_owner_signed_is_brought_in_whole(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    report = run(places, source)
    assert (report.state, report.step, report.version) == ("done", "downloaded", "0.2.0")
    assert {path.name: path.read_bytes() for path in places.release.iterdir()} == {
        path.name: path.read_bytes() for path in source.iterdir()
    }


def test_a_check_tells_what_there_is_and_brings_nothing_in(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    release(tmp_path / "source", owner, "0.0.9")
    report = run(places, release(tmp_path / "source", owner, "0.2.0"), action="check")
    new, old = report.offers
    assert (new.version, new.problems) == ("0.2.0", [])
    assert new.download_bytes > 0
    assert (old.version, "older than 0.1.0" in old.problems[0]) == ("0.0.9", True)
    assert held(places) == []


def test_the_signature_of_anybody_else_is_refused(places: Places, stranger: Owner, tmp_path: Path) -> None:
    report = run(places, release(tmp_path / "source", stranger, "0.2.0"))
    assert report.state == "failed"
    assert "not of this router's owner" in str(report.error)
    assert held(places) == []


def test_a_clock_that_was_lost_is_told_apart_from_a_stranger(places: Places, tmp_path: Path) -> None:
    """The key is from the future, as seen from a router that starts at the time of its build."""
    later = Owner.make(tmp_path, "later", "--faked-system-time", "20400101T000000")
    (later.home / "gpg.conf").write_text("faked-system-time 20400101T000000\n")
    report = run(
        Places(**{**vars(places), "keyrings": (later.keyring,)}), release(tmp_path / "s", later, "0.2.0")
    )
    assert report.state == "failed"
    assert "this router's clock (20" in str(report.error) and "patronus time" in str(report.error)
    assert held(places) == []


def test_the_next_key_is_trusted_beside_the_present_one(
    places: Places, stranger: Owner, owner: Owner, tmp_path: Path
) -> None:
    both = tmp_path / "both.gpg"
    both.write_bytes(owner.keyring.read_bytes() + stranger.keyring.read_bytes())
    rotated = Places(**{**vars(places), "keyrings": (both,)})
    for number, who in enumerate((owner, stranger)):
        assert run(rotated, release(tmp_path / str(number), who, "0.2.0")).state == "done"


@pytest.mark.parametrize("damage", ["sums", "signature"])
def test_sums_or_signature_that_are_cut_short_are_refused(
    places: Places, owner: Owner, tmp_path: Path, damage: str
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    path = source / {"sums": "SHA256SUMS", "signature": "SHA256SUMS.gpg"}[damage]
    path.write_bytes(path.read_bytes()[:-20])
    assert run(places, source).state == "failed"
    assert held(places) == []


def test_a_file_that_is_not_the_signed_one_is_deleted(places: Places, owner: Owner, tmp_path: Path) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    (source / "patronus_0.2.0.efi").write_bytes(b"another kernel")
    report = run(places, source)
    assert "patronus_0.2.0.efi is not the file that was signed" in str(report.error)
    assert "patronus_0.2.0.efi" not in held(places)
    assert "SHA256SUMS" not in held(places), "without sums nothing can be installed"


def test_an_older_version_that_is_replayed_is_refused_unless_it_is_asked_for(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    source = release(tmp_path / "source", owner, "0.0.9")
    report = run(places, source)
    assert "version 0.0.9 is older than 0.1.0, which runs; --allow-downgrade" in str(report.error)
    assert held(places) == []
    assert run(places, source, allow_downgrade=True).version == "0.0.9"


def test_a_source_with_nothing_newer_than_what_runs_is_no_failure(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    source = release(tmp_path / "source", owner, "0.1.0")
    report = run(places, source)
    assert (report.state, report.step, held(places)) == ("done", "up to date", [])
    assert "version 0.1.0 runs already" in str(run(places, source, version="0.1.0").error)


def test_a_set_that_is_not_whole_is_refused(places: Places, owner: Owner, tmp_path: Path) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    next(source.glob("*.verity.gz")).unlink()
    assert "is not whole: it lacks verity" in str(run(places, seal(source, owner)).error)
    assert held(places) == []


UNBLESSED = facts(entries=[Entry(version="0.1.0", name="patronus_0.1.0+2-1.efi", left=2, bytes=1)])


@pytest.mark.parametrize(
    ("stands", "changes", "said"),
    [
        (UNBLESSED, {}, "update slot: the running version 0.1.0 has not proved itself"),
        (facts(entries=[]), {}, "update slot: the boot entry of the running version 0.1.0 is not there"),
        (facts(esp_free=MIB), {}, "update esp: the boot partition has room for 1 MiB"),
        (facts(slots=facts().slots[:3]), {}, "update root: the other slot has 32 MiB"),
        (facts(), {"schema_version": 3, "schema_from": 2}, "update schema: version 0.2.0 reads"),
        (facts(schema_version=2), {}, "update schema: version 0.2.0 reads"),
    ],
)
def test_what_this_machine_cannot_take_is_refused_with_its_place_and_reason(
    places: Places, owner: Owner, tmp_path: Path, stands: object, changes: dict[str, Any], said: str
) -> None:
    if "root:" in said:
        changes = {"root": {"bytes": 100 * MIB, "sha256": "0" * 64}}
    report = run(places, release(tmp_path / "source", owner, "0.2.0", **changes), stands=stands)
    assert said in str(report.error)
    assert held(places) == []


def test_a_refused_version_is_taken_only_when_it_is_asked_for_again(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    refused = {"0.2.0": "it failed to start too often"}
    report = run(places, source, refused=refused)
    assert "version 0.2.0 is refused: it failed to start too often; --again" in str(report.error)
    assert held(places) == []
    assert run(places, source, refused=refused, again=True).state == "done"


@pytest.mark.parametrize("ranges", [True, False])
def test_a_download_that_broke_off_goes_on_where_it_ended(
    places: Places, owner: Owner, tmp_path: Path, ranges: bool
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    whole = (source / "patronus_0.2.0.efi").read_bytes()
    places.release.mkdir()
    (places.release / "patronus_0.2.0.efi").write_bytes(whole[:3000])
    with served(source, tmp_path) as (url, ca, handler):
        handler.ranges = ranges
        hand_out(places, url, ca=ca)
        report = fetch.run(places)
        assert ("/patronus_0.2.0.efi", "bytes=3000-") in handler.asked
    assert report.state == "done", report.error
    assert (places.release / "patronus_0.2.0.efi").read_bytes() == whole


def test_a_check_asks_how_large_the_parts_are_and_reads_none(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    source = release(tmp_path / "source", owner, "0.2.0")
    parts = {path.name: path.stat().st_size for path in source.iterdir() if path.suffix in (".gz", ".efi")}
    with served(source, tmp_path) as (url, ca, handler):
        hand_out(places, url, ca=ca, action="check")
        (offer,) = fetch.run(places).offers
        read = {path.removeprefix("/") for path, _ in handler.asked}
    assert (len(parts), read & parts.keys()) == (3, set())
    assert (
        offer.download_bytes == sum(parts.values()) + (source / "patronus_0.2.0.release.json").stat().st_size
    )


@pytest.mark.parametrize(
    ("answer", "offers"),
    [(HTTPStatus.METHOD_NOT_ALLOWED, 1), (HTTPStatus.NOT_IMPLEMENTED, 1), (HTTPStatus.FORBIDDEN, 0)],
)
def test_a_server_that_only_hands_out_is_asked_by_handing_out(
    places: Places, owner: Owner, tmp_path: Path, answer: HTTPStatus, offers: int
) -> None:
    with served(release(tmp_path / "source", owner, "0.2.0"), tmp_path) as (url, ca, handler):
        handler.head = answer
        hand_out(places, url, ca=ca, action="check")
        report = fetch.run(places)
    assert len(report.offers) == offers, report.error
    assert all(offer.download_bytes > 0 for offer in report.offers)


def test_a_server_that_does_not_say_how_long_a_file_is_is_told_apart_from_a_wrong_file(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    """Whether there is room could not be known before the file is there; nothing of it is written."""
    with served(release(tmp_path / "source", owner, "0.2.0"), tmp_path) as (url, ca, handler):
        handler.lengths, handler.head = False, HTTPStatus.METHOD_NOT_ALLOWED
        hand_out(places, url, ca=ca)
        report = fetch.run(places)
    assert "does not say how long patronus_0.2.0" in str(report.error)
    assert not any(name.endswith((".efi", ".gz")) for name in held(places))


def test_a_server_whose_certificate_nobody_vouches_for_is_not_read(
    places: Places, owner: Owner, tmp_path: Path
) -> None:
    with served(release(tmp_path / "source", owner, "0.2.0"), tmp_path) as (url, _, handler):
        hand_out(places, url)
        report = fetch.run(places)
        assert handler.asked == []
    assert "cannot be reached" in str(report.error)
    assert held(places) == []


def test_what_is_left_of_another_release_makes_room(places: Places, owner: Owner, tmp_path: Path) -> None:
    places.release.mkdir()
    (places.release / "patronus_0.1.9.efi").write_bytes(b"old")
    assert run(places, release(tmp_path / "source", owner, "0.2.0")).state == "done"
    assert not (places.release / "patronus_0.1.9.efi").exists()
