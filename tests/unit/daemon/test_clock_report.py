# SPDX-License-Identifier: GPL-2.0-or-later
"""What chronyc writes is understood; its lines are those of version 4.6."""

from __future__ import annotations

from patronus.daemon.clock_report import TimeSource, sources, tracking

SOURCES = """\
^,*,127.0.0.2,1,6,17,3,0.000000019,0.000000145,0.000003835
^,?,ntp.example,0,7,0,4294967295,0.000000000,0.000000000,0.000000000
#,-,PPS0,0,4,377,11,0.1,0.1,0.1
506 Cannot talk to daemon
"""
TRACKING = (
    "7F000002,127.0.0.2,2,1795767520.686582693,-0.000001971,0.000000126,0.000000126,-0.035,0.000,2.519,"
    "0.000007450,0.000012526,2.1,Normal\n"
)
NOT_YET = "00000000,,0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,1.0,1.0,0.0,Not synchronised\n"


def test_servers_are_told_with_how_they_answer() -> None:
    assert sources(SOURCES) == [
        TimeSource(
            name="127.0.0.2", state="chosen", stratum=1, reached=4, last_s=3, offset_s=1.9e-08,
            error_s=3.835e-06,
        ),
        TimeSource(
            name="ntp.example", state="silent", stratum=0, reached=0, last_s=None, offset_s=0.0, error_s=0.0
        ),
    ]  # fmt: skip


def test_a_clock_that_is_behind_is_off_by_less_than_nothing() -> None:
    found = tracking(TRACKING)
    assert found is not None and (found.source, found.stratum, found.leap) == ("127.0.0.2", 2, "Normal")
    assert (found.offset_s, found.drift_ppm) == (1.971e-06, -0.035)
    behind = tracking(TRACKING.replace("-0.000001971", "0.5"))
    assert behind is not None and behind.offset_s == -0.5


def test_a_clock_that_follows_nobody_has_no_source() -> None:
    found = tracking(NOT_YET)
    assert found is not None and found.source is None and found.leap == "Not synchronised"
    assert tracking("506 Cannot talk to daemon\n") is None
