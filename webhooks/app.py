"""The application factory: routes put together, headers on every answer, pages for errors.

It makes no decision about data. What it needs is handed over in `Parts`; nothing here reads a setting.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import structlog
from flask import Flask, Response, jsonify, render_template, request
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError
from werkzeug.exceptions import HTTPException, InternalServerError, NotFound, ServiceUnavailable

from connector.errors import Transient
from connector.store import inbox, links
from connector.store.database import reading, writing
from webhooks import notices
from webhooks.drilldown import pages
from webhooks.drilldown.usage import UsageDays, UsagePage
from webhooks.rate import Tally, TokenBucket

_log = structlog.get_logger()

_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "X-Robots-Tag": "noindex, nofollow, noarchive",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}
_WORDS = {
    400: ("That did not work", "The request could not be understood."),
    404: (
        "This link shows nothing",
        "It may be incomplete, may have ended, or may have been withdrawn. "
        "Open it again from your invoice, or ask the company that sent the invoice.",
    ),
    405: ("That did not work", "This address cannot be used that way."),
    413: ("That did not work", "That was too much at once."),
    503: ("Not just now", "The page cannot be shown at the moment. Please try again in a few minutes."),
}
_UNEXPECTED = ("Something went wrong", "It is our fault and has been noted. Please try again later.")


@dataclass(frozen=True, slots=True)
class Parts:
    """Everything the web needs, plugged in by wiring.

    `secret_keys`: (key id, secret), newest first; the first signs, all verify. `ring` is called after a
    notice is stored. `readiness`: name of a part -> "ok" or what is wrong with it.
    """

    engine: Engine = field(repr=False)
    public_url: str
    secret_keys: tuple[tuple[int, bytes], ...] = field(repr=False)
    verify_notice: notices.VerifyNotice
    ring: Callable[[], None]
    usage_page: UsagePage
    usage_days: UsageDays
    partner_name: str
    readiness: Callable[[], dict[str, str]]
    partner_contact: str = ""
    """An e-mail address for questions about an invoice; without it the page names the partner only."""
    partner_colour: str = "#1d4f7c"
    """#rrggbb; the text upon it is black or white, whichever is easier to read."""
    notices_per_second: float = 50.0
    notices_burst: int = 200


class _Application(Flask):
    def log_exception(self, exc_info: Any) -> None:
        """Name the page, never the address: a customer's address is his key (fault 66)."""
        _log.error("request_failed", page=request.endpoint, exc_info=exc_info)


def create_app(parts: Parts) -> Flask:
    """The whole web as one WSGI application."""
    app = _Application(__name__)
    newest, *older = [links.derived(secret, "flask") for _, secret in parts.secret_keys]
    app.config.update(
        SECRET_KEY=newest,
        SECRET_KEY_FALLBACKS=older,
        MAX_CONTENT_LENGTH=notices.MAX_BODY + 1,
        SEND_FILE_MAX_AGE_DEFAULT=3600,
    )
    app.jinja_options = {"trim_blocks": True, "lstrip_blocks": True}
    app.context_processor(lambda: {"partner_name": parts.partner_name})
    tally = Tally(partial(_keep_counts, parts.engine))
    app.register_blueprint(notices.blueprint(_receiver(parts, tally)))
    app.register_blueprint(pages.blueprint(_door(parts, tally)))
    _add_own_pages(app, parts)
    _add_error_pages(app)
    app.after_request(_protected)
    return app


def _receiver(parts: Parts, tally: Tally) -> notices.Receiver:
    bucket = TokenBucket(parts.notices_per_second, parts.notices_burst)
    return notices.Receiver(parts.engine, parts.verify_notice, parts.ring, bucket, tally)


def _door(parts: Parts, tally: Tally) -> pages.Door:
    return pages.Door(
        reading=lambda: reading(parts.engine),
        writing=lambda: writing(parts.engine),
        keys=parts.secret_keys,
        secure=parts.public_url.lower().startswith("https://"),
        contact=parts.partner_contact,
        usage_page=parts.usage_page,
        usage_days=parts.usage_days,
        refused=lambda: tally.add("links_refused"),
    )


def _add_own_pages(app: Flask, parts: Parts) -> None:
    style = _partner_style(parts.partner_colour)

    @app.get("/")
    def home() -> str:
        return render_template("home.html")

    @app.get("/partner.css")
    def partner_style() -> Response:
        response = Response(style, mimetype="text/css")
        response.cache_control.max_age = 3600
        return response

    @app.get("/healthz")
    def healthz() -> Response:
        return Response("ok\n", mimetype="text/plain")

    @app.get("/readyz")
    def readyz() -> tuple[Response, int]:
        state = parts.readiness()
        return jsonify(state), 200 if all(word == "ok" for word in state.values()) else 503


def _add_error_pages(app: Flask) -> None:
    @app.errorhandler(HTTPException)
    def refused(error: HTTPException) -> Response:
        # a routing redirect (with or without a slash) would tell addresses apart: not found, then
        shown = error if (error.code or 500) >= 400 else NotFound()
        status = shown.code or 500
        title, text = _WORDS.get(status, _UNEXPECTED)
        response = Response(render_template("error.html", title=title, text=text), status, mimetype="text/html")
        for name, value in shown.get_headers():
            if name in ("Allow", "Retry-After"):
                response.headers[name] = value
        return response

    @app.errorhandler(Transient)
    def unavailable(error: Transient) -> Response:
        _log.warning("page_unavailable", page=request.endpoint, code=error.code)
        return refused(ServiceUnavailable(retry_after=30))

    @app.errorhandler(InternalServerError)
    def failed(error: InternalServerError) -> Response:
        return refused(error)


def _protected(response: Response) -> Response:
    for name, value in _HEADERS.items():
        response.headers[name] = value
    if not response.cache_control.max_age:
        response.headers["Cache-Control"] = "no-store"
    return response


def _keep_counts(engine: Engine, counts: Mapping[str, int]) -> bool:
    """Best effort: what cannot be written now is written with the next counts."""
    try:
        with writing(engine) as connection:
            for name, by in sorted(counts.items()):
                inbox.count(connection, name, by)
    except (Transient, SQLAlchemyError):
        return False
    return True


def _partner_style(colour: str) -> str:
    """The partner's colour as a style sheet of its own: the policy allows no style inside a page."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", colour):
        raise ValueError("the partner's colour is written #rrggbb")
    shades = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [shade / 12.92 if shade <= 0.04045 else ((shade + 0.055) / 1.055) ** 2.4 for shade in shades]
    luminance = sum(weight * shade for weight, shade in zip((0.2126, 0.7152, 0.0722), linear, strict=True))
    text = "#fff" if 1.05 / (luminance + 0.05) >= 4.5 else "#111"
    return f":root{{--partner:{colour.lower()};--on-partner:{text}}}\n"
