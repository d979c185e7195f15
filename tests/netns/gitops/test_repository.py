# SPDX-License-Identifier: GPL-2.0-or-later
"""A configuration from a git repository: taken when it is good, kept when it is healthy, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from patronus.core.edit import Insert
from patronus.core.errors import NotPermitted
from patronus.daemon.gitops.events import CommitRefused, ConfigurationDrifted
from tests.netns.daemon.machine import eventually
from tests.netns.gitops.router import PROCESS, ROOT, GitRouter
from tests.netns.gitops.server import Author, Https, Sshd, certificate, key, public
from tests.netns.lab import Namespace
from tests.unit.core.router import ADMIN

RULES = "firewall/rules.yaml"


def rules(*names: str) -> str:
    lines = "".join(f"  - {{id: {name}, zone: lan}}   # {name}\n" for name in names)
    return f"# by the repository\nrules:\n{lines}"


def in_kernel(router: GitRouter) -> list[str]:
    return sorted(name for name in router.kernel.state() if name.startswith("rule-"))


def test_a_new_commit_is_told_and_applied_only_when_asked(
    router: GitRouter, author: Author, https: Https
) -> None:
    commit = author.push({RULES: rules("a"), "README.md": "hello", ".hidden.yaml": "x"}, "first rules")
    router.configure(https.url, ca=https.ca)
    assert router.units.running == {"patronus-gitops.timer"}
    status = router.fetch(code=0)
    assert (status["state"], status["newest"]["id"], status["error"]) == ("behind", commit, None)
    assert (status["newest"]["subject"], status["newest"]["author"]) == (
        "first rules",
        "Ann <ann@home.example>",
    )
    assert status["changes"] == ["firewall/rules: rules a added"]
    difference = router.call("gitops.Diff")
    assert difference["commit"] == commit and "+  - {id: a, zone: lan}   # a" in difference["diff"]
    assert "README" not in difference["diff"] and "zones.yaml" not in difference["diff"]
    assert in_kernel(router) == []
    status = router.fetch(apply=True, code=0)
    assert (status["state"], status["applied"]["commit"]) == ("in-sync", commit)
    assert in_kernel(router) == ["rule-a"] and router.engine.pending() is None
    assert "zones.yaml" in router.engine.texts, "what never came from the repository stays"
    assert router.call("gitops.Diff")["diff"] == ""
    assert router.start().generation == router.engine.generation and in_kernel(router) == ["rule-a"]
    author.push({RULES: None, "zones.yaml": "zones:\n  - id: lan\n"}, "no rules")


def test_in_the_mode_apply_each_commit_runs_and_what_it_removes_goes(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({f"sites/home/{RULES}": rules("a"), "zones.yaml": "zones: [{id: other}]"})
    router.configure(https.url, ca=https.ca, mode="apply", folder="sites/home")
    assert router.fetch(code=0)["state"] == "in-sync"
    generation = router.engine.generation
    assert router.fetch(code=0)["state"] == "in-sync" and router.engine.generation == generation
    author.push({f"sites/home/{RULES}": None, "sites/home/zones.yaml": "zones:\n  - id: lan\n"})
    assert router.fetch(code=0)["state"] == "in-sync"
    assert in_kernel(router) == [] and RULES not in router.engine.texts
    manifest = router.engine.log(1)[0]
    assert manifest.actor == "patronus-gitops" and manifest.comment.startswith("commit ")
    assert router.kinds() == ["gitops-applied", "gitops-applied"]


def test_a_bad_commit_changes_nothing_and_its_problems_have_places(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    router.fetch(code=0)
    before = router.engine.texts
    bad = author.push(
        {RULES: rules("a") + "  - {id: b, zone: nowhere}\n  - {id: c, zone: lan, colour: red}\n"}
    )
    status = router.fetch(code=0)
    assert status["state"] == "refused" and router.engine.texts == before and in_kernel(router) == ["rule-a"]
    assert [(one["file"], one["line"]) for one in status["problems"]] == [(RULES, 4), (RULES, 5)]
    assert "there is no zone nowhere" in status["problems"][0]["text"]
    refused = router.event("gitops-refused")
    assert isinstance(refused, CommitRefused) and refused.commit == bad
    router.fetch()
    assert router.kinds().count("gitops-refused") == 1, "it is told once"
    author.push({RULES: rules("a", "b")})
    assert router.fetch(code=0)["state"] == "in-sync"


def test_a_commit_after_which_the_kernel_is_not_as_planned_goes_away_again(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    router.fetch(code=0)
    old = router.engine.texts
    sick = author.push({RULES: rules("a", "b")})
    observe = router.engine.observe
    router.engine.observe = lambda: [*observe(), *_sick()]  # type: ignore[method-assign]
    status = router.fetch(code=1)
    assert status["state"] == "refused" and "not as planned" in status["error"]
    assert router.engine.pending() is not None and "rule-b" in in_kernel(router)
    router.clock.now += 61
    assert router.engine.revert_if_due() and router.engine.texts == old and in_kernel(router) == ["rule-a"]
    router.engine.observe = observe  # type: ignore[method-assign]
    status = router.fetch(code=0)
    assert status["state"] == "refused" and status["newest"]["id"] == sick and in_kernel(router) == ["rule-a"]
    assert router.fetch(apply=True, code=0)["state"] == "in-sync", "a person may want it again"


def _sick() -> Any:
    from patronus.core.feature import Difference

    return [Difference("rules: rule-b", "lan drop", "nothing")]


def test_a_commit_that_cuts_the_way_to_the_repository_goes_away_again(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    put = router.kernel.put

    def cut(name: str, text: str | None) -> None:
        put(name, text)
        https.go_away()

    router.kernel.put = cut  # type: ignore[method-assign]
    status = router.fetch(code=1)
    assert status["state"] == "refused" and "can no longer be reached" in status["error"]
    router.clock.now += 61
    router.kernel.put = put  # type: ignore[method-assign]
    assert router.engine.revert_if_due() and in_kernel(router) == []
    assert router.call("gitops.Status")["state"] == "refused"


def test_a_process_that_dies_before_it_confirms_leaves_a_change_that_goes_away(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    process = router.launch(settle_s=60)
    eventually(lambda: router.engine.pending() is not None, "the change that waits")
    assert router.call("gitops.Status")["state"] == "applying" and in_kernel(router) == ["rule-a"]
    process.kill()
    process.communicate()
    router.clock.now += 91
    assert router.engine.revert_if_due() and in_kernel(router) == []
    status = router.fetch(code=0)
    assert status["state"] == "refused" and "not found healthy in time" in status["error"]
    assert in_kernel(router) == [], "what failed is not tried again by itself"


def test_what_is_changed_here_is_told_once_and_put_back_only_when_wanted(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    router.fetch(code=0)
    for name in ("mine", "more"):
        router.engine.submit([Insert("firewall/rules", ("rules",), {"id": name, "zone": "lan"})], ADMIN)
    drifted = router.event("gitops-drifted")
    assert isinstance(drifted, ConfigurationDrifted) and (drifted.files, drifted.actor) == ((RULES,), "ann")
    assert router.kinds().count("gitops-drifted") == 1
    status = router.fetch(code=0)
    assert (status["state"], status["drift"]) == ("drifted", [RULES]) and "rule-mine" in in_kernel(router)
    assert "-  - {id: mine, zone: lan}" in router.call("gitops.Diff")["diff"]
    router.configure(https.url, ca=https.ca, mode="apply", on_drift="restore")
    assert router.fetch(code=0)["state"] == "in-sync" and in_kernel(router) == ["rule-a"]


def test_items_without_an_id_are_no_drift(router: GitRouter, author: Author, https: Https) -> None:
    author.push({RULES: "rules:\n  - {zone: lan, name: n}\n"})
    router.configure(https.url, ca=https.ca, mode="apply", on_drift="restore")
    assert router.fetch(code=0)["state"] == "in-sync"
    generation = router.engine.generation
    assert router.fetch(code=0)["state"] == "in-sync" and router.engine.generation == generation


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("unsigned", "it is not signed"),
        ("stranger", "its signature is of none of the signers"),
        ("altered", "is not good"),
        ("moved", "is not good"),
    ],
)
def test_only_what_a_signer_has_signed_is_offered(
    router: GitRouter, author: Author, https: Https, tmp_path: Path, how: str, says: str
) -> None:
    ann, eve = key(tmp_path, "ann"), key(tmp_path, "eve")
    signers = [f"ann@home.example {public(ann)}"]
    router.configure(https.url, ca=https.ca, mode="apply", signers=signers)
    author.push({RULES: rules("a")}, signed_by=ann)
    status = router.fetch(code=0)
    assert (status["state"], status["newest"]["signer"]) == ("in-sync", "ann@home.example")
    if how in ("altered", "moved"):
        _forge(author, ann, how)
    else:
        author.push({RULES: rules("b")}, signed_by=eve if how == "stranger" else None)
    status = router.fetch(code=1)
    assert status["state"] == "refused" and says in status["error"], status
    assert in_kernel(router) == ["rule-a"] and router.kinds()[-1] == "gitops-refused"


def _forge(author: Author, ann: Path, how: str) -> None:
    """Push a commit that has Ann's signature, but not its words; or a signature that she made for a file."""
    import subprocess

    from tests.netns.gitops.server import run

    author.push({RULES: rules("b")}, signed_by=ann)
    raw = subprocess.run(
        ["git", "cat-file", "commit", "HEAD"], cwd=author.clone, capture_output=True, check=True
    ).stdout
    if how == "altered":
        forged = raw.replace(b"a change", b"a chance")
    else:
        head, _, rest = raw.partition(b"gpgsig ")
        body = rest.split(b"-----END SSH SIGNATURE-----\n", 1)[1]
        sealed = subprocess.run(
            ["ssh-keygen", "-Y", "sign", "-f", ann, "-n", "file"],
            input=head + body,
            capture_output=True,
            check=True,
        ).stdout
        forged = head + b"gpgsig " + sealed.strip().replace(b"\n", b"\n ") + b"\n" + body
    path = author.clone.parent / "forged"
    path.write_bytes(forged)
    made = run("git", "hash-object", "-t", "commit", "-w", path, folder=author.clone)
    run("git", "reset", "-q", "--hard", made, folder=author.clone)
    run("git", "push", "-q", "--force", "origin", "main", folder=author.clone)


