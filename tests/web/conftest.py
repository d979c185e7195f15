# SPDX-License-Identifier: GPL-2.0-or-later
"""The real daemon on a kernel of its own, and the real web server before it, over TLS, as its own user."""

from __future__ import annotations

import http.client
import json
import os
import pwd
import re
import shutil
import signal
import ssl
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from patronus.client import Client
from tests.worker import own_machine

PASSWORD = "correct horse battery"
PORT = 18443
WEB_USER = "patronus-web"
START_S = 180


@dataclass(frozen=True)
class Answer:
    """What the web server answered."""

    status: int
    headers: dict[str, str]
    text: str
    cookies: list[str]

    def json(self) -> Any:
        return json.loads(self.text)


@dataclass
class Visitor:
    """A browser without a face: keeps its cookie, sends what it is told."""

    folder: Path
    source: str = "127.0.0.1"
    cookie: str | None = None
    bearer: str | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def ask(
        self, method: str, path: str, data: Any = None, form: dict[str, str] | None = None, **headers: str
    ) -> Answer:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        if self.cookie:
            sent["Cookie"] = f"__Host-patronus={self.cookie}"
        if self.bearer:
            sent["Authorization"] = f"Bearer {self.bearer}"
        body: bytes | None = None
        if form is not None:
            body, sent["Content-Type"] = urlencode(form).encode(), "application/x-www-form-urlencoded"
        elif isinstance(data, bytes):
            body = data
            sent.setdefault("Content-Type", "application/json")
        elif data is not None:
            body, sent["Content-Type"] = json.dumps(data).encode(), "application/json"
        return self._exchange(method, path, body, sent)

    def _exchange(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> Answer:
        context = ssl.create_default_context(cafile=str(self.folder / "tls.crt"))
        context.check_hostname = False
        connection = http.client.HTTPSConnection(
            "127.0.0.1", PORT, context=context, source_address=(self.source, 0), timeout=60
        )
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read().decode()
            cookies = response.headers.get_all("Set-Cookie") or []
        finally:
            connection.close()
        for cookie in cookies:
            if found := re.match(r"__Host-patronus=([^;]*)", cookie):
                self.cookie = found[1].strip('"') or None
        return Answer(response.status, dict(response.headers), text, cookies)

    def csrf(self) -> str:
        found = re.search(r'name="csrf" value="([0-9a-f]{64})"', self.ask("GET", "/account").text)
        assert found is not None
        return found[1]

    def submit(self, path: str, **form: str) -> Answer:
        """Send a form of ours, as a page does."""
        return self.ask("POST", path, form={"csrf": self.csrf(), **form})


@dataclass(frozen=True)
class Machine:
    """A running router with its web server."""

    root: Path
    code: str
    webs: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def kill_web(self) -> None:
        """End the web server at once, without a chance to tidy up, and start another."""
        web = self.webs[-1]
        os.killpg(web.pid, signal.SIGKILL)
        web.wait()
        self.webs.append(serve_pages(self.root))
        wait(lambda: answers(self), "the web server", self.webs[-1])

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{PORT}"

    def client(self) -> Client:
        """Return the way in that root has on the machine itself."""
        return Client(self.root / "run" / "patronus" / "patronus.sock")

    def visitor(self, source: str = "127.0.0.1") -> Visitor:
        return Visitor(self.root / "run" / "patronus-web", source)

    def run(self, *command: str) -> str:
        """Run a command in the router's own network namespace, and return what it says."""
        inside = ["nsenter", "--target", (self.root / "pid").read_text(), "--net", *command]
        return subprocess.run(inside, check=True, capture_output=True, text=True).stdout

    def ruleset(self) -> str:
        """Return what nftables has."""
        return self.run("nft", "list", "ruleset")

    def lease(self) -> str:
        """Have a host of the LAN ask for an address, by dhcpcd; return it."""
        own = "mount -t tmpfs none /var/lib/dhcpcd && mount -t tmpfs none /run && exec dhcpcd"
        options = "-4 -1 -B -A -L -G --nodelay -c /bin/true -h tablet lan0-peer"
        self.run("unshare", "--mount", "timeout", "-k", "1", "60", "sh", "-c", f"{own} {options}")
        self.run("ip", "address", "flush", "dev", "lan0-peer")
        (found,) = self.client().call("dhcp.ListLeases")["leases"]
        return str(found["address"])


def pytest_configure() -> None:
    """Give each worker a machine of its own: these tests share a user and a port."""
    own_machine()


@pytest.fixture(scope="module")
def machine() -> Iterator[Machine]:
    """Lend a router that nobody has set up."""
    with running() as made:
        yield made


@contextmanager
def running(*more_python: Path) -> Iterator[Machine]:
    """Run a router that nobody has set up; its processes find the Python packages of more folders."""
    try:
        pwd.getpwnam(WEB_USER)
    except KeyError:
        subprocess.run(["useradd", "--system", "--user-group", WEB_USER], check=True)
    root = Path(tempfile.mkdtemp(prefix="patronus-web-", dir="/run"))
    root.chmod(0o755)
    unshare = ["unshare", "--net", "--uts", "--mount", "sh", "-c", 'ip link set lo up; exec "$@"', "sh"]
    command = [*unshare, sys.executable, "-m", "tests.web.machine", str(root)]
    router = subprocess.Popen(command, stdin=subprocess.PIPE, env=python_path(*more_python))
    webs: list[subprocess.Popen[bytes]] = []
    try:
        console = root / "run" / "patronus" / "console.txt"
        wait(console.exists, "the daemon", router)
        (root / "pid").write_text(str(router.pid))
        found = re.search(r"set-up code: (\S+)", console.read_text())
        assert found is not None
        webs.append(serve_pages(root, *more_python))
        made = Machine(root, found[1], webs)
        wait(lambda: answers(made), "the web server", webs[-1])
        yield made
    finally:
        for web in webs[-1:]:
            web.terminate()
            web.wait()
        assert router.stdin is not None
        router.stdin.close()
        router.wait(START_S)
        shutil.rmtree(root)


def python_path(*more: Path) -> dict[str, str]:
    """Return this process's environment with more folders of Python packages."""
    return {**os.environ, "PYTHONPATH": ":".join(map(str, (Path(__file__).parents[2], *more)))}


def serve_pages(root: Path, *more_python: Path) -> subprocess.Popen[bytes]:
    """Start gunicorn as it runs on the device: same configuration, same user."""
    app = f"webui.app:create_app({str(root / 'run' / 'patronus' / 'patronus.sock')!r})"
    command = [sys.executable, "-m", "gunicorn", "--config", "python:webui.server", app]
    environment = {
        "PATRONUS_WEB_FOLDER": str(root / "run" / "patronus-web"),
        "PATRONUS_WEB_BIND": f"127.0.0.1:{PORT}",
        "PYTHONPATH": python_path(*more_python)["PYTHONPATH"],
        "PATH": "/usr/bin:/bin",
    }
    return subprocess.Popen(
        command, user=WEB_USER, group=WEB_USER, extra_groups=[], env=environment, start_new_session=True
    )


def wait(ready: Callable[[], bool], what: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until something is there, as long as its process lives."""
    end = time.monotonic() + START_S
    while not ready():
        assert process.poll() is None, f"{what} ended"
        assert time.monotonic() < end, f"{what} did not start"
        time.sleep(0.1)


def answers(machine: Machine) -> bool:
    try:
        machine.visitor().ask("GET", "/static/patronus.css")
    except OSError:
        return False
    return True


@pytest.fixture(scope="module")
def admin(machine: Machine) -> Visitor:
    """Return a visitor who has set the router up, by bearer token."""
    return set_up(machine)


def set_up(machine: Machine) -> Visitor:
    """Set the router up; return the administrator, by bearer token."""
    visitor = machine.visitor()
    answer = visitor.ask(
        "POST", "/api/v1/set-up", {"code": machine.code, "name": "admin", "password": PASSWORD}
    )
    assert answer.status == 200, answer.text
    visitor.bearer = answer.json()["token"]
    return visitor


@pytest.fixture
def page_visitor(machine: Machine, admin: Visitor) -> Visitor:
    """Return a visitor with a session cookie of their own."""
    visitor = machine.visitor()
    assert visitor.ask("POST", "/log-in", form={"name": "admin", "password": PASSWORD}).status == 303
    return visitor
