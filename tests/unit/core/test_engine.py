# SPDX-License-Identifier: GPL-2.0-or-later
"""The walk of a change: what it does, what it refuses, and what is left when it fails."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

import pytest

from patronus.core.audit import AuditLog
from patronus.core.edit import Insert, PutFile, Remove, Replace
from patronus.core.engine import Engine
from patronus.core.errors import (
    Conflict,
    InvalidConfiguration,
    KernelError,
    NotFound,
    StorageError,
    Unavailable,
)
from patronus.core.events import (
    ApplyFailed,
    ConfigChanged,
    ConfigConfirmed,
    ConfigReverted,
    Drift,
    DriftEnded,
)
from patronus.core.feature import Difference
from patronus.core.model import Configuration
from patronus.core.walk import Prepared
from tests.unit.core.router import ADMIN, FACTORY, REMOTE, Kernel, Router, Rules, Zones

RULE = {"zone": "lan", "name": "web", "action": "allow"}


@pytest.fixture
def router(tmp_path: Path) -> Router:
    router = Router(tmp_path)
    router.start()
    return router


def rule(**values: object) -> Insert:
    return Insert("firewall/rules", ("rules",), {**RULE, **values})


def test_the_first_boot_takes_the_factorys_files_and_keeps_them(router: Router) -> None:
    assert router.engine.generation == 1 and router.engine.confirmed() == 1
    assert router.working() == FACTORY and router.matches()
    assert router.report.messages == ()


def test_nothing_can_be_asked_before_the_boot(tmp_path: Path) -> None:
    router = Router(tmp_path)
    router.start()
    with pytest.raises(Unavailable):
        _ = Engine(router.parts()).config


def test_a_change_reaches_kernel_disk_and_observers(router: Router) -> None:
    commit = router.engine.submit([rule(id="r-1")], ADMIN, comment="why")
    assert commit.generation == 2 and commit.confirm_within_s is None
    assert commit.changes == ("firewall/rules: rules r-1 added",)
    assert router.kernel.state()["rule-r-1"] == "lan allow" and router.matches()
    assert "r-1" in router.working()["firewall/rules.yaml"]
    assert [type(event) for event in router.events] == [ConfigChanged]
    newest = router.engine.log(1)[0]
    assert (newest.number, newest.parent, newest.actor, newest.comment) == (2, 1, "ann", "why")
    assert router.start().generation == 2 and router.matches() and router.report.messages == ()


def test_a_new_item_gets_an_id_that_stays(router: Router) -> None:
    router.engine.submit([rule()], ADMIN)
    first = router.engine.config.get(Rules).rules[0].id
    router.engine.submit([rule(name="b"), rule(name="c")], ADMIN)
    ids = [one.id for one in router.engine.config.get(Rules).rules]
    assert ids[0] == first and len(set(ids)) == 3
    assert router.start().config.get(Rules).rules[0].id == first


def test_comments_survive_edits(router: Router) -> None:
    router.engine.submit([Replace("zones", ("zones", "lan", "name"), "home")], ADMIN)
    assert router.working()["zones.yaml"] == "zones:\n  - id: lan   # the house\n    name: home\n"


def test_all_problems_of_all_files_come_at_once_and_nothing_changes(router: Router) -> None:
    before = router.engine.texts, router.kernel.state()
    edits = [
        PutFile(
            "firewall/rules.yaml", "rules:\n  - zone: lan\n    ports: 70000\n  - {zone: lan, actoin: drop}\n"
        ),
        PutFile("zones.toml", "zones = 3\n"),
        PutFile("zonse.yaml", ""),
    ]
    with pytest.raises(InvalidConfiguration) as caught:
        router.engine.submit(edits, ADMIN)
    text = str(caught.value)
    assert "firewall/rules.yaml:3 rules[0].ports: 70000 is not a port" in text
    assert "did you mean action?" in text and "did you mean zones.yaml?" in text
    assert "zones.toml:1 zones: 3 is not a list" in text and "already given by" in text
    assert (router.engine.texts, router.kernel.state()) == before and router.engine.generation == 1


def test_mistakes_within_files_and_between_them_come_together(router: Router) -> None:
    """What names an item with a mistake of its own is no mistake; the rest is found, in its own line."""
    rules = """\
