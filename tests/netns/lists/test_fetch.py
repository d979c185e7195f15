# SPDX-License-Identifier: GPL-2.0-or-later
"""Lists are brought in by real TLS; whatever a server does, the last good list stays and why is told."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from patronus.core.errors import NotFound
from patronus.lists.fetch import run
from patronus.lists.folder import Download
from patronus.lists.task import Item, Places, Task, finished, hand_out
from patronus.lists.wanted import Content, key_of
from tests.netns.lists.server import ListServer

BAD = "# bad ones\n192.0.2.1\n198.51.100.0/24 ; SBL1\n2001:db8::/32\n203.0.113.5-203.0.113.9\n"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ListServer]:
    made = ListServer(tmp_path)
    yield made
    made.close()


@pytest.fixture
def places(tmp_path: Path) -> Places:
    (tmp_path / "run").mkdir()
    (tmp_path / "lists").mkdir()
    return Places(tmp_path / "run/task.json", tmp_path / "lists")


def fetch(
    places: Places,
    server: ListServer,
    url: str,
    *,
    content: Content = "addresses",
    ca: str | None = "",
    longest_s: float = 300.0,
) -> Download:
    """Bring one list in and return how it stands."""
    key = key_of(url, content)
    trusted = server.ca if ca == "" else ca
    task = Task(number=7, lists=(Item(key=key, url=url, content=content, ca=trusted),), keep=(key,))
    hand_out(places, task)
    failed = run(places, longest_s=longest_s)
    assert finished(places) == 7
    state = places.folder.state(key)
    assert state is not None
    assert failed == (state.error is not None)
    return state


def kept(places: Places, url: str, content: Content = "addresses") -> str | None:
    path = places.folder.list(key_of(url, content))
    return path.read_text() if path.exists() else None


def test_a_list_is_kept_as_it_was_sent_and_its_entries_are_counted(
    places: Places, server: ListServer
) -> None:
    url = server.serve("/bad.txt", BAD)
    state = fetch(places, server, url)
    assert (state.entries, state.bytes, state.error) == (4, len(BAD), None)
    assert state.good == state.changed is not None
    assert kept(places, url) == BAD


def test_a_list_of_names_is_one_as_plain_names_or_hosts(places: Places, server: ListServer) -> None:
    url = server.serve("/ads.txt", "! a comment\nads.example\n0.0.0.0 track.example\n*.more.example\n")
    assert fetch(places, server, url, content="names").entries == 3


def test_what_has_not_changed_is_not_sent_again(places: Places, server: ListServer) -> None:
    server.behaviour.etag = '"one"'
    url = server.serve("/bad.txt", BAD)
    first = fetch(places, server, url)
    second = fetch(places, server, url)
    assert [condition for _, condition in server.behaviour.asked] == [None, '"one"']
    assert second.changed == first.changed
    assert (second.good or 0) >= (first.good or 0)
    assert (second.entries, kept(places, url)) == (4, BAD)
    places.folder.list(key_of(url, "addresses")).unlink()
    assert fetch(places, server, url).entries == 4, "without the list, what the server knows of it is moot"


def _status(server: ListServer) -> None:
    server.behaviour.status = 503


def _gone(server: ListServer) -> None:
    server.behaviour.lists.clear()


def _empty(server: ListServer) -> None:
    server.serve("/bad.txt", "# nothing to see\n\n")


def _page(server: ListServer) -> None:
    server.serve("/bad.txt", "<html>\n<body>\n<p>Please log in</p>\n</body>\n192.0.2.1\n")


def _everything(server: ListServer) -> None:
    server.serve("/bad.txt", "0.0.0.0/0\n::/0\n192.0.2.1\n")


def _plain(server: ListServer) -> None:
    server.behaviour.leads_to = "http://127.0.0.1:1/bad.txt"


def _file(server: ListServer) -> None:
    server.behaviour.leads_to = "file:///etc/passwd"


def _cut(server: ListServer) -> None:
    server.behaviour.cut = True


def _drip(server: ListServer) -> None:
    server.serve("/bad.txt", "#" * 100_000)
    server.behaviour.drips = True


def _large(server: ListServer) -> None:
    server.serve("/bad.txt", "#" * (16 << 20) + "\n")


def _many(server: ListServer) -> None:
    lines = (f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(65_537))
    server.serve("/bad.txt", "\n".join(lines))


@pytest.mark.parametrize(
    ("misbehave", "said"),
    [
        (_status, "the server answers 503"),
        (_gone, "the server answers 404"),
        (_empty, "it is empty, and had 4 entries before"),
        (_page, "this is no list of addresses: 4 lines are none, such as '<html>'"),
        (_everything, "this is no list of addresses: 2 lines are none, such as '0.0.0.0/0'"),
        (_plain, "which is not https"),
        (_file, "file:///etc/passwd' is not allowed"),
        (_cut, f"it ended after {len(BAD) // 2} of {len(BAD)} bytes"),
        (_drip, "the server took longer than 1 s"),
        (_large, "it has more than 16 MiB"),
        (_many, "it has 65537 entries, 65536 are the most"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_the_last_good_list_stays_whatever_the_server_does(
    places: Places, server: ListServer, misbehave: object, said: str
) -> None:
    url = server.serve("/bad.txt", BAD)
    good = fetch(places, server, url)
    assert callable(misbehave)
    misbehave(server)
    state = fetch(places, server, url, longest_s=1.0 if server.behaviour.drips else 300.0)
    assert said in str(state.error)
    assert state.model_copy(update={"error": None}) == good
    assert kept(places, url) == BAD


def test_a_server_that_nobody_vouches_for_is_not_read(places: Places, server: ListServer) -> None:
    url = server.serve("/bad.txt", BAD)
    assert "it cannot be had" in str(fetch(places, server, url, ca=None).error)
    assert (server.behaviour.asked, kept(places, url)) == ([], None)
    assert fetch(places, server, url).error is None


def test_one_list_that_fails_is_none_of_the_others_business(places: Places, server: ListServer) -> None:
    urls = [server.url + "/missing", server.serve("/bad.txt", BAD)]
    items = tuple(
        Item(key=key_of(url, "addresses"), url=url, content="addresses", ca=server.ca) for url in urls
    )
    hand_out(places, Task(number=1, lists=items, keep=tuple(item.key for item in items)))
    assert run(places) == 1
    assert [kept(places, url) for url in urls] == [None, BAD]


def test_lists_that_nobody_wants_any_more_are_removed(places: Places, server: ListServer) -> None:
    old, new = server.serve("/old.txt", BAD), server.serve("/new.txt", BAD)
    fetch(places, server, old)
    fetch(places, server, new)
    assert (kept(places, old), kept(places, new)) == (None, BAD)
    assert places.folder.state(key_of(old, "addresses")) is None


def test_without_a_task_nothing_is_done(places: Places) -> None:
    with pytest.raises(NotFound):
        run(places)
