# SPDX-License-Identifier: GPL-2.0-or-later
"""The journal at a syslog server: real journald, real process; a wrong certificate lets nothing through."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from patronus.core.audit import AuditLog
from patronus.core.errors import NotAuthenticated
from patronus.core.feature import Earlier
from patronus.core.model import Configuration
from patronus.core.varlink import Message
from patronus.core.verb import Caller, Role
from patronus.daemon.audit_echo import Echo
from patronus.daemon.peer import Peer
from patronus.daemon.remote_log import GRANT, USER, LoggingSettings, RemoteLog
from patronus.daemon.server import Server
from patronus.daemon.settings import PatronusFile
from patronus.daemon.table import VerbTable
from patronus.kernel.host import Host, Places
from patronus.kernel.journal import Journal
from patronus.kernel.journal import encode as journal_entry
from tests.netns.daemon.machine import LONG_S, eventually
from tests.netns.gitops.server import certificate
from tests.netns.lab import Namespace
from tests.unit.core.router import SetClock

CHECKOUT = Path(__file__).parents[3]
PORT = 6514
KEEP = """
mount -t tmpfs none /run && mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log/journal
printf '[Journal]\\nAudit=no\\nReadKMsg=no\\n' > /run/systemd/journald.conf.d/test.conf
echo 0123456789abcdef0123456789abcdef > /run/machine-id
touch /etc/machine-id && mount --bind /run/machine-id /etc/machine-id
/usr/lib/systemd/systemd-journald & journald=$!
read _ ; kill $journald
"""
ROOT = Peer("root", Role.ADMIN, trusted_origin=False)
PROCESS = Peer(USER, Role.NONE, trusted_origin=False, grant=GRANT)


class Machine:
    """A mount namespace with a journal of its own; ``journal`` is its socket as seen from here."""

    def __init__(self) -> None:
        command = ["unshare", "--mount", "--propagation", "private", "sh", "-ec", KEEP]
        self._keeper = subprocess.Popen(command, stdin=subprocess.PIPE)
        self.journal = Path(f"/proc/{self._keeper.pid}/root/run/systemd/journal/socket")
        eventually(self.journal.exists, "the journal's socket")

    def inside(self, *command: str) -> list[str]:
        it = f"/proc/{self._keeper.pid}"
        return ["nsenter", f"--mount={it}/ns/mnt", f"--root={it}/root", f"--wd={it}/root{CHECKOUT}", *command]

    def say(self, text: str, user: int = 0, **fields: str) -> None:
        """Write to the journal as a user."""
        code = "import socket, sys; s = socket.socket(1, 2); s.connect('/run/systemd/journal/socket'); "
        code += "s.send(sys.stdin.buffer.read())"
        data = journal_entry({"MESSAGE": text, "SYSLOG_IDENTIFIER": "test", "PRIORITY": "4", **fields})
        subprocess.run(
            self.inside("setpriv", "--reuid", str(user), sys.executable, "-c", code), input=data, check=True
        )

    def close(self) -> None:
        assert self._keeper.stdin is not None
        self._keeper.stdin.close()
        self._keeper.wait(LONG_S)


CLOSE_WAIT = "08"
"""TCP_CLOSE_WAIT of linux/tcp_states.h."""


class Receiver:
    """A syslog server over TLS that believes frames with a length alone (RFC 5425 section 4.3)."""

    def __init__(self, folder: Path, where: Namespace, name: str = "localhost") -> None:
        self.ca = certificate(folder, "log", name)
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(folder / "log.crt", folder / "log.key")
        self._where = where
        self.messages: list[str] = []
        self.refused: list[str] = []
        self.open()

    def open(self) -> None:
        with self._where:
            self._listener = socket.create_server(("127.0.0.1", PORT))
        self._connections: list[socket.socket] = []
        threading.Thread(target=self._serve, args=(self._listener,), daemon=True).start()

    def _serve(self, listener: socket.socket) -> None:
        while True:
            try:
                raw, _ = listener.accept()
            except OSError:
                return
            try:
                connection = self._context.wrap_socket(raw, server_side=True)
                self._connections.append(connection)
                self._read(connection)
            except OSError as error:
                self.refused.append(str(error))

    def _read(self, connection: ssl.SSLSocket) -> None:
        buffer = b""
        while data := connection.recv(65536):
            buffer += data
            while match := re.match(rb"([1-9]\d*) ", buffer):
                end = match.end() + int(match[1])
                if len(buffer) < end:
                    break
                self.messages.append(buffer[match.end() : end].decode())
                buffer = buffer[end:]
            assert not buffer or buffer[:1].isdigit(), buffer

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def left(self) -> bool:
        """Whether the other end has heard that this one is gone: what it sends before is lost."""
        with self._where:
            lines = Path("/proc/thread-self/net/tcp").read_text().splitlines()[1:]
        ends = [(line.split()[2], line.split()[3]) for line in lines]
        return any(far.endswith(f":{PORT:04X}") and state == CLOSE_WAIT for far, state in ends)

    def got(self, text: str) -> str | None:
        return next((one for one in self.messages if text in one), None)


class Units:
    """systemd, which the test stands in for: it starts the process itself."""

    def restart(self, unit: str) -> None:
        assert unit == "patronus-forward.service"


class Router:
    """The feature with its verbs on a socket, and the process."""

    def __init__(self, root: Path, machine: Machine, where: Namespace) -> None:
        self.root, self._machine, self._where = root, machine, where
        self._control = SimpleNamespace(config=Configuration({"patronus": PatronusFile()}))
        none = cast("Any", None)
        self.feature = RemoteLog(
            Host(
                netlink=none, nft=none, bpf=none, units=cast("Any", Units()), clock=SetClock(),
                control=cast("Any", self._control), state=none, places=Places.below(root),
            )
        )  # fmt: skip
        self.audit = AuditLog(root / "audit.log", SetClock(), echo=Echo(Journal(machine.journal)))
        self.table = VerbTable(self.feature.verbs(), _nobody, self.audit)
        (root / "state").mkdir()
        self._server = Server(root / "process.sock", self._answer)
        self._server.start()
        self.process: subprocess.Popen[str] | None = None

    def _answer(self, peer: Peer, method: str, parameters: dict[str, Any]) -> Iterator[Message]:
        yield {"parameters": self.table.call(PROCESS, method, parameters)}

    def configure(self, **given: Any) -> None:
        file = PatronusFile(logging=LoggingSettings.model_validate(given))
        before, config = self._control.config, Configuration({"patronus": file})
        plan, running = (self.feature.plan(one, None, Earlier()) for one in (config, before))
        for step in self.feature.steps(plan, running):
            step.do()
        told = self.table.call(PROCESS, "io.patronus.logging.v1.Instructions", {})
        assert told["host"] == "localhost", "the process is told while the change is still being applied"
        self._control.config = config

    def start(self) -> None:
        command = [sys.executable, "-m", "patronus.forward", "--socket", str(self.root / "process.sock")]
        command += ["--state", str(self.root / "state"), "--trusted", "root"]
        with self._where:
            self.process = subprocess.Popen(
                self._machine.inside(*command), stderr=subprocess.PIPE, text=True, env=dict(os.environ)
            )

    def status(self) -> dict[str, Any]:
        return self.table.call(ROOT, "io.patronus.logging.v1.Status", {})

    def state(self, wanted: str) -> None:
        eventually(lambda: self.status()["state"] == wanted, f"the state {wanted}")

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.communicate(timeout=LONG_S)

    def close(self) -> None:
        self.stop()
        self._server.stop()


def _nobody(token: str, origin: str) -> Caller:
    raise NotAuthenticated("no sessions here")


@pytest.fixture
def machine() -> Iterator[Machine]:
    made = Machine()
    yield made
    made.close()


@pytest.fixture
def where() -> Iterator[Namespace]:
    made = Namespace()
    yield made
    made.close()


@pytest.fixture
def router(tmp_path: Path, machine: Machine, where: Namespace) -> Iterator[Router]:
    made = Router(tmp_path, machine, where)
    yield made
    made.close()


def test_entries_and_audit_records_arrive_in_frames(
    router: Router, machine: Machine, where: Namespace, tmp_path: Path
) -> None:
    receiver = Receiver(tmp_path, where)
    assert router.status()["state"] == "off"
    router.configure(remote=f"syslog+tls://localhost:{PORT}", ca=receiver.ca)
    assert router.status()["state"] == "starting"
    router.start()
    router.state("connected")
    machine.say("hello\n<13>1 - - - - - - forged")
    router.audit.append("config.Submit", Caller("ann", Role.ADMIN, "192.0.2.1", "s-1"), 'Conflict: "x"]')
    record = next(iter(router.audit.records()))
    eventually(lambda: receiver.got("config.Submit"), "the audit record")
    text = receiver.got("hello")
    assert text is not None and re.fullmatch(r"<28>1 \S+Z \S+ test \d+ - - hello <13>1 .* forged", text), text
    audited = receiver.got("config.Submit")
    assert audited is not None and audited.startswith("<109>1 ")
    assert (
        f'AUDIT [patronus@32473 number="1" hash="{record["hash"]}" action="config.Submit" actor="ann"'
        in audited
    )
    assert 'key="session s-1" outcome="Conflict: \\"x\\"\\]"]' in audited
    machine.say("audit 9: lies", user=65534, PATRONUS_HASH="0" * 64, PATRONUS_ACTOR="ann")
    eventually(lambda: receiver.got("lies"), "the other entry")
    assert "patronus@32473" not in str(receiver.got("lies")), "only the daemon's own fields are believed"
    receiver.close()


@pytest.mark.parametrize("wrong", ["authority", "name", "none"])
def test_a_wrong_certificate_lets_nothing_through_and_the_status_says_so(
    router: Router, machine: Machine, where: Namespace, tmp_path: Path, wrong: str
) -> None:
    receiver = Receiver(tmp_path, where, "other.example" if wrong == "name" else "localhost")
    ca = {"name": receiver.ca, "authority": certificate(tmp_path, "eve")}.get(wrong)
    router.configure(remote=f"syslog+tls://localhost:{PORT}", **({"ca": ca} if ca else {}))
    router.start()
    router.state("failed")
    machine.say("secret")
    eventually(lambda: len(receiver.refused) > 1, "a second try")
    status = router.status()
    assert "certificate is not believed" in status["error"] and status["sent"] == 0
    assert "do not reach" in str(router.feature.notice()) and receiver.messages == []
    receiver.close()


def test_what_was_said_meanwhile_arrives_when_the_server_is_back(
    router: Router, machine: Machine, where: Namespace, tmp_path: Path
) -> None:
    receiver = Receiver(tmp_path, where)
    router.configure(remote=f"syslog+tls://localhost:{PORT}", ca=receiver.ca)
    router.start()
    router.state("connected")
    machine.say("first")
    eventually(lambda: receiver.got("first"), "the first entry")
    receiver.close()
    eventually(receiver.left, "the end of the connection")
    machine.say("second")
    router.state("failed")
    machine.say("third")
    receiver.open()
    eventually(lambda: receiver.got("third"), "the entry from meanwhile")
    assert receiver.got("second") and router.status()["error"] is None
    router.stop()
    machine.say("fourth")
    router.start()
    eventually(lambda: receiver.got("fourth"), "the entry from before the restart")
    assert sum("third" in one for one in receiver.messages) == 1, "what was sent is not sent again"
    router.stop()
    (router.root / "state/cursor").write_bytes(b"\0" * 30)
    router.start()
    eventually(lambda: sum("fourth" in one for one in receiver.messages) == 2, "this boot's entries again")
    receiver.close()


def test_without_a_server_the_process_ends(router: Router) -> None:
    router.start()
    assert router.process is not None and router.process.wait(LONG_S) == 0
