"""A circuit breaker: a host that only fails is left in peace for a while, so that work does not pile up on
it.

Off unless an HttpClient is given one. There is no pacing here: hosts that throttle say so by 429 and
Retry-After.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Breaker:
    """After `threshold` failures in a row the host rests for `rest_seconds`; then one caller tries it."""

    def __init__(
        self, threshold: int = 10, rest_seconds: int = 30, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = threshold
        self._rest_seconds = rest_seconds
        self._clock = clock
        self._failures: dict[str, int] = {}
        self._rests_until: dict[str, float] = {}
        self._lock = threading.Lock()

    def rest(self, host: str) -> int:
        """Seconds this host still rests; 0 = call it. Answering 0 after a rest lets one caller through."""
        with self._lock:
            until = self._rests_until.get(host)
            if until is None:
                return 0
            left = until - self._clock()
            if left > 0:
                return max(1, round(left))
            self._rests_until[host] = self._clock() + self._rest_seconds
            return 0

    def count(self, host: str, *, failed: bool) -> None:
        """Tell how a call went."""
        with self._lock:
            if not failed:
                self._failures.pop(host, None)
                self._rests_until.pop(host, None)
                return
            self._failures[host] = self._failures.get(host, 0) + 1
            if self._failures[host] >= self._threshold:
                self._rests_until[host] = self._clock() + self._rest_seconds
