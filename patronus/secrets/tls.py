# SPDX-License-Identifier: GPL-2.0-or-later
"""The router's own TLS certificate: self-signed, P-256, for its name and addresses. Pure: told the time.

800 days, because browsers on some systems refuse a certificate beyond 825 even where its user trusts it. It
is renewed early and keeps its key, so that who has pinned the key is not alarmed.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID = timedelta(days=800)
RENEW_BEFORE = timedelta(days=60)
EARLIER = timedelta(days=1)
"""A browser's clock may be behind the router's."""
DOMAIN = "home.arpa"
"""RFC 8375: the domain of home networks."""

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


@dataclass(frozen=True)
class Names:
    """What a browser may call the router: its host name, without and with the home domain, and addresses."""

    hostname: str
    addresses: tuple[Address, ...] = ()

    def alternatives(self) -> list[x509.GeneralName]:
        """Return the subject alternative names (RFC 5280 section 4.2.1.6)."""
        hosts = (self.hostname, f"{self.hostname}.{DOMAIN}")
        return [*map(x509.DNSName, hosts), *map(x509.IPAddress, self.addresses)]


def new_key() -> ec.EllipticCurvePrivateKey:
    """Return a new P-256 key."""
    return ec.generate_private_key(ec.SECP256R1())


def key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    """Return the private key as PKCS #8 in PEM, not encrypted."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def make(names: Names, key: ec.EllipticCurvePrivateKey, now_s: float) -> x509.Certificate:
    """Return a certificate for the names, valid from a day before ``now_s`` (seconds since the epoch)."""
    now = datetime.fromtimestamp(now_s, UTC)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, names.hostname)])
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - EARLIER)
        .not_valid_after(now - EARLIER + VALID)
        .add_extension(x509.SubjectAlternativeName(names.alternatives()), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
    )
    return builder.sign(key, hashes.SHA256())


def serves(certificate: x509.Certificate, names: Names, now_s: float) -> bool:
    """Return whether the certificate covers the names and has time left."""
    now = datetime.fromtimestamp(now_s, UTC)
    covered = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    begun = certificate.not_valid_before_utc <= now
    lasting = now < certificate.not_valid_after_utc - RENEW_BEFORE
    return begun and lasting and set(names.alternatives()) <= set(covered)


def fingerprint(certificate: x509.Certificate) -> str:
    """Return the SHA-256 fingerprint as browsers show it: ``AB:CD:…``."""
    return certificate.fingerprint(hashes.SHA256()).hex(":").upper()
