"""The customer's pages: nothing before the button, one document after it, no cost anywhere."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html.parser import HTMLParser
from typing import Any

import pytest
import time_machine
from flask.testing import FlaskClient
from sqlalchemy import Engine, text, update
from werkzeug.test import TestResponse

from connector.store import links
from connector.store.customer_view import CUSTOMER_VIEWS, Scope, list_parts
from connector.store.database import open_engine, reading, writing
from connector.store.tables import metadata, parts
from tests.web import seeded
from tests.web.seeded import CANARIES, DOCUMENT, KEYS, NAME, NET_TOTAL, OTHER, REISSUED
from webhooks.app import create_app

Browser = Callable[..., FlaskClient]
READ = f"/d/{DOCUMENT}"
LINES = range(1, len(seeded.LINES) + 1)


@pytest.fixture
def reader(browser: Browser, tokens: dict[str, str]) -> FlaskClient:
    """A customer who has pressed the button."""
    client = browser()
    assert client.post(f"/i/{tokens[DOCUMENT]}", base_url="https://bills.example.test").status_code == 303
    return client


def get(client: FlaskClient, path: str, **more: Any) -> TestResponse:
    return client.get(path, base_url="https://bills.example.test", **more)


def holding(client: FlaskClient, value: str) -> FlaskClient:
    """A browser that sends this cookie to every page."""
    client.set_cookie("document", value, domain="bills.example.test", path="/")
    return client


def everything(answer: TestResponse) -> str:
    return f"{answer.status}\n{answer.headers}\n{answer.text}"


class _Numbers(HTMLParser):
    """Text of the cells marked as amounts, by table."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str, str]] = []
        self._table = self._part = self._label = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "table":
            self._table = given.get("class") or ""
        if tag in ("tbody", "tfoot"):
            self._part = tag
        self._label = (given.get("data-label") or "") if tag == "td" else ""

    def handle_data(self, data: str) -> None:
        if self._label.startswith(("Amount", "Rounded")) and data.strip():
            self.found.append((self._table, self._part, data.strip()))


def amounts(page: str, table: str) -> tuple[list[Decimal], list[Decimal]]:
    """Amounts of a table's rows, and of its foot."""
    parser = _Numbers()
    parser.feed(page)
    ours = [(part, Decimal(value.replace(",", ""))) for name, part, value in parser.found if name == table]
    return [value for part, value in ours if part == "tbody"], [value for part, value in ours if part == "tfoot"]


# --- the closed door ---------------------------------------------------------------------------


@pytest.mark.parametrize("tail", ["", "/l/1"])
def test_the_first_look_shows_nothing_and_uses_up_nothing(
    engine: Engine, browser: Browser, tokens: dict[str, str], tail: str
) -> None:
    client = browser()
    for _ in range(3):
        answer = get(client, f"/i/{tokens[DOCUMENT]}{tail}")
        assert answer.status_code == 200 and "Set-Cookie" not in answer.headers
        shown = everything(answer)
        assert "Nordlicht Cloud &lt;GmbH&gt;" in shown and shown.count("<button") == 1
        for secret in ("Zo", "53.93", str(NET_TOTAL), "Microsoft 365", DOCUMENT, "EUR", "2026", "CSP-"):
            assert secret not in answer.text
    with reading(engine) as connection:
        assert all(link.opened == 0 for link in links.list_links(connection))


def test_the_button_opens_the_line_under_a_clean_address(
    engine: Engine, browser: Browser, tokens: dict[str, str]
) -> None:
    client = browser()
    answer = client.post(f"/i/{tokens[DOCUMENT]}/l/1", base_url="https://bills.example.test")
    assert answer.status_code == 303 and answer.headers["Location"] == f"{READ}/l/1"
    cookie = answer.headers["Set-Cookie"]
    for word in ("HttpOnly", "Secure", "SameSite=Lax", f"Path={READ}", "Max-Age=1800"):
        assert word in cookie
    assert tokens[DOCUMENT] not in cookie and "Domain" not in cookie
    assert "53.93" in get(client, f"{READ}/l/1").text
    with reading(engine) as connection:
        assert [link.opened for link in links.list_links(connection) if link.document_id == DOCUMENT] == [1]


