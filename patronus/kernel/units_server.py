# SPDX-License-Identifier: GPL-2.0-or-later
"""The units helper: the one process of Patronus that is root; it does what ``unit_list`` allows, and no more.

``python3 -m patronus.kernel.units_server`` takes its listening socket from systemd (sd_listen_fds(3)), serves
one connection after the other, and ends when nobody has asked for a while: systemd starts it again.
"""

from __future__ import annotations

import argparse
import base64
import binascii
import logging
import os
import pwd
import socket
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from patronus.core.errors import InvalidRequest, KernelError, NotPermitted, PatronusError
from patronus.core.varlink import PREFIX, Decoder, MalformedMessage, Message, encode
from patronus.kernel import sealing
from patronus.kernel.descriptors import peer
from patronus.kernel.process import run
from patronus.kernel.unit_list import allowed, is_hostname
from patronus.kernel.units import INTERFACE, TIME_S, shown

log = logging.getLogger(__name__)

FIRST_DESCRIPTOR = 3
"""SD_LISTEN_FDS_START."""
IDLE_S = 30.0
REQUEST_TIME_S = 5.0
MESSAGE_LIMIT = 16 * 1024
"""A keyring that a TPM sealed takes some kilobytes."""
_PROPERTIES = {"active": "ActiveState", "sub": "SubState", "result": "Result"}

Handler = Callable[["UnitsServer", Mapping[str, Any]], dict[str, Any]]


def _text(parameters: Mapping[str, Any], name: str) -> str:
    value = parameters.get(name)
    if not isinstance(value, str) or set(parameters) != {name}:
        raise InvalidRequest(f"this method takes {name}, a string, and nothing else")
    return value


class UnitsServer:
    """Serves requests on a listening socket for one user.

    ``systemctl`` is the program that is asked, ``credentials`` the socket of systemd's credential service.
    """

    def __init__(
        self,
        listener: socket.socket,
        peer: int,
        systemctl: str = "systemctl",
        credentials: Path = sealing.SOCKET,
    ) -> None:
        self._listener = listener
        self._peer = peer
        self._systemctl = systemctl
        self._credentials = credentials

    def serve(self, idle_s: float = IDLE_S) -> None:
        """Serve until nobody has connected for ``idle_s`` seconds."""
        self._listener.settimeout(idle_s)
        while True:
            try:
                connection, _ = self._listener.accept()
            except TimeoutError:
                return
            with connection:
                self._converse(connection)

    def _converse(self, connection: socket.socket) -> None:
        """Answer the requests of one connection; a peer that is not patronusd gets no answer at all."""
        if (uid := peer(connection)[1]) != self._peer:
            log.warning("refused a connection of uid %d", uid)
            return
        connection.settimeout(REQUEST_TIME_S)
        decoder = Decoder(MESSAGE_LIMIT)
        try:
            while data := connection.recv(MESSAGE_LIMIT):
                for message in decoder.feed(data):
                    connection.sendall(encode(self.answer(message)))
        except (OSError, MalformedMessage) as error:
            log.warning("a conversation ended: %s", error)

    def answer(self, message: Message) -> Message:
        """Do what one request asks and return the reply."""
        method = str(message.get("method")).removeprefix(f"{INTERFACE}.")
        parameters = message.get("parameters") or {}
        told = shown(method, parameters) if isinstance(parameters, dict) else method
        try:
            handler = HANDLERS.get(method)
            if handler is None or not isinstance(parameters, dict):
                raise InvalidRequest(f"there is no method {method}")
            log.info("%s", told)
            return {"parameters": handler(self, parameters)}
        except PatronusError as error:
            log.warning("%s: %s", told, error)
            return {"error": f"{PREFIX}.{error.code}", "parameters": error.parameters()}

    def control(self, verb: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Run ``systemctl VERB UNIT`` and wait for it. Raises NotPermitted, KernelError."""
        unit = _text(parameters, "unit")
        if not allowed(verb, unit):
            raise NotPermitted(f"{verb} {unit} is not in the list of what patronusd may do")
        run([self._systemctl, "--no-ask-password", verb, "--", unit], timeout_s=TIME_S)
        return {}

    def status(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the three state properties of a unit. Raises NotPermitted, KernelError."""
        unit = _text(parameters, "unit")
        if not allowed("status", unit):
            raise NotPermitted(f"status {unit} is not in the list of what patronusd may do")
        asked = ",".join(_PROPERTIES.values())
        shown = run([self._systemctl, "show", f"--property={asked}", "--", unit]).stdout
        found = dict(line.split("=", 1) for line in shown.splitlines() if "=" in line)
        return {key: found.get(name, "") for key, name in _PROPERTIES.items()}

    def failed(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Return the units that have failed. Raises InvalidRequest, KernelError."""
        if parameters:
            raise InvalidRequest("this method takes no parameters")
        listed = run([self._systemctl, "list-units", "--failed", "--plain", "--no-legend"]).stdout
        return {"units": [line.split()[0] for line in listed.splitlines() if line.strip()]}

    def set_hostname(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Set the kernel's host name. Raises InvalidRequest, KernelError."""
        name = _text(parameters, "name")
        if not is_hostname(name):
            raise InvalidRequest(f"{name[:64]!r} is not a host name")
        try:
            socket.sethostname(name)
        except OSError as error:
            raise KernelError(f"cannot set the host name: {error}") from error
        return {}

    def seal(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Bind data to this device. Raises InvalidRequest, KernelError."""
        try:
            data = base64.b64decode(_text(parameters, "data"), validate=True)
        except binascii.Error:
            raise InvalidRequest("data is base64") from None
        return {"sealed": sealing.encrypt(data, self._credentials)}

    def unseal(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Open what was bound to this device. Raises InvalidRequest, KernelError."""
        data = sealing.decrypt(_text(parameters, "sealed"), self._credentials)
        return {"data": base64.b64encode(data).decode()}

    def machine(self, verb: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """Order a reboot or a power-off; does not wait for it. Raises KernelError."""
        if parameters:
            raise InvalidRequest("this method takes no parameters")
        run([self._systemctl, "--no-ask-password", "--no-block", verb])
        return {}


HANDLERS: dict[str, Handler] = {
    "Start": lambda server, given: server.control("start", given),
    "Stop": lambda server, given: server.control("stop", given),
    "Restart": lambda server, given: server.control("restart", given),
    "Reload": lambda server, given: server.control("reload", given),
    "Status": lambda server, given: server.status(given),
    "Failed": lambda server, given: server.failed(given),
    "SetHostname": lambda server, given: server.set_hostname(given),
    "Seal": lambda server, given: server.seal(given),
    "Unseal": lambda server, given: server.unseal(given),
    "Reboot": lambda server, given: server.machine("reboot", given),
    "PowerOff": lambda server, given: server.machine("poweroff", given),
}


def _inherited() -> socket.socket:
    if os.environ.get("LISTEN_PID") != str(os.getpid()) or os.environ.get("LISTEN_FDS") != "1":
        sys.exit("patronus-units: systemd gives the socket; start patronus-units.socket")
    return socket.socket(fileno=FIRST_DESCRIPTOR)


def main() -> None:
    """Serve the socket that systemd has passed."""
    parser = argparse.ArgumentParser(prog="patronus.kernel.units_server", description=__doc__)
    parser.add_argument("--user", default="patronus", help="the one user that may ask")
    user = str(parser.parse_args().user)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    UnitsServer(_inherited(), pwd.getpwnam(user).pw_uid).serve()


if __name__ == "__main__":
    main()
