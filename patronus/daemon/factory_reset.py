# SPDX-License-Identifier: GPL-2.0-or-later
"""The verb that asks for a reset to the factory state.

The wipe itself is the initrd's (``image/initrd-tree/usr/lib/patronus/reset``): here only the firmware's
variable is set that asks for it. What the router says once it was done: ``integrity.reset_notices``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import Field

from patronus.core.errors import InvalidRequest, KernelError, NotAuthenticated, NotPermitted
from patronus.core.verb import Caller, Done, Parameters, Role, Secret, Verb
from patronus.kernel.units import Units
from patronus.secrets.service import Doorkeeper

UNIT = "patronus-factory-reset.service"


class FactoryReset(Parameters):
    """Proof that this very router is meant, and that it is the account's owner who asks."""

    hostname: str = Field(max_length=253, description="the name of the router, typed by whoever means it")
    password: Secret = Field(default="", description="of the caller's account; not asked of root")
    code: Secret = Field(default="", description="of the app, where the account has a second factor")


class FactoryResetVerbs:
    """Makes the verb. ``hostname`` tells the router's name."""

    def __init__(self, units: Units, doorkeeper: Doorkeeper, hostname: Callable[[], str]) -> None:
        self._units = units
        self._doorkeeper = doorkeeper
        self._hostname = hostname

    def verbs(self) -> list[Verb[Any, Any]]:
        """Return the verb."""
        return [
            Verb(
                "system.FactoryReset",
                FactoryReset,
                Done,
                self.reset,
                Role.ADMIN,
                "POST /system/factory-reset",
                changes=True,
                reserved=True,
            )
        ]

    def reset(self, caller: Caller, given: FactoryReset) -> Done:
        """Restart the router and wipe all that it keeps: configuration, accounts, secrets, history.

        The versions of the system stay. It cannot be undone.
        """
        name = self._hostname()
        if given.hostname.strip() != name:
            raise InvalidRequest(f"hostname: this router's name is {name}; nothing was done")
        self._prove(caller, given)
        try:
            self._units.start(UNIT)
        except KernelError as error:
            raise KernelError(
                f"the firmware does not keep what the next start shall do ({error}); nothing was done. "
                "The boot menu's Factory reset does the same"
            ) from error
        self._units.reboot()
        return Done()

    def _prove(self, caller: Caller, given: FactoryReset) -> None:
        """Ask a person for what they log in with. Raises NotAuthenticated, NotPermitted, TooManyRequests."""
        if caller.token is not None:
            raise NotPermitted("an API token cannot do this; log in")
        if caller.session is None:
            return  # root, on the machine itself
        if self._doorkeeper.own_account(caller).second_factor is not None and not given.code:
            raise NotAuthenticated("code: this account has a second factor, give a code of it as well")
        self._doorkeeper.prove(caller, given.password, given.code or None)
