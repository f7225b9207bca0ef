"""A bound on what a flood may cost: a token bucket, and refusals counted in memory, written once a second."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping

_MAX_NAMES = 60


class TokenBucket:
    """At most `burst` at once and `per_second` in the long run. One per process; safe between threads."""

    def __init__(self, per_second: float, burst: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._per_second = per_second
        self._burst = burst
        self._clock = clock
        self._left = float(burst)
        self._at = clock()
        self._lock = threading.Lock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        with self._lock:
            now = self._clock()
            self._left = min(float(self._burst), self._left + (now - self._at) * self._per_second)
            self._at = now
            if self._left < 1:
                return False
            self._left -= 1
            return True


class Tally:
    """Counts in memory; a timer hands the sums over at most once in `seconds`, never in a request's own time.

    `write` answers whether it kept them; what it did not keep stays here for the next time.
    """

    def __init__(self, write: Callable[[Mapping[str, int]], bool], seconds: float = 1.0) -> None:
        self._write = write
        self._seconds = seconds
        self._counts: Counter[str] = Counter()
        self._timer: threading.Timer | None = None
        self._lock = threading.Lock()

    def add(self, name: str) -> None:
        with self._lock:
            # strangers must not be able to invent names without end
            known = name in self._counts or len(self._counts) < _MAX_NAMES
            self._counts[name if known else "other"] += 1
            if self._timer is None:
                self._timer = threading.Timer(self._seconds, self.flush)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Hand over what has come together."""
        with self._lock:
            counts, self._counts, self._timer = self._counts, Counter(), None
        if counts and not self._write(counts):
            with self._lock:
                self._counts.update(counts)