rules:
  - {id: a, zone: lan, ports: 70000}
  - {id: b, zone: moon}
  - {id: c, zone: dmz}
  - {id: d, zone: lan, action: alow}
  - {id: e, zone: mars}
"""
    zones = "zones:\n  - {id: dmz, nmae: x}\n  - {id: lan}\n"
    edits = [PutFile("firewall/rules.yaml", rules), PutFile("zones.yaml", zones)]
    with pytest.raises(InvalidConfiguration) as caught:
        router.engine.check(edits, ADMIN)
    places = [(p.location.file, p.location.line) for p in caught.value.problems if p.location]
    assert places == [("firewall/rules.yaml", line) for line in (2, 3, 5, 6)] + [("zones.yaml", 2)]
    assert "rules[4].zone: there is no zone mars" in str(caught.value)


def test_a_check_of_a_feature_refuses_with_the_place(router: Router) -> None:
    with pytest.raises(
        InvalidConfiguration, match=r"firewall/rules.yaml:\d+ rules\[0\].zone: there is no zone x"
    ):
        router.engine.submit([rule(zone="x")], ADMIN)
    with pytest.raises(InvalidConfiguration, match="would not take"):
        router.engine.submit([rule(id="rehearsed")], ADMIN)
    assert router.engine.generation == 1 and router.matches()


def test_a_warning_lets_the_change_pass(router: Router) -> None:
    commit = router.engine.submit([rule(name="odd")], ADMIN)
    assert [problem.message for problem in commit.warnings] == ["odd"] and commit.generation == 2


def test_a_dry_run_says_what_would_change_and_writes_nothing(router: Router) -> None:
    files = sorted(str(path) for path in router.root.rglob("*"))
    commit = router.engine.check([rule(id="r-1")], REMOTE)
    assert commit.changes == ("firewall/rules: rules r-1 added",) and commit.generation == 1
    assert sorted(str(path) for path in router.root.rglob("*")) == files
    assert router.kernel.log == ["zone-lan=None"]


def test_a_change_of_nothing_makes_no_generation(router: Router) -> None:
    assert router.engine.load_working_copy(ADMIN).generation == 1
    assert router.engine.log() == router.engine.log(1)


@pytest.mark.parametrize("name", ["rule-a", "rule-b", "rule-c", "zone-b"])
def test_a_refused_step_leaves_everything_as_it_was(router: Router, name: str) -> None:
    router.engine.submit([rule(id="old")], ADMIN)
    before = router.engine.texts, router.kernel.state()
    router.kernel.refuses = {name}
    edits = [Insert("zones", ("zones",), {"id": "b"}), *(rule(id=one) for one in "abc")]
    with pytest.raises(KernelError, match=f"{name} is refused"):
        router.engine.submit([*edits, Remove("firewall/rules", ("rules", "old"))], ADMIN)
    assert (router.engine.texts, router.kernel.state()) == before and router.engine.generation == 2
    failed = router.events[-1]
    assert isinstance(failed, ApplyFailed) and failed.restored and failed.generation == 2
    router.kernel.refuses = set()
    assert router.start().texts == before[0] and router.matches()


@pytest.mark.parametrize("name", ["rule-a", "rule-b", "rule-c", "zone-b", "rule-old"])
def test_a_mistake_of_ours_in_a_step_leaves_everything_as_it_was(router: Router, name: str) -> None:
    router.engine.submit([rule(id="old")], ADMIN)
    before = router.engine.texts, router.kernel.state()
    router.kernel.breaks = {name}
    edits = [Insert("zones", ("zones",), {"id": "b"}), *(rule(id=one) for one in "abc")]
    with pytest.raises(ZeroDivisionError):
        router.engine.submit([*edits, Remove("firewall/rules", ("rules", "old"))], ADMIN)
    router.kernel.breaks = set()
    assert (router.engine.texts, router.kernel.state()) == before and router.engine.generation == 2
    assert router.start().texts == before[0] and router.matches()


def test_what_the_kernel_forgets_is_noticed_and_taken_back(router: Router) -> None:
    router.kernel.forgets = {"rule-a"}
    with pytest.raises(KernelError, match="rule-a: wanted lan allow, found None"):
        router.engine.submit([rule(id="a"), rule(id="b")], ADMIN)
    assert router.kernel.state() == {"zone-lan": "None"} and router.engine.generation == 1
    router.kernel.forgets = set()
    assert router.engine.submit([rule(id="a")], ADMIN).generation == 3


def test_doctor_names_what_is_not_as_planned(router: Router) -> None:
    assert router.engine.observe() == []
    (router.kernel.root / "zone-lan").unlink()
    assert [one.what for one in router.engine.observe()] == ["zones: zone-lan"]
    router.engine.refresh("the zone went away")
    assert router.engine.observe() == [] and router.engine.generation == 1


def test_what_refuses_nothing_is_told_and_lets_a_change_pass(router: Router) -> None:
    router.kernel.told = [Difference("a list", "current", "old", refuses=False)]
    assert router.engine.submit([rule(id="a")], ADMIN).generation == 2
    assert "zones: a list" in [one.what for one in router.engine.observe()]
    router.kernel.told = [Difference("a list", "current", "old")]
    with pytest.raises(KernelError, match="zones: a list: wanted current, found old"):
        router.engine.submit([rule(id="b")], ADMIN)


def test_a_failed_refresh_is_said(router: Router) -> None:
    (router.kernel.root / "zone-lan").unlink()
    router.kernel.refuses = {"zone-lan"}
    with pytest.raises(KernelError):
        router.engine.refresh("the zone went away")
    assert isinstance(router.events[-1], ApplyFailed) and not router.events[-1].restored


def test_a_failed_refresh_is_tried_again_until_it_works_and_is_said_once(router: Router) -> None:
    (router.kernel.root / "zone-lan").unlink()
    router.kernel.refuses = {"zone-lan"}
    pauses = []
    with pytest.raises(KernelError):
        router.engine.refresh("the zone went away")
    for _ in range(7):
        pauses.append(router.owed[-1])
        with pytest.raises(KernelError):
            router.engine.refresh_if_owed()
    assert pauses == [2.0, 4.0, 8.0, 16.0, 32.0, 60.0, 60.0]
    assert len([event for event in router.events if isinstance(event, ApplyFailed)]) == 1
    assert "the zone went away" in str(router.engine.notice())
    router.kernel.refuses = set()
    assert router.engine.refresh_if_owed() and router.matches()
    assert router.owed[-1] is None and router.engine.notice() is None
    assert not router.engine.refresh_if_owed()


def test_a_refresh_that_meets_a_mistake_is_owed_too(router: Router) -> None:
    (router.kernel.root / "zone-lan").unlink()
    router.kernel.breaks = {"zone-lan"}
    with pytest.raises(ZeroDivisionError):
        router.engine.refresh("the zone went away")
    assert router.owed[-1] == 2.0
    assert router.engine.refresh_if_owed() and router.matches()


def test_a_change_stands_though_the_refresh_that_it_asked_for_meets_a_mistake(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    walk, put, mistakes = router.engine._walk, router.kernel.put, [ZeroDivisionError()]
    prepare = walk.prepare

    def mistaken(config: Configuration) -> Prepared:
        if mistakes:
            raise mistakes.pop()
        return prepare(config)

    def asking(name: str, text: str | None) -> None:
        put(name, text)
        router.engine.refresh("asked for within")
        monkeypatch.setattr(walk, "prepare", mistaken)

    monkeypatch.setattr(router.kernel, "put", asking)
    assert router.engine.submit([rule(id="a")], ADMIN).generation == 2
    assert (router.owed[-1], mistakes) == (2.0, [])
    assert router.engine.refresh_if_owed() and router.matches()


def test_drift_is_an_event_once_and_its_end_too(router: Router) -> None:
    router.engine.observe()
    assert router.events == []
    (router.kernel.root / "zone-lan").write_text("other")
    (router.kernel.root / "rule-x").write_text("by hand")
    for _ in range(3):
        assert len(router.engine.observe()) == 2
    assert router.events == [
        Drift("zones: zone-lan", "None", "other"), Drift("rules: rule-x", "None", "by hand"),
    ]  # fmt: skip
    (router.kernel.root / "rule-x").write_text("by another hand")
    router.engine.observe()
    assert router.events[2:] == [Drift("rules: rule-x", "None", "by another hand")]
    router.engine.refresh("the world has changed")
    assert router.engine.observe() == []
    assert set(router.events[3:]) == {DriftEnded("zones: zone-lan"), DriftEnded("rules: rule-x")}


def test_a_remote_change_waits_for_its_confirmation(router: Router) -> None:
    commit = router.engine.submit([rule(id="r-1")], REMOTE)
    assert commit.confirm_within_s == 90.0 and router.deadlines[-1] == 90.0
    assert router.engine.confirmed() == 1 and router.engine.generation == 2
    assert router.engine.confirm(REMOTE) == 2 and router.engine.confirmed() == 2
    assert isinstance(router.events[-1], ConfigConfirmed) and router.deadlines[-1] is None
    router.clock.now += 1000
    assert not router.engine.revert_if_due() and router.engine.generation == 2
    with pytest.raises(NotFound):
        router.engine.confirm(REMOTE)


def test_a_change_that_nobody_confirms_goes_away(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE, confirm_s=30)
    router.clock.now += 29.9
    assert not router.engine.revert_if_due() and "rule-r-1" in router.kernel.state()
    router.clock.now += 0.2
    assert router.engine.revert_if_due() and router.engine.generation == 1 and router.matches()
    assert isinstance(router.events[-1], ConfigReverted) and router.working() == FACTORY
    with pytest.raises(NotFound):
        router.engine.confirm(REMOTE)


@pytest.mark.parametrize("seconds", [-1e9, 1e9])
def test_setting_the_clock_does_not_move_the_deadline(router: Router, seconds: float) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE, confirm_s=30)
    router.clock.set_by = seconds
    router.clock.now += 29
    assert not router.engine.revert_if_due()
    assert router.start(reboot=False).generation == 2
    router.clock.now += 2
    assert router.engine.revert_if_due() and router.matches() and router.engine.generation == 1


def test_a_confirmation_that_comes_too_late_is_refused(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE)
    router.clock.now += 91
    with pytest.raises(NotFound):
        router.engine.confirm(REMOTE)
    assert router.engine.generation == 1 and router.matches()


def test_a_restarted_engine_goes_on_counting_or_reverts_before_it_serves(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE)
    router.clock.now += 60
    assert router.start(reboot=False).generation == 2 and router.deadlines[-1] == pytest.approx(30)
    router.clock.now += 31
    assert router.start(reboot=False).generation == 1 and router.matches()
    assert router.report.reverted == 2 and isinstance(router.events[-1], ConfigReverted)
    assert router.start(reboot=False).generation == 1 and router.report.messages == ()


def test_a_reboot_loads_what_was_confirmed(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE, confirm_s=10_000)
    assert router.start().generation == 1 and router.matches() and router.engine.pending() is None
    assert router.report.reverted == 2 and "not confirmed" in router.report.messages[0]


def test_a_revert_that_fails_is_tried_again(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE)
    router.clock.now += 91
    router.kernel.refuses = {"rule-r-1"}
    with pytest.raises(KernelError):
        router.engine.revert_if_due()
    assert router.deadlines[-1] == 5.0 and router.engine.generation == 2
    router.kernel.refuses = set()
    assert router.engine.revert_if_due() and router.matches() and router.engine.generation == 1


def test_a_revert_comes_though_a_service_does_not_follow(router: Router) -> None:
    """The feature waits for its service in a change and not at a boot, as DHCP and DNS do."""
    router.engine.submit([rule(id="r-1")], REMOTE)
    router.clock.now += 91
    router.kernel.impatient = True
    assert router.engine.revert_if_due() and router.matches() and router.engine.generation == 1
    assert router.engine.pending() is None and isinstance(router.events[-1], ConfigReverted)


def test_a_local_change_confirms_what_was_waiting(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE)
    router.engine.submit([rule(id="r-2")], ADMIN)
    assert router.engine.pending() is None and router.engine.confirmed() == 3
    router.clock.now += 1000
    assert not router.engine.revert_if_due()


def test_a_failed_change_leaves_the_waiting_one_waiting(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE)
    router.kernel.refuses = {"rule-r-2"}
    with pytest.raises(KernelError):
        router.engine.submit([rule(id="r-2")], REMOTE)
    pending = router.engine.pending()
    assert pending and pending.generation == 2
    router.kernel.refuses = set()
    router.clock.now += 91
    assert router.engine.revert_if_due() and router.engine.generation == 1 and router.matches()


def test_rollback_is_a_new_generation_with_the_old_files(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], ADMIN)
    commit = router.engine.rollback(1, ADMIN)
    assert commit.generation == 3 and router.engine.texts == FACTORY and router.matches()
    assert "r-1" in router.engine.diff(1, 2) and router.engine.show(2)["firewall/rules.yaml"]
    with pytest.raises(NotFound):
        router.engine.rollback(99, ADMIN)


def test_hand_edits_are_loaded_as_a_whole_tree(router: Router) -> None:
    (router.root / "etc/firewall").mkdir(exist_ok=True)
    (router.root / "etc/firewall/rules.yaml").write_text(
        "rules:\n  # web\n  - zone: lan\n    ports: [80, 443]\n"
    )
    commit = router.engine.load_working_copy(ADMIN, comment="by hand")
    assert commit.generation == 2 and router.matches()
    text = router.working()["firewall/rules.yaml"]
    assert "# web" in text and f"id: {router.engine.config.get(Rules).rules[0].id}" in text
    (router.root / "etc/firewall/rules.yaml").unlink()
    assert router.engine.load_working_copy(ADMIN).changes == ("firewall/rules: rules r-0001 removed",)


def test_hand_edits_that_nobody_loaded_become_a_draft_loudly(router: Router) -> None:
    (router.root / "etc/zones.yaml").write_text("zones: [{id: mine}]\n")
    router.start()
    assert any("were moved to" in message for message in router.report.messages)
    assert router.working() == FACTORY
    assert (router.root / "var/drafts/1/zones.yaml").read_text() == "zones: [{id: mine}]\n"
    (router.root / "etc/zones.yaml").write_text("zones: [{id: other}]\n")
    commit = router.engine.submit([rule(id="r-1")], ADMIN)
    assert any("were moved to" in problem.message for problem in commit.warnings)
    assert (router.root / "var/drafts/2/zones.yaml").exists() and router.matches()


def test_changes_of_different_things_merge_and_of_the_same_thing_conflict(router: Router) -> None:
    router.engine.submit([rule(id="a"), rule(id="b")], ADMIN)
    router.engine.submit([Replace("firewall/rules", ("rules", "a", "name"), "first")], ADMIN)
    other = Replace("firewall/rules", ("rules", "b", "name"), "second")
    assert router.engine.submit([other], ADMIN, base=2).generation == 4
    with pytest.raises(Conflict, match="firewall/rules"):
        router.engine.submit([Replace("firewall/rules", ("rules", "a", "name"), "mine")], ADMIN, base=2)
    with pytest.raises(Conflict, match="firewall/rules"):
        router.engine.submit([PutFile("firewall/rules.yaml", "rules: []\n")], ADMIN, base=2)
    router.engine.submit([PutFile("zones.yaml", "zones: [{id: lan}, {id: dmz}]\n")], ADMIN, base=2)
    names = [one.name for one in router.engine.config.get(Rules).rules]
    assert names == ["first", "second"] and len(router.engine.config.get(Zones).zones) == 2


def test_two_commits_at_the_same_instant_both_arrive(router: Router) -> None:
    start, errors = threading.Barrier(4), []

    def commit(number: int) -> None:
        start.wait()
        try:
            for one in range(5):
                router.engine.submit([rule(id=f"t{number}-{one}")], ADMIN)
        except Exception as error:  # noqa: BLE001 - the main thread judges
            errors.append(error)

    threads = [threading.Thread(target=commit, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == [] and len(router.engine.config.get(Rules).rules) == 20
    assert router.engine.generation == 21 and router.matches()


def test_an_observer_may_start_a_change_of_its_own(router: Router) -> None:
    def react(event: object) -> None:
        if isinstance(event, ConfigChanged) and event.new == 2:
            router.engine.submit([rule(id="reaction")], ADMIN)

    router.engine._parts.bus.observe(react)
    router.engine.submit([rule(id="action")], ADMIN)
    assert router.engine.generation == 3 and "rule-reaction" in router.kernel.state()


def test_every_change_is_in_the_audit_log_whatever_came_of_it(router: Router) -> None:
    router.engine.submit([rule(id="a")], ADMIN)
    with pytest.raises(InvalidConfiguration):
        router.engine.submit([rule(zone="x")], REMOTE)
    router.kernel.refuses = {"rule-b"}
    with pytest.raises(KernelError):
        router.engine.submit([rule(id="b")], ADMIN)
    log = AuditLog(router.root / "var/audit.log", router.clock)
    found = [(one["actor"], one["origin"], one["outcome"]) for one in log.records()]
    assert found == [
        ("patronus", "local", "ok"),
        ("ann", "local", "ok"),
        ("rob", "203.0.113.7", "InvalidConfiguration"),
        ("ann", "local", "KernelError"),
    ]
    assert log.verify().broken is None and log.verify().records == 4
    _, made, _, failed = (one.get("details", {}).get("differences") for one in log.records())
    assert made[0]["path"] == "firewall/rules rules a" and made[0]["after"]["zone"] == "lan"
    assert made[0]["before"] is None and failed[0]["path"] == "firewall/rules rules b"


@pytest.mark.parametrize("part", ["manifest.json", "files/zones.yaml"])
def test_a_corrupt_newest_generation_falls_back_and_names_itself(router: Router, part: str) -> None:
    router.engine.submit([rule(id="a")], ADMIN)
    router.engine.submit([rule(id="b")], ADMIN)
    broken = router.root / "var/generations/3" / part
    broken.write_bytes(b"\0" * 20)
    router.start()
    assert router.engine.generation == 2 and router.matches()
    assert "generation 3 is not whole" in router.report.messages[0]
    assert "generation 2 runs" in router.report.messages
    assert router.engine.submit([rule(id="c")], ADMIN).generation == 4
    assert router.start().generation == 4 and router.report.messages == ()


def test_a_lost_pointer_takes_the_newest_that_is_whole(router: Router) -> None:
    router.engine.submit([rule(id="a")], ADMIN)
    (router.root / "var/generations/confirmed").write_bytes(b"\0\0\0")
    router.start()
    assert router.engine.generation == 2 and "pointer" in router.report.messages[0]


def test_a_generation_that_the_kernel_refuses_at_boot_makes_way_and_is_tried_again(router: Router) -> None:
    router.engine.submit([rule(id="a")], ADMIN)
    router.start(before=lambda kernel: kernel.refuses.add("rule-a"))
    assert router.engine.generation == 1 and router.matches()
    assert "generation 2 cannot run" in router.report.messages[0]
    assert router.start().generation == 2 and router.report.messages == ()


def test_the_factory_is_the_last_resort_and_is_not_confirmed_over_a_good_one(router: Router) -> None:
    router.engine.submit([PutFile("zones.yaml", "zones: [{id: only}]\n")], ADMIN)
    for number in (1,):
        (router.root / f"var/generations/{number}/manifest.json").unlink()
    router.start(before=lambda kernel: kernel.refuses.add("zone-only"))
    assert router.engine.texts == FACTORY and router.engine.confirmed() == 2
    assert router.start().texts == {"zones.yaml": "zones: [{id: only}]\n"}


@pytest.mark.parametrize("text", ["zones: [{id: house}]\n", "zones: [{id: HOUSE OF CARDS}]\n", "\udcff\0"])
def test_files_given_for_the_first_boot_are_taken_or_make_way_loudly(tmp_path: Path, text: str) -> None:
    router = Router(tmp_path, given={"zones.yaml": text})
    router.start()
    good = text.startswith("zones: [{id: house")
    assert router.engine.texts == ({"zones.yaml": text} if good else FACTORY) and router.matches()
    assert bool(router.report.messages) is not good
    assert good or "given for the first boot cannot run" in router.report.messages[0]


def test_what_was_given_and_mended_is_taken_at_the_next_boot_and_once_only(tmp_path: Path) -> None:
    router = Router(tmp_path, given={"zones.yaml": "zones: [{id: HOUSE OF CARDS}]\n"})
    router.start()
    assert router.engine.texts == FACTORY and router.engine.confirmed() == 1
    router.start()
    assert router.engine.texts == FACTORY and "given for the first boot cannot" in router.report.messages[0]
    router.given = {"zones.yaml": "zones: [{id: house}]\n"}
    router.start()
    assert router.engine.texts == router.given and router.report.messages == () and router.matches()
    router.given = {"zones.yaml": "zones: [{id: other}]\n"}
    assert router.start().texts == {"zones.yaml": "zones: [{id: house}]\n"}


def test_what_was_given_does_not_replace_what_people_have_changed_since(tmp_path: Path) -> None:
    router = Router(tmp_path, given={"zones.yaml": "zones: [{id: HOUSE OF CARDS}]\n"})
    router.start().submit([rule(id="r-1")], ADMIN)
    router.given = {"zones.yaml": "zones: [{id: house}]\n"}
    router.start()
    assert "rule-r-1" in router.kernel.state() and router.report.messages == ()


def test_a_disk_that_cannot_be_read_any_more_leaves_what_was_confirmed_running(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], ADMIN)
    router.engine.submit([rule(id="r-2")], REMOTE)
    texts = router.engine.show(2)
    shutil.rmtree(router.root / "var/generations")
    (router.root / "var/generations").write_text("this is no folder any more")
    pending = router.engine.pending()
    assert pending is not None and pending.generation == 3, "what is known of the disk still holds"
    router.start(reboot=False)
    assert router.engine.texts == texts and router.engine.generation == 2 and router.matches()
    assert "generation 2, as it is in memory, runs" in router.report.messages
    with pytest.raises(StorageError):
        router.engine.submit([rule(id="r-3")], ADMIN)
    assert router.matches() and "cannot be read" in str(router.engine.notice())
    router.start()
    assert router.engine.texts == FACTORY, "nothing is in memory after a boot"


def test_a_spare_is_what_was_confirmed_and_nothing_else(router: Router) -> None:
    router.engine.submit([rule(id="r-1")], REMOTE)
    spare = router.engine._parts.spare
    kept = spare.read()
    assert kept is not None and (kept.number, kept.texts) == (1, FACTORY)
    router.engine.confirm(REMOTE)
    kept = spare.read()
    assert kept is not None and (kept.number, kept.texts) == (2, router.engine.texts)
    (router.root / "run/spare.json").write_text('{"number": 2, "texts": ["odd"]}')
    assert spare.read() is None


def test_a_mistake_of_ours_in_one_generation_leaves_the_older_one_running(router: Router) -> None:
    class Odd(Kernel):
        def put(self, name: str, text: str | None) -> None:
            if name == "rule-a":
                raise ZeroDivisionError("a mistake of ours")
            super().put(name, text)

    router.engine.submit([rule(id="a")], ADMIN)
    router.start(before=lambda kernel: setattr(router, "kernel", Odd(kernel.root)))
    assert router.engine.generation == 1 and router.matches()
    assert "generation 2 cannot run: ZeroDivisionError" in router.report.messages[0]
    assert router.start().generation == 2


def test_nothing_that_can_run_is_an_error_and_leaves_the_kernel_alone(tmp_path: Path) -> None:
    router = Router(tmp_path)
    with pytest.raises(KernelError, match="zone-lan is refused"):
        router.start(before=lambda kernel: kernel.refuses.add("zone-lan"))
    assert router.kernel.state() == {}


def test_old_generations_are_pruned_and_the_confirmed_one_stays(
    router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("patronus.core.generations.KEPT", 3)
    monkeypatch.setattr("patronus.core.generations.CONFIRMED_KEPT", 1)
    for number in range(6):
        router.engine.submit([rule(id=f"r-{number}")], REMOTE if number else ADMIN)
    kept = sorted(
        int(path.name) for path in (router.root / "var/generations").iterdir() if path.name.isdigit()
    )
    assert kept == [2, 5, 6, 7] and router.engine.confirmed() == 2
