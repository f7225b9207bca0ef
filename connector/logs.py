"""Logs: events with keys, one JSON object a line; readable colours where a person is looking. Never a secret.

Amounts may stand in a log, names of customers may not (style.md section 2).
"""

from __future__ import annotations

import logging
import sys

import structlog


def set_up(process: str) -> None:
    """Once per process, before anything is logged; `process` stands on every line."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format="%(message)s")
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        # where stderr is at the moment of writing: a supervisor, or a test, may have put another one in its place
        logger_factory=lambda *arguments: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    structlog.contextvars.bind_contextvars(process=process)