def test_a_history_that_was_rewritten_is_refused_unless_allowed(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    author.push({RULES: rules("a", "b")})
    router.configure(https.url, ca=https.ca, mode="apply")
    router.fetch(code=0)
    author.rewind()
    author.commit("another way")
    status = router.fetch(code=1)
    assert status["state"] == "refused" and "it was rewritten" in status["error"]
    assert in_kernel(router) == ["rule-a", "rule-b"]
    router.configure(https.url, ca=https.ca, mode="apply", rewind=True)
    assert router.fetch(code=0)["state"] == "in-sync" and in_kernel(router) == ["rule-a"]


def test_a_repository_that_is_away_is_left_alone_ever_longer(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    router.fetch(code=0)
    before = router.engine.texts
    https.go_away()
    pauses = []
    for _ in range(5):
        status = router.fetch(code=1)
        assert status["state"] == "unreachable" and status["error"]
        pauses.append(status["next_in_s"])
    assert pauses == [300, 600, 1200, 2400, 3600] and router.engine.texts == before
    assert router.kinds().count("gitops-fetch-failed") == 1
    https.go_away(away=False)
    status = router.fetch(code=0)
    assert (status["state"], status["error"]) == ("in-sync", None)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"branch": "other"}, "no branch other"),
        ({"url": "https://localhost:8443/none.git"}, "there is no repository"),
        ({"url": "https://localhost:9/router.git"}, "refused"),
        ({"ca": "other"}, "CERTIFICATE_VERIFY_FAILED"),
        ({"url": "https://127.0.0.1:8443/router.git"}, "CERTIFICATE_VERIFY_FAILED"),
    ],
)
def test_a_wrong_server_is_told_and_nothing_is_taken(
    router: GitRouter, author: Author, https: Https, tmp_path: Path, change: dict[str, str], says: str
) -> None:
    author.push({RULES: rules("a")})
    given = {"url": https.url, "ca": https.ca, "mode": "apply", **change}
    if given["ca"] == "other":
        given["ca"] = certificate(tmp_path, "eve")
    router.configure(**given)
    status = router.fetch(code=1)
    assert status["state"] == "unreachable" and says in status["error"], status["error"]
    assert in_kernel(router) == [] and status["newest"] is None


