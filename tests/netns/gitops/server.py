# SPDX-License-Identifier: GPL-2.0-or-later
"""A git server that is not ours: a bare repository behind git-http-backend over TLS, or behind sshd."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import threading
import time
from base64 import b64encode
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.netns.lab import Namespace

BACKEND = "/usr/lib/git-core/git-http-backend"
TIME_S = 120.0
NAME = "router.git"
WHO = {
    "GIT_AUTHOR_NAME": "Ann", "GIT_AUTHOR_EMAIL": "ann@home.example", "GIT_COMMITTER_NAME": "Ann",
    "GIT_COMMITTER_EMAIL": "ann@home.example", "GIT_CONFIG_GLOBAL": "/dev/null", "HOME": "/nonexistent",
}  # fmt: skip


def run(*command: str | Path, folder: Path | None = None, **environment: str) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=folder, capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], **WHO, **environment}, timeout=TIME_S,
    )  # fmt: skip
    assert done.returncode == 0, (command, done.stderr)
    return done.stdout.strip()


def key(folder: Path, name: str) -> Path:
    """Make an ssh key pair; return the private one's file."""
    path = folder / name
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path)
    return path


def public(path: Path) -> str:
    """Return a key's public half as ``ssh-ed25519 AAAA…``."""
    return " ".join(path.with_name(f"{path.name}.pub").read_text().split()[:2])


class Author:
    """A person with a clone, who commits and pushes."""

    def __init__(self, folder: Path) -> None:
        self.bare = folder / NAME
        self.clone = folder / "clone"
        run("git", "init", "-q", "--bare", "-b", "main", self.bare)
        run("git", "init", "-q", "-b", "main", self.clone)
        run("git", "-C", self.clone, "remote", "add", "origin", self.bare)

    def push(
        self, files: Mapping[str, str | None], subject: str = "a change", signed_by: Path | None = None
    ) -> str:
        """Commit files (None deletes) and push; return the commit."""
        for name, text in files.items():
            path = self.clone / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if text is None:
                path.unlink()
            else:
                path.write_text(text)
        return self.commit(subject, signed_by)

    def commit(self, subject: str = "a change", signed_by: Path | None = None) -> str:
        """Commit what the clone holds and push."""
        run("git", "add", "-A", folder=self.clone)
        sign = ["-c", "gpg.format=ssh", "-c", f"user.signingkey={signed_by}"] if signed_by else []
        more = ["-S"] if signed_by else []
        run("git", *sign, "commit", "-q", "--allow-empty", *more, "-m", subject, folder=self.clone)
        run("git", "push", "-q", "--force", "origin", "main", folder=self.clone)
        return run("git", "rev-parse", "HEAD", folder=self.clone)

    def rewind(self, commits: int = 1) -> None:
        """Take the last commits out of the branch."""
        run("git", "reset", "-q", "--hard", f"HEAD~{commits}", folder=self.clone)


