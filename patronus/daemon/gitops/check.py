# SPDX-License-Identifier: GPL-2.0-or-later
"""What is wrong with the section ``gitops`` as a whole. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from patronus.core.model import Configuration
from patronus.core.problem import Problem, Severity
from patronus.daemon.gitops.model import GitOps


def check(config: Configuration) -> Iterator[Problem]:
    """Yield what does not fit together."""
    gitops = config.get(GitOps)
    if gitops.is_ssh and not gitops.known_hosts:
        yield Problem(
            ("gitops", "known_hosts"),
            "an ssh server is believed only by its public key",
            hint="run ssh-keyscan where you trust the network, and write what it says without the name",
        )
    if gitops.url and not gitops.is_ssh and gitops.known_hosts:
        yield Problem(("gitops", "known_hosts"), "an https server is known by its certificate; see `ca`")
    if gitops.is_ssh and gitops.login is not None:
        yield Problem(
            ("gitops", "login"),
            "over ssh the router logs in by its own key",
            hint="enter the key that `patronus gitops status` shows at the server, and take this out",
        )
    if gitops.url and gitops.mode == "apply" and not gitops.signers:
        yield Problem(
            ("gitops", "signers"),
            "whoever can push to the repository decides over this router",
            hint="name those whose signature a commit needs",
            severity=Severity.WARNING,
        )


@dataclass(frozen=True)
class Programs:
    """What of this image the work needs: dulwich, ssh, ssh-keygen."""

    git: bool = True
    ssh: bool = True
    keygen: bool = True

    def missing(self, gitops: GitOps) -> str | None:
        """Return what is missing for a repository, None where nothing is."""
        if gitops.url is None:
            return None
        if not self.git:
            return "python3-dulwich"
        if gitops.is_ssh and not self.ssh:
            return "openssh-client"
        return "openssh-client" if (gitops.signers or gitops.is_ssh) and not self.keygen else None