def hostile(author: Author, how: str) -> None:
    clone = author.clone
    if how == "link":
        (clone / "zones.yaml").symlink_to("/etc/passwd")
    elif how == "bytes":
        (clone / "zones.yaml").write_bytes(b"zones: \xff")
    elif how == "large":
        (clone / "zones.yaml").write_text("# " + "x" * (5 << 20))
    elif how == "many":
        for number in range(300):
            (clone / f"f{number}.yaml").write_text(str(number))
    elif how == "entries":
        for number in range(5100):
            (clone / f"f{number}").write_text("")
    elif how == "nothing":
        (clone / "README").write_text("x")
    author.commit(how)


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("link", "zones.yaml is no regular file"),
        ("bytes", "zones.yaml is not UTF-8: byte 7"),
        ("large", "more than 4194304 bytes"),
        ("many", "more than 200 files"),
        ("entries", "more than 5000 files and folders"),
        ("nothing", "holds no configuration"),
    ],
)
def test_a_hostile_tree_is_refused_by_name(
    router: GitRouter, author: Author, https: Https, how: str, says: str
) -> None:
    hostile(author, how)
    router.configure(https.url, ca=https.ca, mode="apply")
    status = router.fetch(code=1)
    assert status["state"] == "refused" and says in status["error"], status["error"]
    assert in_kernel(router) == []


