# SPDX-License-Identifier: GPL-2.0-or-later
"""Where the TLS key and certificate are kept, and how they are handed to the web server."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, load_pem_private_key

from patronus.core.errors import StorageError
from patronus.secrets import tls

PRIVATE = 0o600
FOR_GROUP = 0o640


@dataclass(frozen=True)
class TlsIdentity:
    """The certificate and its key, both in PEM; ``renewed`` tells whether this call made the certificate."""

    certificate: bytes
    key: bytes
    fingerprint: str
    renewed: bool

    def hand_out(self, folder: Path) -> None:
        """Write ``tls.crt`` and ``tls.key`` for the group of ``folder``. Raises StorageError."""
        _write(folder / "tls.key", self.key, FOR_GROUP)
        _write(folder / "tls.crt", self.certificate, FOR_GROUP)


class TlsStore:
    """Keeps one key for ever and a certificate as long as it serves."""

    def __init__(self, folder: Path) -> None:
        self._key_file = folder / "tls.key"
        self._certificate_file = folder / "tls.crt"

    def ensure(self, names: tls.Names, now_s: float) -> TlsIdentity:
        """Return an identity for the names; what is missing, damaged or near its end is made anew.

        ``now_s`` is wall-clock time that is never before the image's build. Raises StorageError.
        """
        key = self._key()
        certificate = self._certificate(key)
        renewed = certificate is None or not tls.serves(certificate, names, now_s)
        if certificate is None or renewed:
            certificate = tls.make(names, key, now_s)
            _write(self._certificate_file, certificate.public_bytes(Encoding.PEM), PRIVATE)
        return TlsIdentity(
            certificate.public_bytes(Encoding.PEM), tls.key_pem(key), tls.fingerprint(certificate), renewed
        )

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            key = load_pem_private_key(self._key_file.read_bytes(), password=None)
        except (FileNotFoundError, ValueError):
            key = tls.new_key()
            _write(self._key_file, tls.key_pem(key), PRIVATE)
        except OSError as error:
            raise StorageError(f"{self._key_file}: {error.strerror}") from error
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise StorageError(f"{self._key_file} is not an elliptic-curve key")
        return key

    def _certificate(self, key: ec.EllipticCurvePrivateKey) -> x509.Certificate | None:
        try:
            certificate = x509.load_pem_x509_certificate(self._certificate_file.read_bytes())
        except (FileNotFoundError, ValueError):
            return None
        except OSError as error:
            raise StorageError(f"{self._certificate_file}: {error.strerror}") from error
        return certificate if certificate.public_key() == key.public_key() else None


def _write(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE)
        with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, made private above
            file.write(data)
            os.fchmod(file.fileno(), mode)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from error
