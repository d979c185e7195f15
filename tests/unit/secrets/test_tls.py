# SPDX-License-Identifier: GPL-2.0-or-later
from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
from pathlib import Path

import pytest

from patronus.core.errors import StorageError
from patronus.secrets.store import TlsStore
from patronus.secrets.tls import Names

NOW = 1_800_000_000.0
DAY = 86400.0
LAN = ipaddress.ip_address("192.168.1.1")
NAMES = Names("patronus", (LAN, ipaddress.ip_address("fd00:1::1")))


def test_a_client_that_trusts_the_certificate_reaches_each_name_and_no_other(tmp_path: Path) -> None:
    import time

    identity = TlsStore(tmp_path / "secrets").ensure(NAMES, time.time())
    identity.hand_out(tmp_path)
    for name in ("patronus", "patronus.home.arpa", "192.168.1.1", "fd00:1::1"):
        assert shake_hands(tmp_path, name) == "TLSv1.3"
    for name in ("other", "192.168.1.2"):
        with pytest.raises(ssl.SSLCertVerificationError):
            shake_hands(tmp_path, name)


def shake_hands(folder: Path, name: str) -> str | None:
    """Speak TLS over a socket pair, as a browser that trusts this certificate alone; return the version."""
    ours, theirs = socket.socketpair()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(folder / "tls.crt", folder / "tls.key")

    def serve() -> None:
        try:
            server.wrap_socket(theirs, server_side=True).close()
        except ssl.SSLError:
            theirs.close()

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        client = ssl.create_default_context(cafile=str(folder / "tls.crt"))
        with ours, client.wrap_socket(ours, server_hostname=name) as connection:
            return connection.version()
    finally:
        thread.join()


def test_it_is_kept_while_it_serves(tmp_path: Path) -> None:
    store = TlsStore(tmp_path)
    first = store.ensure(NAMES, NOW)
    again = TlsStore(tmp_path).ensure(Names("patronus", (LAN,)), NOW + 700 * DAY)
    assert (first.renewed, again.renewed) == (True, False)
    assert again.fingerprint == first.fingerprint


@pytest.mark.parametrize(
    ("names", "later"),
    [
        (Names("other", (LAN,)), 0.0),
        (Names("patronus", (ipaddress.ip_address("192.168.2.1"),)), 0.0),
        (NAMES, 745 * DAY),
        (NAMES, -30 * DAY),
    ],
)
def test_it_is_renewed_with_the_same_key(tmp_path: Path, names: Names, later: float) -> None:
    store = TlsStore(tmp_path)
    first = store.ensure(NAMES, NOW)
    second = store.ensure(names, NOW + later)
    assert second.renewed
    assert second.key == first.key
    assert second.fingerprint != first.fingerprint
    assert not store.ensure(names, NOW + later).renewed


def test_damage_is_mended(tmp_path: Path) -> None:
    store = TlsStore(tmp_path)
    first = store.ensure(NAMES, NOW)
    (tmp_path / "tls.crt").write_bytes(first.certificate[:100])
    assert store.ensure(NAMES, NOW).key == first.key
    (tmp_path / "tls.key").write_bytes(b"\0" * 200)
    mended = store.ensure(NAMES, NOW)
    assert mended.key != first.key
    assert mended.renewed


def test_the_key_is_private_at_home_and_readable_by_the_group_outside(
    tmp_path: Path,
) -> None:
    identity = TlsStore(tmp_path / "secrets").ensure(NAMES, NOW)
    out = tmp_path / "run"
    out.mkdir()
    identity.hand_out(out)
    assert (tmp_path / "secrets" / "tls.key").stat().st_mode & 0o777 == 0o600
    assert (out / "tls.key").stat().st_mode & 0o777 == 0o640
    assert sorted(path.name for path in out.iterdir()) == ["tls.crt", "tls.key"]


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "secrets").write_text("a file where the folder should be")
    with pytest.raises(StorageError, match="secrets"):
        TlsStore(tmp_path / "secrets").ensure(NAMES, NOW)