def test_the_cookie_is_secure_exactly_where_the_address_is(browser: Browser, tokens: dict[str, str]) -> None:
    answer = browser(public_url="http://127.0.0.1:8080").post(f"/i/{tokens[DOCUMENT]}")
    assert "Secure" not in answer.headers["Set-Cookie"]


def _bad_addresses(tokens: dict[str, str]) -> list[str]:
    good = tokens[DOCUMENT]
    return [
        "/i/nonsense",
        f"/i/{good[:-1]}",
        f"/i/{good}A",
        f"/i/{good[:-1]}{'A' if good[-1] != 'A' else 'B'}",
        f"/i/{'A' * 52}",
        "/i/%00%ff",
        f"/i/{good}/",
        f"/i/{good}/l/0",
        f"/i/{good}/l/99",
        f"/i/{good}/l/-1",
        f"/i/{good}/l/1x",
        f"/i/{good}/l/01",
        f"/i/{good}/l/%D9%A1",
        f"/i/{good}/l/99999999999999999999",
        f"/i/{good}/x",
        "/i/",
        "/nowhere",
        READ,
        f"{READ}/l/1",
        f"/d/{OTHER}",
        "/d/x",
        f"/i/{tokens[OTHER]}/l/2",
    ]


def test_all_bad_addresses_give_the_same_bytes(engine: Engine, browser: Browser, tokens: dict[str, str]) -> None:
    client = browser()
    with writing(engine) as connection:
        links.revoke(connection, REISSUED)
    bad = [*_bad_addresses(tokens), f"/i/{tokens[REISSUED]}"]
    answers = [get(client, address) for address in bad]
    seeded.soon(engine, DOCUMENT, timedelta(seconds=-1))
    answers.append(get(client, f"/i/{tokens[DOCUMENT]}"))
    foreign = browser(secret_keys=((2, b"f" * 32),))
    answers.append(get(foreign, f"/i/{tokens[OTHER]}"))
    answers += [client.post(address) for address in (f"/i/{tokens[DOCUMENT]}", f"/i/{tokens[REISSUED]}", "/i/x")]
    first = answers[0]
    assert first.status_code == 404
    for answer in answers:
        assert everything(answer) == everything(first)


# --- whose cookie ------------------------------------------------------------------------------


def test_a_cookie_opens_its_own_document_only(reader: FlaskClient, browser: Browser, tokens: dict[str, str]) -> None:
    cookie = reader.get_cookie("document", "bills.example.test", READ)
    assert cookie is not None
    missing = get(browser(), "/nowhere")
    for path in (
        f"/d/{OTHER}",
        f"/d/{OTHER}/l/1",
        f"/d/{REISSUED}",
        f"{READ}/l/99",
        f"{READ}/l/1x",
        f"{READ}?page=2",
        f"{READ}?page=0",
        f"{READ}?page=x",
        f"{READ}/l/2?page=4",
        f"{READ}/l/1?part=2",
    ):
        answer = get(browser(), path, headers={"Cookie": f"document={cookie.value}"})
        assert everything(answer) == everything(missing), path
    assert get(holding(browser(), cookie.value), READ).status_code == 200


def test_a_changed_cookie_is_none(reader: FlaskClient, browser: Browser) -> None:
    cookie = reader.get_cookie("document", "bills.example.test", READ)
    assert cookie is not None
    value = cookie.value
    moved = value.replace(DOCUMENT, OTHER)
    later = re.sub(r"\.(\d{10})\.", lambda match: f".{int(match[1]) + 1}.", value)
    for forged in (moved, later, value[:-1], value + "0", "", "x", value.upper(), "999" + value[1:]):
        target = f"/d/{OTHER}" if forged == moved else READ
        assert get(holding(browser(), forged), target).status_code == 404


