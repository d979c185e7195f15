# SPDX-License-Identifier: GPL-2.0-or-later
"""Hand edits of /etc/patronus, taken as one change once the tree has been quiet, if [engine] watch says so.

What is refused stays where it is, and as a draft of its own; what runs is untouched.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from patronus.core.drafts import BY_HAND
from patronus.core.edit import Edits
from patronus.core.engine import Engine
from patronus.core.errors import InvalidConfiguration, KernelError, PatronusError
from patronus.core.events import HandEditsRefused
from patronus.core.verb import Caller, Role
from patronus.daemon.settings import EngineSettings, PatronusFile
from patronus.kernel.alarm import Alarm
from patronus.kernel.tree_watch import TreeWatch

log = logging.getLogger(__name__)


class HotReload:
    """Watches the working copy; ``start`` once the engine runs."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._alarm = Alarm(self.take)
        self._watch = TreeWatch(engine.working_root, self._changed)
        self._refused: Edits = []

    def start(self, complain: Callable[[str], None]) -> None:
        """Begin to watch; a kernel that has no watch left is a complaint, and the router goes on."""
        try:
            self._watch.start()
        except KernelError as error:
            complain(f"edits of the files will not be noticed: {error}")

    def stop(self) -> None:
        """End."""
        self._watch.stop()
        self._alarm.set(None)

    def _changed(self) -> None:
        settings = self._settings()
        if settings.watch:
            self._alarm.set(float(settings.watch_quiet))

    def _settings(self) -> EngineSettings:
        return self._engine.config.get(PatronusFile).engine

    def take(self) -> None:
        """Take the edits, if there are any that were not refused already; failures are said, not raised."""
        edits: Edits = []
        try:
            edits = self._engine.hand_edits()
            if edits and edits != self._refused:
                self._commit(edits)
            if not edits:
                self._settled()
        except PatronusError as error:
            self._refuse(edits, error)

    def _commit(self, edits: Edits) -> None:
        who = self._engine.hand_editor(edits)
        commit = self._engine.load_working_copy(
            Caller(who, Role.ADMIN, origin=BY_HAND), comment="edited by hand"
        )
        log.info("edits by %s are generation %d", who, commit.generation)
        self._settled()

    def _settled(self) -> None:
        self._refused = []
        self._engine.drafts.discard(BY_HAND)

    def _refuse(self, edits: Edits, error: PatronusError) -> None:
        """Say it once for each state of the files, and keep them as a draft."""
        self._refused = edits
        found = error.problems if isinstance(error, InvalidConfiguration) else ()
        problems = tuple(problem.render() for problem in found) or (str(error),)
        log.warning("edits of the configuration were refused:\n%s", "\n".join(problems))
        try:
            self._engine.drafts.discard(BY_HAND)
            self._engine.drafts.edit(BY_HAND, edits)
        except PatronusError as failure:
            log.error("the refused edits could not be kept as a draft: %s", failure)
        self._engine.publish(HandEditsRefused(BY_HAND, problems))
