# SPDX-License-Identifier: GPL-2.0-or-later
"""What a unit said before it ended, and how it ended, are found in its journal."""

from __future__ import annotations

from patronus.update.last_words import ENDED, LINES, WORDS, ending

UNIT = "patronusd.service"


def said(message: str | list[int] | None, run: str = "r1") -> dict[str, object]:
    """One line of the unit's own program."""
    return {"MESSAGE": message, "_SYSTEMD_INVOCATION_ID": run, "_PID": "400"}


def by_systemd(message: str, run: str = "r1", **more: str) -> dict[str, object]:
    """One line of systemd about the unit; its own run is another one."""
    return {"MESSAGE": message, "INVOCATION_ID": run, "_SYSTEMD_INVOCATION_ID": "init", "_PID": "1", **more}


def ended(code: str, status: str, run: str = "r1") -> dict[str, object]:
    """The line of systemd that says how the program ended."""
    message = f"{UNIT}: Main process exited, code={code}, status={status}"
    return by_systemd(message, run, MESSAGE_ID=ENDED, EXIT_CODE=code, EXIT_STATUS=status)


def test_a_refusal_is_quoted_with_the_exit_status() -> None:
    entries = [
        by_systemd("Starting patronusd.service"),
        said("patronusd: cannot start: nftables refuses"),
        said("no such chain type: nat"),
        ended("exited", "1"),
        by_systemd(f"{UNIT}: Failed with result 'exit-code'."),
    ]
    told = "patronusd: cannot start: nftables refuses / no such chain type: nat"
    assert ending(entries) == f"it ended with exit status 1; it said: {told}"


def test_of_a_trace_the_message_alone_is_kept() -> None:
    trace = ["Traceback (most recent call last):", '  File "main.py", line 3, in <module>', "    import gone"]
    entries = [*map(said, trace), said("ImportError: No module named 'gone'"), ended("exited", "1")]
    assert ending(entries) == "it ended with exit status 1; it said: ImportError: No module named 'gone'"


def test_the_run_that_ended_counts_and_not_the_one_that_has_begun_since() -> None:
    entries = [
        said("the first", "r1"),
        ended("exited", "2", "r1"),
        ended("killed", "KILL", "r2"),
        said("the second, which the journal had after its end", "r2"),
        by_systemd("Starting patronusd.service", "r3"),
        said("reading the files", "r3"),
    ]
    told = "the second, which the journal had after its end"
    assert ending(entries) == f"it ended with signal KILL; it said: {told}"


def test_one_that_ended_in_silence_says_so() -> None:
    entries = [by_systemd("Starting patronusd.service"), said(""), ended("exited", "1")]
    assert ending(entries) == "it ended with exit status 1; it said: nothing"


def test_one_that_did_not_end_is_quoted_and_else_what_systemd_says_of_it() -> None:
    starting = by_systemd("Starting patronusd.service")
    assert ending([starting, said("waiting for a card")]) == "it says: waiting for a card"
    assert ending([by_systemd("Dependency failed for patronusd.service")]) == (
        "it says: Dependency failed for patronusd.service"
    )
    assert ending([]) == "it says: nothing"


def test_words_fit_on_a_console_and_move_no_cursor() -> None:
    entries = [*(said(f"{number}{'x' * 2000}") for number in range(9)), ended("dumped", "ABRT")]
    told = ending(entries)
    assert told.startswith("it ended with signal ABRT; it said: 6xx")
    assert len(told) < (LINES + 1) * WORDS
    assert ending([said("\x1b[2Jgone\a"), ended("exited", "1")]).endswith("it said: [2Jgone")


def test_of_a_long_line_both_ends_are_kept() -> None:
    """What nftables refuses stands before why it does."""
    told = ending([said(f"nftables refused {'{}' * 400}: no such chain type"), ended("exited", "1")])
    assert "it said: nftables refused {}" in told and told.endswith("{}: no such chain type")


def test_lines_that_are_no_text_are_passed_over() -> None:
    entries = [said("last words"), said([27, 91]), said(None), ended("exited", "1")]
    assert ending(entries) == "it ended with exit status 1; it said: last words"
