# SPDX-License-Identifier: GPL-2.0-or-later
"""Every error that leaves a room of Patronus; adapters translate library errors into these.

    PatronusError
    ├── InvalidConfiguration   the files have problems; all of them are carried
    ├── InvalidRequest         a verb's parameters do not fit its model
    ├── Conflict               somebody else changed the same thing since the base was read
    ├── NotFound               no item, generation or verb of that name
    ├── NotAuthenticated       no session, or one that has ended
    ├── SecondFactorNeeded     the password was right; ``challenge`` goes back with a code
    ├── NotPermitted           the caller's role does not allow the verb
    ├── TooManyRequests        try again after ``retry_after_s``
    ├── KernelError            the kernel or a service refused, or answered otherwise than planned
    │   └── LinkGone           the link that it was for is no longer there
    ├── StorageError           disk full, read-only, corrupt
    └── Unavailable            a process cannot be reached

``code`` is the error's name on the wire (Varlink, RFC 9457 ``type``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from patronus.core.problem import Problem


class PatronusError(Exception):
    """Root of the tree; never raised itself."""

    code: ClassVar[str] = "Failed"

    def parameters(self) -> dict[str, Any]:
        """Return what goes over the wire beside the code: JSON-ready values."""
        return {"message": str(self)}


class InvalidConfiguration(PatronusError):
    """The configuration cannot be taken; ``problems`` holds every reason found."""

    code = "InvalidConfiguration"

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=Problem.sort_key))
        super().__init__("\n".join(problem.render() for problem in self.problems))

    def parameters(self) -> dict[str, Any]:
        """Return the message and each problem as data."""
        return {"message": str(self), "problems": [problem.as_data() for problem in self.problems]}


class InvalidRequest(PatronusError):
    """A verb was called with parameters that its model refuses."""

    code = "InvalidRequest"


class Conflict(PatronusError):
    """The thing to change is no longer as the caller saw it.

    ``clashes`` names each such thing as data: ``file``, ``item``, and the ``actor`` and ``generation`` that
    changed it, None where that is not known (any more).
    """

    code = "Conflict"

    def __init__(self, message: str, clashes: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(message)
        self.clashes = [dict(clash) for clash in clashes]

    def parameters(self) -> dict[str, Any]:
        """Return the message and what clashes."""
        return {"message": str(self), "clashes": self.clashes}


class NotFound(PatronusError):
    """Nothing of that name exists."""

    code = "NotFound"


class NotAuthenticated(PatronusError):
    """The call needs a session and has none that is valid."""

    code = "NotAuthenticated"


class SecondFactorNeeded(PatronusError):
    """The password was right, and the account wants a code as well; ``challenge`` proves the first half."""

    code = "SecondFactorNeeded"

    def __init__(self, challenge: str) -> None:
        super().__init__("the password is right; now give a code of your app, or a recovery code")
        self.challenge = challenge

    def parameters(self) -> dict[str, Any]:
        """Return the message and the challenge."""
        return {"message": str(self), "challenge": self.challenge}


class NotPermitted(PatronusError):
    """The caller is known, and may not do this."""

    code = "NotPermitted"


class TooManyRequests(PatronusError):
    """The caller must wait ``retry_after_s`` seconds."""

    code = "TooManyRequests"

    def __init__(self, message: str, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s

    def parameters(self) -> dict[str, Any]:
        """Return the message and the seconds to wait."""
        return {"message": str(self), "retry_after_s": self.retry_after_s}


class KernelError(PatronusError):
    """The kernel, a driver or a system service refused an operation."""

    code = "KernelError"


class LinkGone(KernelError):
    """There is no such link (any more): a card was pulled out between a look at it and what was done to it.

    What was to be taken away from it is gone with it; what was to be put there waits until it comes back.
    """


class StorageError(PatronusError):
    """A file or a database could not be read or written, or is not whole."""

    code = "StorageError"


class Unavailable(PatronusError):
    """A process that the call needs does not answer."""

    code = "Unavailable"


def from_wire(code: str, parameters: Mapping[str, Any]) -> PatronusError:
    """Return the error that a peer sent as ``code`` and ``parameters``; unknown codes stay plain."""
    message = str(parameters.get("message", code))
    if code == InvalidConfiguration.code:
        return InvalidConfiguration([Problem.from_data(item) for item in parameters.get("problems", ())])
    if code == TooManyRequests.code:
        return TooManyRequests(message, float(parameters.get("retry_after_s", 1)))
    if code == Conflict.code:
        return Conflict(message, parameters.get("clashes", ()))
    if code == SecondFactorNeeded.code:
        return SecondFactorNeeded(str(parameters.get("challenge", "")))
    kinds = {kind.code: kind for kind in PatronusError.__subclasses__()}
    return kinds.get(code, PatronusError)(message)