def test_a_huge_pack_ends_the_run_and_not_the_router(router: GitRouter, author: Author, https: Https) -> None:
    """What the unit limits: the bytes of a file that is written."""
    import os

    (author.clone / "noise").write_bytes(os.urandom(3 << 20))
    author.push({RULES: rules("a")})
    router.configure(https.url, ca=https.ca, mode="apply")
    status = router.fetch(prefix=("prlimit", f"--fsize={1 << 20}"), code=1)
    assert "too large" in status["error"]
    assert router.fetch(code=0)["state"] == "in-sync", "the next run begins anew"


def test_over_ssh_with_a_pinned_host_key_and_a_key_that_never_leaves(
    router: GitRouter, author: Author, where: Namespace, tmp_path: Path
) -> None:
    author.push({RULES: rules("a")})
    sshd = Sshd(tmp_path / "server", where)
    try:
        router.configure(sshd.url, mode="apply", known_hosts=[public(sshd.host_key)])
        status = router.fetch(code=1)
        assert status["state"] == "unreachable" and "Permission denied" in status["error"], status
        sshd.authorized.write_text(status["deploy_key"] + "\n")
        status = router.fetch(code=0)
        assert status["state"] == "in-sync" and in_kernel(router) == ["rule-a"]
        author.push({RULES: rules("b")})
        router.configure(sshd.url, mode="apply", known_hosts=[public(key(tmp_path, "other"))])
        status = router.fetch(code=1)
        assert "Host key verification failed" in status["error"] and in_kernel(router) == ["rule-a"]
    finally:
        sshd.close()
    private = (router.root / "gitops/deploy_key").read_text().splitlines()[2]
    for folder in ("var", "etc"):
        for path in (router.root / folder).rglob("*"):
            assert not path.is_file() or private not in path.read_text(errors="replace"), path


LOGIN = {"user": "router", "password": {"secret": "git"}}


def test_a_private_repository_is_read_with_a_password_that_stands_nowhere(
    router: GitRouter, author: Author, https: Https
) -> None:
    author.push({RULES: rules("a")})
    https.ask_for("router", "glpat-Geheim")
    router.configure(https.url, ca=https.ca, mode="apply")
    assert "the server wants another log-in, or any" in router.fetch(code=1)["error"]
    router.configure(https.url, ca=https.ca, mode="apply", login=LOGIN)
    assert "there is no secret git" in router.fetch(code=1)["error"]
    for wrong, says in ((b"two\nlines", "one line of printable ASCII"), (b"Geheim-alt", "another log-in")):
        router.secrets.values["git"] = wrong
        assert says in router.fetch(code=1)["error"]
    router.secrets.values["git"] = b"glpat-Geheim\n"
    status = router.fetch(code=0)
    assert status["state"] == "in-sync" and in_kernel(router) == ["rule-a"]
    told = [path.read_bytes() for path in router.root.rglob("*") if path.is_file()]
    assert told and not any(b"glpat" in text for text in told)
    assert "glpat" not in router.said + str(status)


def test_a_password_is_shown_to_no_server_that_another_one_leads_to(
    router: GitRouter, author: Author, https: Https, where: Namespace, tmp_path: Path
) -> None:
    """Without a log-in that way is gone; with one it ends at the first server."""
    author.push({RULES: rules("a")})
    other = Https(tmp_path / "server", where, 8444)
    try:
        https.lead_to(other)
        router.secrets.values["git"] = b"glpat-Geheim"
        both = https.ca + other.ca
        router.configure(https.url, ca=both, mode="apply", login=LOGIN)
        assert "redirect" in router.fetch(code=1)["error"]
        assert other.shown == set() and in_kernel(router) == []
        router.configure(https.url, ca=both, mode="apply")
        assert router.fetch(code=0)["state"] == "in-sync"
        assert other.shown == {None}
    finally:
        other.close()


def test_only_the_process_may_offer_and_it_may_nothing_else(router: GitRouter) -> None:
    verb = "io.patronus.gitops.v1.Instructions"
    assert router.table.call(PROCESS, verb, {})["due"] is False
    with pytest.raises(NotPermitted):
        router.table.call(ROOT, verb, {})
    for verb in ("config.v1.Show", "config.v1.Confirm", "gitops.v1.Sync"):
        with pytest.raises(NotPermitted):
            router.table.call(PROCESS, f"io.patronus.{verb}", {})


def test_without_a_url_nothing_runs(router: GitRouter) -> None:
    router.configure("https://localhost:8443/router.git")
    router.call("config.Load", files={"gitops.json": None})
    assert router.units.running == set() and router.call("gitops.Status")["state"] == "off"
