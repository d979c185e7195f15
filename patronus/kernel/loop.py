# SPDX-License-Identifier: GPL-2.0-or-later
"""The event loop of the server processes: readiness, timers, signals; one thread, no coroutines.

asyncio would do and costs each datagram several times what the datagram's own work costs.
"""

from __future__ import annotations

import heapq
import itertools
import select
import signal
import socket
import threading
import time
from collections import deque
from collections.abc import Callable
from types import FrameType

Callback = Callable[[], None]
NEVER_S = 3600.0
MOST_FAILURES = 16
"""So many callbacks that fail one after the other end the loop: it turns without getting on."""


class Timer:
    """A callback that is due at ``due`` (monotonic seconds) unless cancelled first."""

    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callback) -> None:
        self.due = due
        self.callback: Callback | None = callback

    def close(self) -> None:
        """Forget the callback; harmless where it has run."""
        self.callback = None


class Loop:
    """Calls back when a socket is ready or a time has come.

    ``failed`` hears of a callback's exception, and the loop goes on; where there is none, or it raises, or
    ``MOST_FAILURES`` callbacks failed in a row, the exception ends ``run``.
    """

    def __init__(self) -> None:
        self.failed: Callable[[Exception], None] | None = None
        self._failures = 0
        self._epoll = select.epoll()
        self._watched: dict[int, tuple[int, Callback]] = {}
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._stopping = False
        self._soon: deque[Callback] = deque()
        self._waker, self._wakened = socket.socketpair()
        self._waker.settimeout(0)
        self._wakened.settimeout(0)

    def on_readable(self, sock: socket.socket, callback: Callback) -> None:
        """Call back whenever there is something to read, until ``forget``."""
        self._register(sock, select.EPOLLIN, callback)

    def on_writable(self, sock: socket.socket, callback: Callback) -> None:
        """Call back whenever there is room to write, in the place of any reading callback."""
        self._register(sock, select.EPOLLOUT, callback)

    def _register(self, sock: socket.socket, events: int, callback: Callback) -> None:
        descriptor = sock.fileno()
        known = self._watched.get(descriptor)
        if known is None:
            self._epoll.register(descriptor, events)
        elif known[0] != events:
            self._epoll.modify(descriptor, events)
        self._watched[descriptor] = events, callback

    def forget(self, sock: socket.socket) -> None:
        """Stop watching a socket; harmless where it is not watched."""
        if self._watched.pop(sock.fileno(), None) is not None:
            self._epoll.unregister(sock.fileno())

    def rest(self, sock: socket.socket, delay_s: float) -> None:
        """Leave a watched socket alone for a while: all that comes meanwhile is one callback then."""
        descriptor = sock.fileno()
        if descriptor in self._watched:
            self._epoll.modify(descriptor, 0)
            self.call_later(delay_s, lambda: self._look_again(descriptor))

    def _look_again(self, descriptor: int) -> None:
        watched = self._watched.get(descriptor)
        if watched is not None:
            self._epoll.modify(descriptor, watched[0])

    def call_later(self, delay_s: float, callback: Callback) -> Timer:
        """Call back once, after ``delay_s`` seconds that the wall clock has no say in."""
        timer = Timer(time.monotonic() + delay_s, callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    def call_soon(self, callback: Callback) -> None:
        """Call back in the loop's next turn; the one method that other threads may call."""
        self._soon.append(callback)
        self._wake()

    def _wake(self) -> None:
        try:
            self._waker.send(b"\0")
        except BlockingIOError:
            return

    def run(self) -> None:
        """Serve until ``stop``; in the main thread also until SIGTERM or SIGINT."""
        if threading.current_thread() is threading.main_thread():
            signal.set_wakeup_fd(self._waker.fileno(), warn_on_full_buffer=False)
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, self._on_signal)
        self.on_readable(self._wakened, lambda: _drain(self._wakened))
        while not self._stopping:
            ready = [(fd, self._watched.get(fd)) for fd, _ in self._epoll.poll(self._wait_s())]
            for descriptor, watched in ready:
                if watched is not None and self._watched.get(descriptor) is watched:
                    self._call(watched[1])
            while self._soon:
                self._call(self._soon.popleft())
            self._run_timers()

    def _call(self, callback: Callback) -> None:
        try:
            callback()
        except Exception as error:
            self._failures += 1
            if self.failed is None or self._failures >= MOST_FAILURES:
                raise
            self.failed(error)
        else:
            self._failures = 0

    def stop(self) -> None:
        """Leave ``run`` after the callbacks of this turn."""
        self._stopping = True

    def _on_signal(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _wait_s(self) -> float:
        while self._timers and self._timers[0][2].callback is None:
            heapq.heappop(self._timers)
        return max(0.0, self._timers[0][0] - time.monotonic()) if self._timers else NEVER_S

    def _run_timers(self) -> None:
        now = time.monotonic()
        while self._timers and self._timers[0][0] <= now:
            timer = heapq.heappop(self._timers)[2]
            callback, timer.callback = timer.callback, None
            if callback is not None:
                self._call(callback)


def _drain(sock: socket.socket) -> None:
    try:
        while sock.recv(64):
            pass
    except BlockingIOError:
        return
