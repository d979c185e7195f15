# SPDX-License-Identifier: GPL-2.0-or-later
"""A later version of the image under test, made without a build, and the server that offers its release.

The root is the same but for the version in os-release, changed in place, under a hash tree of its own; the
kernel carries the new root hash and version, and its owner's signatures: the firmware's, and the TPM's.
"""

from __future__ import annotations

import functools
import http.server
import re
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from image.gpt import erofs_bytes, partitions
from image.host import run
from image.keys import Keys
from image.release import finish, gather
from image.trees import tool
from patronus.update.gpt import Partition
from qemu.topology import Host
from tests.netns.update.certificate import self_signed
from tests.vm import slots
from tests.vm.measured import sign_again

PORT = 8443
_ROOT_HASH = re.compile(rb"roothash=[0-9a-f]{64}")
_VERSION = b'IMAGE_VERSION="%s"'
MIB = 1 << 20
Change = tuple[bytes, bytes]
"""What stands once in the root, and as many bytes in its place."""


def later(
    image: Path,
    beside: Path,
    folder: Path,
    version: str,
    now: str,
    keys: Keys,
    changes: Sequence[Change] = (),
) -> Path:
    """Make the disk of a later version, of as many letters as ``now``, out of an image; return it.

    ``beside`` is the image's own path, where the build left kernel, manifest and bill of materials.
    """
    disk = slots.copy(image, folder / f"patronus_{version}.raw")
    table = {part.label: part for part in partitions(disk)}
    data, hashes = table[f"patronus_{now}"], table[f"patronus_{now}_verity"]
    for old, new in ((_VERSION % now.encode(), _VERSION % version.encode()), *changes):
        _change(disk, data, old, new)
    root_hash = _hash_again(disk, data, hashes, folder)
    _rename(disk, list(table), data.label, f"patronus_{version}", root_hash[:32])
    _rename(disk, list(table), hashes.label, f"patronus_{version}_verity", root_hash[32:])
    kernel = beside.with_suffix(".efi").read_bytes()
    kernel = _ROOT_HASH.sub(b"roothash=" + root_hash.encode(), kernel)
    kernel = kernel.replace(_VERSION % now.encode(), _VERSION % version.encode())
    _sign(sign_again(kernel, keys.boot_key, folder), keys, folder, disk.with_suffix(".efi"))
    for suffix in (".manifest", ".cdx.json"):
        disk.with_suffix(suffix).write_bytes(beside.with_suffix(suffix).read_bytes())
    return disk


def _sign(kernel: bytes, keys: Keys, scratch: Path, signed: Path) -> None:
    """Put the owner's signature in the place of the one that no longer holds."""
    bare = scratch / "kernel.bare"
    bare.write_bytes(kernel)
    run([*tool("sbattach"), "--remove", bare])
    own = ("--key", keys.boot_key, "--cert", keys.boot_certificate)
    run([*tool("sbsign"), *own, "--output", signed, bare])


def _change(disk: Path, part: Partition, old: bytes, new: bytes) -> None:
    """Change bytes of a partition that occur once in it."""
    with disk.open("r+b") as handle:
        handle.seek(part.offset)
        content = handle.read(erofs_bytes(disk, part))
        assert content.count(old) == 1, f"{old!r} is not there in plain bytes"
        handle.seek(part.offset + content.index(old))
        handle.write(new)


def _hash_again(disk: Path, data: Partition, hashes: Partition, scratch: Path) -> str:
    """Put a new hash tree in the place of the old one; return the root hash."""
    root, tree = scratch / "root", scratch / "verity"
    run(["dd", "bs=1M", "conv=sparse", "status=none", "iflag=count_bytes", f"skip={data.offset // MIB}",
         f"count={erofs_bytes(disk, data)}", f"if={disk}", f"of={root}"])  # fmt: skip
    tree.write_bytes(b"")
    said = run([*tool("veritysetup"), "format", str(root), str(tree)], capture=True)
    run(["dd", "bs=1M", "conv=notrunc", "status=none", f"if={tree}", f"of={disk}",
         f"seek={hashes.offset // MIB}"])  # fmt: skip
    found = re.search(r"Root hash:\s+([0-9a-f]{64})", said)
    assert found
    return found[1]


def _rename(disk: Path, labels: list[str], old: str, new: str, half: str) -> None:
    """Give a partition another label, and the id that its half of the root hash is."""
    number = str(labels.index(old) + 1)
    sfdisk = [*tool("sfdisk"), "--quiet", "--no-reread", "--no-tell-kernel"]
    own = "-".join((half[:8], half[8:12], half[12:16], half[16:20], half[20:]))
    run([*sfdisk, "--part-uuid", str(disk), number, own])
    run([*sfdisk, "--part-label", str(disk), number, new])


def write_release(disk: Path, keys: Keys, folder: Path) -> Path:
    """Write the release of a disk, as ``make release`` does; runs in the test tree."""
    finish(folder, keys.update_home, gather(disk, "standard", folder))
    return folder


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files."""

    def log_message(self, *words: object) -> None:
        """Say nothing."""


@contextmanager
def offered(
    host: Host, address: str, folder: Path, scratch: Path, serving: type[Quiet] = Quiet
) -> Iterator[tuple[str, str]]:
    """Serve a folder by https on a host of the laboratory; yields the URL and the certificate to trust."""
    handler = functools.partial(serving, directory=str(folder))
    server = host.inside(lambda: http.server.ThreadingHTTPServer((address, PORT), handler))
    certificate, key = self_signed(scratch, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.1,), daemon=True).start()
    try:
        yield f"https://{address}:{PORT}", certificate.read_text()
    finally:
        server.shutdown()
        server.server_close()