def test_half_an_hour_later_the_page_is_closed(reader: FlaskClient) -> None:
    cookie = reader.get_cookie("document", "bills.example.test", READ)
    assert cookie is not None
    for minutes, status in ((29, 200), (31, 404)):
        with time_machine.travel(datetime.now(UTC) + timedelta(minutes=minutes)):
            assert get(holding(reader, cookie.value), READ).status_code == status


def test_revoking_closes_open_pages_at_once(engine: Engine, reader: FlaskClient) -> None:
    assert get(reader, READ).status_code == 200
    with writing(engine) as connection:
        links.revoke(connection, DOCUMENT)
    assert get(reader, READ).status_code == 404


# --- what the pages say ------------------------------------------------------------------------


def test_the_document_adds_up(reader: FlaskClient) -> None:
    page = get(reader, READ).text
    rows, foot = amounts(page, "lines")
    assert len(rows) == len(seeded.LINES) and sum(rows) == NET_TOTAL and foot == [NET_TOTAL]
    assert "Invoice for" in page and "March 2026" in page


@pytest.mark.parametrize("no", LINES)
def test_the_rows_of_a_line_add_up_to_it(reader: FlaskClient, no: int) -> None:
    rows, foot = amounts(get(reader, f"{READ}/l/{no}").text, "sum")
    amount = seeded.amount_of(seeded.LINES[no - 1][2])
    assert sum(rows) == amount and foot == [amount]


def test_ten_to_fourteen_seats_is_told_in_order(reader: FlaskClient) -> None:
    page = get(reader, f"{READ}/l/1").text
    told = (
        "went from 10 to 14",
        "<svg",
        "Seats over the cycle: 10 from 1 Mar to 11 Mar, 14 from 12 Mar to 31 Mar",
        "-10",
        "20.90",
        "20 / 31",
        "-134.838709…",
        "-134.84",
        "188.774193…",
        "188.77",
        "53.93",
        "20.90 EUR for each unit",
        "-134.84 + 188.77 =",
        "14 × 20.90 = 292.60",
    )
    places = [page.index(words, page.index("<h1>")) for words in told[:2]]
    assert places == sorted(places)
    at = page.index('<table class="sum">')
    for words in told[3:]:
        at = page.index(words, at)
    assert told[2] in page


def test_usage_is_told_by_day_and_by_page(reader: FlaskClient) -> None:
    page = get(reader, f"{READ}/l/2").text
    rows, foot = amounts(page, "days")
    assert len(rows) == 31 and sum(rows) == Decimal("186.76") and foot == [Decimal("186.76")]
    assert "≈ 0.8853" in page and "0.846202666" in page and "6 Apr 2026" in page
    assert page.count("vm-shop-") == 100 and "1 to 100 of 250" in page
    last = get(reader, f"{READ}/l/2?page=3").text
    assert last.count("vm-shop-") == 50 and "vm-shop-0249" in last and "Next" not in last


def test_usage_without_its_detail_says_so(browser: Browser, tokens: dict[str, str]) -> None:
    client = browser(usage_days=lambda sets, key: [])
    client.post(f"/i/{tokens[DOCUMENT]}", base_url="https://bills.example.test")
    assert "has not delivered the daily detail" in get(client, f"{READ}/l/2").text


def test_free_taken_back_and_credited_lines_say_so(reader: FlaskClient, engine: Engine) -> None:
    assert "Free of charge" in get(reader, f"{READ}/l/4").text
    assert "Microsoft withdrew the invoice with this charge" in get(reader, f"{READ}/l/6").text
    assert "Takes back" not in get(reader, f"{READ}/l/1").text
    with writing(engine) as connection:
        own = f"raw-{DOCUMENT}-3-1"
        connection.execute(update(parts).where(parts.c.reverses == "raw-old").values(reverses=own))
    assert "Takes back part of the charge for" in get(reader, f"{READ}/l/1").text


