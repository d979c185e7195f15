# SPDX-License-Identifier: GPL-2.0-or-later
"""ssh-keygen: the key by which this router logs in, and the check of a signature."""

from __future__ import annotations

import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from patronus.gitops.trouble import Unacceptable, Unreachable

ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C.UTF-8"}
TIME_S = 30.0
NAMESPACE = "git"
"""What git signs for (git-config(1), gpg.format=ssh)."""


def run(argv: Sequence[str], stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program with a clean environment and a time limit. Raises Unreachable where it cannot run."""
    try:
        return subprocess.run(
            list(argv), input=stdin, capture_output=True, check=False, timeout=TIME_S, env=ENVIRONMENT
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unreachable(f"{argv[0]} cannot be run: {error}") from error


def deploy_key(folder: Path) -> tuple[Path, str]:
    """Return the file of this router's private key, made at the first use, and the public key's text.

    The private key never leaves the folder.
    """
    private = folder / "deploy_key"
    if not private.exists():
        fresh = folder / ".deploy_key.new"
        for path in (fresh, fresh.with_suffix(".new.pub")):
            path.unlink(missing_ok=True)
        done = run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "patronus", "-f", str(fresh)])
        if done.returncode != 0:
            raise Unreachable(f"no key could be made: {_words(done)}")
        fresh.rename(private)
    done = run(["ssh-keygen", "-y", "-P", "", "-f", str(private)])
    if done.returncode != 0:
        raise Unreachable(f"the deploy key cannot be read: {_words(done)}")
    return private, done.stdout.decode().strip()


def signer_of(payload: bytes, signature: bytes, signers: Sequence[str]) -> str:
    """Return whose signature it is. Raises Unacceptable where it is of none of the signers, or not good."""
    if not signature.startswith(b"-----BEGIN SSH SIGNATURE-----"):
        raise Unacceptable("it is not signed with an ssh key" if signature else "it is not signed")
    with tempfile.TemporaryDirectory(prefix="patronus-gitops-") as name:
        folder = Path(name)
        allowed, sealed = folder / "allowed_signers", folder / "signature"
        allowed.write_text("".join(f"{_allowed(line)}\n" for line in signers))
        sealed.write_bytes(signature)
        found = run(["ssh-keygen", "-Y", "find-principals", "-s", str(sealed), "-f", str(allowed)])
        lines = found.stdout.decode(errors="replace").split("\n")
        who = lines[0].strip()
        if found.returncode != 0 or not who:
            raise Unacceptable("its signature is of none of the signers")
        verify = [
            "ssh-keygen",
            "-Y",
            "verify",
            "-f",
            str(allowed),
            "-I",
            who,
            "-n",
            NAMESPACE,
            "-s",
            str(sealed),
        ]
        done = run(verify, payload)
        if done.returncode != 0:
            raise Unacceptable(f"its signature as {who} is not good: {_words(done)}")
        return who


def _allowed(line: str) -> str:
    """Return a line of ssh-keygen(1), ALLOWED SIGNERS, good for commits alone."""
    who, _, key = line.partition(" ")
    return f'{who} namespaces="{NAMESPACE}" {key}'


def _words(done: subprocess.CompletedProcess[bytes]) -> str:
    return (done.stderr or done.stdout).decode(errors="replace").strip()[-500:]
