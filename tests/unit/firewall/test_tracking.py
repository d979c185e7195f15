# SPDX-License-Identifier: GPL-2.0-or-later
"""The settings of conntrack: how large the table may be, and what is written where."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from patronus.core.errors import KernelError
from patronus.firewall.model.conntrack import Timeouts, Tracking
from patronus.firewall.tracking.settings import (
    SIZE,
    resize,
    table_size,
    timeouts,
    tracking_differences,
    tracking_steps,
)

UDP = "net.netfilter.nf_conntrack_udp_timeout"
MIB = 1 << 20


@pytest.mark.parametrize(
    ("memory_bytes", "size"), [(256 * MIB, 52428), (1024 * MIB, 209715), (MIB, 4096), (1 << 50, 4_194_304)]
)
def test_the_table_takes_a_sixteenth_of_the_memory(memory_bytes: int, size: int) -> None:
    assert table_size(Tracking(), memory_bytes) == size
    assert table_size(Tracking(table_size=5000), memory_bytes) == 5000
    assert table_size(Tracking(), 0) is None


def test_only_what_differs_is_written_and_can_be_undone() -> None:
    kernel = {**timeouts(Timeouts()), UDP: "31"}
    wanted = timeouts(Timeouts.model_validate({"udp": "31s", "icmp": "7s"}))
    (step,) = tracking_steps(wanted, kernel.__getitem__, kernel.__setitem__)
    step.do()
    assert kernel == wanted
    assert not list(tracking_differences(wanted, kernel.__getitem__))
    step.undo()
    (difference,) = tracking_differences(wanted, kernel.__getitem__)
    assert (difference.wanted, difference.found) == ("7", "30")


def test_what_the_kernel_does_not_have_is_left_out() -> None:
    def read(name: str) -> str:
        raise KernelError(f"cannot read {name}")

    assert not list(tracking_steps(timeouts(Timeouts()), read, lambda *_: None))


def test_a_size_that_is_refused_is_said_and_fails_nothing(caplog: pytest.LogCaptureFixture) -> None:
    def write(name: str, value: str) -> None:
        raise KernelError(f"cannot set {name} to {value}")

    resize(5000, write)
    assert f"cannot set {SIZE} to 5000" in caplog.text


@pytest.mark.parametrize("given", ["0s", "100d"])
def test_what_the_kernel_refuses_or_what_forgets_all_at_once_is_refused_in_the_file(given: str) -> None:
    with pytest.raises(ValidationError, match="1 second to 99 days|1s to 99d"):
        Timeouts.model_validate({"tcp_established": given})
    assert Timeouts.model_validate({"tcp_established": "99d", "udp": "1s"}).udp == 1
