# SPDX-License-Identifier: GPL-2.0-or-later
"""What can go wrong in the harness.

HarnessError
├── Missing            a program or file that the harness needs is not there; says how to get it
├── QmpError           QEMU refused a command
├── Timeout            something did not happen in its time
├── MachineDied        QEMU ended by itself
└── CommandFailed      a command in the guest or in a namespace ended with the wrong code
"""

from __future__ import annotations


class HarnessError(Exception):
    """The root of the tree."""


class Missing(HarnessError):
    """A program or file is not there."""

    def __init__(self, what: str, *, hint: str) -> None:
        super().__init__(f"{what} is missing: {hint}")


class QmpError(HarnessError):
    """QEMU's answer to a command was an error."""


class Timeout(HarnessError, TimeoutError):
    """It did not happen in time."""


class MachineDied(HarnessError):
    """QEMU ended although nobody asked it to."""


class CommandFailed(HarnessError, AssertionError):
    """A command ended with another code than the caller said it would."""

    def __init__(self, where: str, command: str, code: int, stdout: str, stderr: str) -> None:
        super().__init__(f"{where}: `{command}` ended with {code}\n{stdout}{stderr}".rstrip())
        self.code, self.stdout, self.stderr = code, stdout, stderr