def test_a_credit_of_another_customers_charge_tells_nothing_of_it(engine: Engine, tokens: dict[str, str]) -> None:
    with reading(engine) as connection:
        credit, _ = list_parts(connection, Scope(DOCUMENT), 1, 0, 10)
    assert (credit.reversed_period, credit.reversed_start, credit.reversed_end) == (None, None, None)


def test_a_credit_note_is_called_one(browser: Browser, tokens: dict[str, str]) -> None:
    client = browser()
    client.post(f"/i/{tokens[REISSUED]}", base_url="https://bills.example.test")
    assert "Credit note for" in get(client, f"/d/{REISSUED}").text


def test_numbers_and_dates_follow_the_readers_language(reader: FlaskClient) -> None:
    page = get(reader, f"{READ}/l/1", headers={"Accept-Language": "de-CH,de;q=0.9"}).text
    assert "-134,838709…" in page and 'lang="de">12.03.2026</time>' in page and '<html lang="en">' in page
    assert "53.93" in get(reader, READ, headers={"Accept-Language": "zh"}).text


def test_a_long_line_and_a_long_document_come_in_pages(engine: Engine, reader: FlaskClient) -> None:
    with writing(engine) as connection:
        for no in range(2, 251):
            connection.execute(
                text(
                    "INSERT INTO parts (document_line_id, no, line_id, reversal, split, charge_type, quantity,"
                    " exact, amount, reverses, sentence) SELECT document_line_id, :no, :line, reversal, split,"
                    " charge_type, quantity, exact, amount, reverses, sentence FROM parts"
                    " WHERE document_line_id = :of AND no = 1"
                ),
                {"no": no, "line": f"more-{no}", "of": f"{DOCUMENT}-3"},
            )
    page = get(reader, f"{READ}/l/3?part=3").text
    assert "201 to 250 of 250" in page and "Sum of all 250 rows" in page
    assert get(reader, f"{READ}/l/3?part=4").status_code == 404


# --- nothing else ------------------------------------------------------------------------------


def _all_pages(client: FlaskClient, tokens: dict[str, str]) -> list[TestResponse]:
    token = tokens[DOCUMENT]
    paths = [
        "/",
        "/nowhere",
        f"/i/{token}",
        f"/i/{token}/l/1",
        READ,
        f"{READ}?page=1",
        f"{READ}?sort=cost",
        f"{READ}?page=9",
        *[f"{READ}/l/{no}" for no in LINES],
        f"{READ}/l/2?page=2",
        f"{READ}/l/2?export=csv",
        "/partner.css",
        "/static/site.css",
        "/static/icon.svg",
        "/healthz",
        "/readyz",
    ]
    return [get(client, path) for path in paths]


def test_no_cost_and_nobody_else_in_any_byte(reader: FlaskClient, tokens: dict[str, str]) -> None:
    weights = [str(day.weight) for day in seeded.USAGE_DAYS]
    for answer in _all_pages(reader, tokens):
        shown = everything(answer)
        for secret in (*CANARIES, *weights, "Other Customer", "Secret product", OTHER, *tokens.values()):
            assert secret not in shown, (answer.request.path, secret)


def test_the_views_hold_no_column_a_customer_must_not_see(engine: Engine, tokens: dict[str, str]) -> None:
    forbidden = re.compile(r"cost|margin|rule|lost|held|operand|hash", re.IGNORECASE)
    with reading(engine) as connection:
        for name in CUSTOMER_VIEWS:
            result = connection.execute(text(f"SELECT * FROM {name}"))
            assert not [column for column in list(result.keys()) if forbidden.search(column)]
            assert not any(secret in str(result.all()) for secret in ("77123", "canary-rule", "canary-cost"))
    assert set(CUSTOMER_VIEWS) == {"v_customer_documents", "v_customer_lines", "v_customer_parts"}
    assert not set(CUSTOMER_VIEWS) & set(metadata.tables)