class _Handler(BaseHTTPRequestHandler):
    """CGI to git-http-backend(1), as its manual describes."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:  # noqa: N802
        self._answer(b"")

    def do_POST(self) -> None:  # noqa: N802
        self._answer(self.rfile.read(int(self.headers.get("Content-Length") or 0)))

    def _answer(self, body: bytes) -> None:
        server: Any = self.server
        if server.away:
            self.connection.close()
            return
        if server.leads_to:
            self.send_response(302)
            self.send_header("Location", server.leads_to + self.path)
            self.end_headers()
            return
        server.shown.add(self.headers.get("Authorization"))
        if server.wanted and self.headers.get("Authorization") != server.wanted:
            self.send_response(401)
            self.send_header("WWW-Authenticate", 'Basic realm="git"')
            self.end_headers()
            return
        path, _, query = self.path.partition("?")
        environment = {
            "PATH": os.environ["PATH"], "GIT_PROJECT_ROOT": str(server.root), "GIT_HTTP_EXPORT_ALL": "1",
            "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": self.command,
            "CONTENT_TYPE": self.headers.get("Content-Type") or "", "CONTENT_LENGTH": str(len(body)),
            "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding") or "",
            "GIT_PROTOCOL": self.headers.get("Git-Protocol") or "", "HOME": "/nonexistent",
            "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }  # fmt: skip
        done = subprocess.run([BACKEND], input=body, capture_output=True, check=False, env=environment)
        head, _, rest = done.stdout.partition(b"\r\n\r\n")
        lines = [line.decode().partition(": ") for line in head.split(b"\r\n") if line]
        status = next((value for name, _, value in lines if name == "Status"), "200 OK")
        self.send_response(int(status.split()[0]))
        for name, _, value in lines:
            if name != "Status":
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(rest)


class Https:
    """The repository at ``https://localhost:PORT/router.git``, with a certificate of its own authority.

    ``wanted`` is the log-in without which nobody is let in, ``leads_to`` where all are led instead, ``shown``
    the log-ins that those showed who asked.
    """

    def __init__(self, root: Path, where: Namespace, port: int = 8443) -> None:
        self.ca = certificate(root, f"server-{port}")
        with where:
            self._server: Any = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(root / f"server-{port}.crt", root / f"server-{port}.key")
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.root, self._server.away = root, False
        self._server.wanted, self._server.leads_to = None, None
        self.shown: set[str | None] = set()
        self._server.shown = self.shown
        self.url = f"https://localhost:{port}/{NAME}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def go_away(self, *, away: bool = True) -> None:
        """Answer no more, or again."""
        self._server.away = away

    def ask_for(self, user: str, password: str) -> None:
        """Let in only who logs in so (RFC 7617)."""
        self._server.wanted = f"Basic {b64encode(f'{user}:{password}'.encode()).decode()}"

    def lead_to(self, other: Https) -> None:
        """Redirect every question to another server."""
        self._server.leads_to = other.url.removesuffix(f"/{NAME}")

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def certificate(root: Path, name: str = "server", host: str = "localhost") -> str:
    """Make an authority and a server's certificate from it; return the authority's, in PEM."""
    ca, own = root / f"{name}-ca", root / name
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    files = ["-keyout", f"{ca}.key", "-out", f"{ca}.crt"]
    run("openssl", "req", "-x509", *new, "-days", "30", "-subj", f"/CN={name} authority", *usage, *files)
    run("openssl", "req", *new, "-subj", f"/CN={host}", "-keyout", f"{own}.key", "-out", f"{own}.csr")
    kind = "IP" if host.replace(".", "").isdigit() else "DNS"
    Path(f"{own}.ext").write_text(f"subjectAltName={kind}:{host}\nextendedKeyUsage=serverAuth\n")
    signing = ["-CA", f"{ca}.crt", "-CAkey", f"{ca}.key", "-days", "30", "-extfile", f"{own}.ext"]
    run("openssl", "x509", "-req", "-in", f"{own}.csr", *signing, "-out", f"{own}.crt")
    return Path(f"{ca}.crt").read_text()


class Sshd:
    """OpenSSH's server on 127.0.0.1:2222, which lets root in by the keys in ``authorized``."""

    def __init__(self, root: Path, where: Namespace) -> None:
        self.host_key = key(root, "host_key")
        self.authorized = root / "authorized_keys"
        self.authorized.write_text("")
        config = root / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:2222\nHostKey {self.host_key}\nAuthorizedKeysFile {self.authorized}\n"
            f"PidFile {root}/sshd.pid\nStrictModes no\nPermitRootLogin yes\nUsePAM no\n"
            "PasswordAuthentication no\n"
        )
        shutil.rmtree("/run/sshd", ignore_errors=True)
        Path("/run/sshd").mkdir(mode=0o755)
        with where:
            self._process = subprocess.Popen(
                ["/usr/sbin/sshd", "-D", "-e", "-f", config], stderr=(root / "sshd.log").open("wb")
            )
        self.url = f"ssh://root@localhost:2222{root / NAME}"
        end = time.monotonic() + TIME_S
        while "Server listening" not in (root / "sshd.log").read_text():
            assert time.monotonic() < end and self._process.poll() is None, (root / "sshd.log").read_text()
            time.sleep(0.05)

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(TIME_S)