def test_names_are_text_and_never_markup(reader: FlaskClient, tokens: dict[str, str]) -> None:
    for answer in _all_pages(reader, tokens):
        if answer.mimetype != "text/html":
            continue
        assert not re.search(r"<(script|b|i|GmbH)\b", answer.text)
        assert " style=" not in answer.text and not re.search(r"\son\w+=", answer.text)
        assert not re.search(r"(src|href|action)=\"(?!/|#|\?|mailto:)", answer.text)
    page = get(reader, READ).text
    assert "<bdi>Zo\N{LATIN SMALL LETTER E WITH DIAERESIS} &amp; S" in page and "北京" in page
    assert NAME not in page and "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_headers_on_every_answer(reader: FlaskClient, tokens: dict[str, str]) -> None:
    for answer in [*_all_pages(reader, tokens), reader.post("/webhooks/partner-center", data=b"x")]:
        headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert headers["Referrer-Policy"] == "no-referrer" and headers["X-Content-Type-Options"] == "nosniff"
        assert "noindex" in headers["X-Robots-Tag"]
        if answer.mimetype == "text/html":
            assert headers["Cache-Control"] == "no-store"
            assert '<html lang="en">' in answer.text and 'class="skip"' in answer.text


def test_an_address_is_never_in_the_log_of_a_failure(
    browser: Browser, tokens: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: Any) -> Any:
        raise ZeroDivisionError

    client = browser(usage_days=broken)
    client.application.config["PROPAGATE_EXCEPTIONS"] = False
    client.post(f"/i/{tokens[DOCUMENT]}", base_url="https://bills.example.test")
    answer = get(client, f"{READ}/l/2")
    assert answer.status_code == 500 and "ZeroDivision" not in answer.text and "no-store" in str(answer.headers)
    logged = "".join(capsys.readouterr())
    assert "ZeroDivisionError" in logged and tokens[DOCUMENT] not in logged


def test_without_a_database_the_pages_say_not_now(browser: Browser, tokens: dict[str, str], tmp_path: Any) -> None:
    client = browser(engine=open_engine(f"sqlite:///{tmp_path / 'empty.sqlite'}"))
    for answer in (client.get(f"/i/{tokens[DOCUMENT]}"), client.post(f"/i/{tokens[DOCUMENT]}")):
        assert answer.status_code == 503 and "sqlite" not in everything(answer)


def test_health_and_readiness(browser: Browser) -> None:
    assert browser().get("/healthz").status_code == 200
    ready = browser().get("/readyz")
    assert ready.status_code == 200 and ready.json == {"database": "ok"}
    state = {"database": "ok", "redis": "does not answer"}
    late = browser(readiness=lambda: state).get("/readyz")
    assert late.status_code == 503 and late.json == state


@pytest.mark.parametrize(("colour", "upon"), [("#1d4f7c", "#fff"), ("#FFD400", "#111"), ("#777777", "#111")])
def test_text_on_the_partners_colour_can_be_read(browser: Browser, colour: str, upon: str) -> None:
    assert f"--on-partner:{upon}" in browser(partner_colour=colour).get("/partner.css").text


def test_a_colour_that_is_none_is_refused(engine: Engine) -> None:
    with pytest.raises(ValueError):
        create_app(seeded.parts(engine, partner_colour="red;} body{display:none"))


def test_a_question_names_the_invoice_and_the_line(browser: Browser, tokens: dict[str, str]) -> None:
    client = browser(partner_contact="billing@nordlicht.example")
    client.post(f"/i/{tokens[DOCUMENT]}", base_url="https://bills.example.test")
    page = get(client, f"{READ}/l/1").text
    assert "mailto:billing@nordlicht.example?subject=CSP-7Q2M4K9XT1D3%2C%20line%201" in page


def test_the_style_sheet_is_small_and_nothing_is_scripted(browser: Browser) -> None:
    sheet = browser().get("/static/site.css").data
    assert len(sheet) < 12_000 and b"url(" not in sheet and b"@import" not in sheet and KEYS[0][1] not in sheet
