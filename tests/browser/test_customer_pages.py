"""The customer clicks the line he does not understand: on a desk and on a telephone, with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, Page, Request

from tests.browser.conftest import Shown
from tests.browser.invoices import CHARGES, MARKUP, NAME, ROWS, USAGE

pytestmark = pytest.mark.browser
DESK, TELEPHONE = 1280, 375
_BUTTON = "Show the invoice"


@dataclass
class Reader:
    """A page and everything it did: what it said to the console, whom it asked."""

    page: Page
    trouble: list[str] = field(default_factory=list)
    hosts: set[str] = field(default_factory=set)

    def opens(self, link: str) -> None:
        self.page.goto(link)
        self.page.get_by_role("button", name=_BUTTON).click()
        self.page.wait_for_load_state()

    def numbers(self, selector: str) -> list[Decimal]:
        return [number(text) for text in self.page.locator(selector).all_inner_texts()]

    def is_wide(self) -> bool:
        """Whether it would have to be scrolled sideways."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def number(text: str) -> Decimal:
    return Decimal(text.replace(",", "").replace("\u2212", "-").replace("\u00a0", "").strip().split()[-1])


@pytest.fixture(params=[DESK, TELEPHONE])
def reader(chromium: Browser, shown: Shown, request: pytest.FixtureRequest) -> Iterator[Reader]:
    yield from reading(chromium, request.param)


@pytest.fixture
def telephone(chromium: Browser) -> Iterator[Reader]:
    yield from reading(chromium, TELEPHONE)


def reading(chromium: Browser, width: int, **more: bool) -> Iterator[Reader]:
    context = chromium.new_context(viewport={"width": width, "height": 800}, locale="en-GB", **more)  # type: ignore[arg-type]
    reader = Reader(context.new_page())
    reader.page.on("console", lambda said: reader.trouble.append(said.text))
    reader.page.on("pageerror", lambda error: reader.trouble.append(str(error)))
    reader.page.on("requestfailed", lambda asked: note_failure(reader, asked))
    reader.page.on("request", lambda asked: reader.hosts.add(urlsplit(asked.url).netloc))
    yield reader
    context.close()


def note_failure(reader: Reader, asked: Request) -> None:
    if asked.failure != "net::ERR_ABORTED":  # a picture still on its way when the reader goes on
        reader.trouble.append(f"failed: {urlsplit(asked.url).path}")


def test_the_first_page_shows_nothing_of_anybody(reader: Reader, shown: Shown) -> None:
    reader.page.goto(shown.link("proration"))
    everything = reader.page.content()
    line = shown.line("proration")
    hidden = ["53.93", line["text"], "Business Standard", "Zoë", "20.90", line["subscription_id"]]
    assert [text for text in hidden if text in everything] == []
    assert reader.page.get_by_role("button", name=_BUTTON).is_visible()
    assert not reader.is_wide()
    assert reader.page.context.cookies() == []


def test_the_line_is_explained_and_adds_up(reader: Reader, shown: Shown) -> None:
    """10 to 14 seats at 20.90, 20 of 31 days left: -134.84 + 188.77 = 53.93 (product.md section 6)."""
    reader.opens(shown.link("proration"))
    assert "/i/" not in reader.page.url, "the token does not stay in the address"
    parts = reader.numbers("table.sum tbody td.strong")
    assert parts == [Decimal("-134.84"), Decimal("188.77")]
    (total,) = reader.numbers("table.sum tfoot td.number")
    assert total == sum(parts) == Decimal("53.93") == Decimal(shown.line("proration")["amount"])
    text = reader.page.inner_text("main")
    assert "10 to 14" in text
    assert "20 / 31" in text
    assert reader.page.locator("figure svg").is_visible()
    assert not reader.is_wide()


def test_the_invoice_adds_up(reader: Reader, shown: Shown) -> None:
    reader.opens(shown.link("proration"))
    reader.page.get_by_role("link", name="Invoice for").click()
    reader.page.wait_for_load_state()
    amounts = reader.numbers("table.lines tbody td.number")
    (total,) = reader.numbers("table.lines tfoot td.number")
    (document,) = shown.month.documents.values()
    assert sum(amounts) == total == Decimal(document["net_total"])
    assert total == Decimal("209.00") + Decimal("53.93") + USAGE * MARKUP
    assert NAME in reader.page.inner_text("p.whom")
    assert not reader.is_wide()


def test_no_cost_of_ours_is_in_any_byte(reader: Reader, shown: Shown) -> None:
    """Behaviour 18: not in the page, its source or its errors."""
    asked = []
    for kind in ("proration", "advance", "usage"):
        reader.opens(shown.link(kind))
        # the bytes themselves, with the cookie the reader now has: page, its end, what it refers to, and a mistake
        here = reader.page.url
        asked += [reader.page.context.request.get(url) for url in (here, here.rsplit("/l/", 1)[0], f"{here}?page=99")]
    asked.append(reader.page.context.request.get(f"{shown.url}/static/site.css"))
    (document,) = shown.month.documents.values()
    costs = [subtotal.lstrip("-") for *_, subtotal in CHARGES]
    costs += [str(USAGE), "markup", "25 %", "25%", document["cost_total"]]
    bodies = [f"{answer.headers}{answer.text()}" for answer in asked]
    assert sum(answer.status == 200 for answer in asked) >= 7
    assert [cost for cost in costs if any(cost in body for body in bodies)] == []


def test_nothing_is_asked_of_others_and_nothing_complains(reader: Reader, shown: Shown) -> None:
    for kind in ("proration", "advance", "usage"):
        reader.opens(shown.link(kind))
    assert reader.hosts == {urlsplit(shown.url).netloc}
    assert reader.trouble == []
    assert reader.page.title() != "taken over"


def test_usage_is_shown_a_page_at_a_time(reader: Reader, shown: Shown) -> None:
    reader.opens(shown.link("usage"))
    line = Decimal(shown.line("usage")["amount"])
    assert line == USAGE * MARKUP
    assert sum(reader.numbers("table.days tbody td.number:last-child")) == line
    seen = []
    while True:
        rows = reader.page.locator("table.rows tbody tr").all_inner_texts()
        assert len(rows) <= 100
        seen += [row.split("a-virtual-machine-with-quite-a-long-name-")[1][:3] for row in rows]
        assert not reader.is_wide()
        after = reader.page.locator("nav.pages a[rel=next]")
        if not after.count():
            break
        after.first.click()
        reader.page.wait_for_load_state()
    assert sorted(seen) == [f"{place:03d}" for place in range(ROWS)]


@pytest.mark.parametrize("width", [DESK, TELEPHONE])
def test_it_works_without_javascript(chromium: Browser, shown: Shown, width: int) -> None:
    for reader in reading(chromium, width, java_script_enabled=False):
        reader.opens(shown.link("proration"))
        assert reader.numbers("table.sum tfoot td.number") == [Decimal("53.93")]
        reader.page.get_by_role("link", name="Invoice for").click()
        assert "Total without tax" in reader.page.inner_text("main")


def test_a_mistyped_link_looks_like_a_withdrawn_one(telephone: Reader, shown: Shown) -> None:
    link = shown.link("proration")
    token = link.split("/i/")[1].split("/")[0]
    answers = []
    for wrong in (link.replace(token, token[:-1] + ("A" if token[-1] != "A" else "B")), link + "9", f"{shown.url}/i/x"):
        answer = telephone.page.goto(wrong)
        assert answer is not None
        answers.append((answer.status, telephone.page.inner_text("main")))
    assert {status for status, _ in answers} == {404}
    assert len({text for _, text in answers}) == 1
    assert not telephone.is_wide()


def test_what_one_reader_opened_stays_closed_to_another(telephone: Reader, chromium: Browser, shown: Shown) -> None:
    telephone.opens(shown.link("proration"))
    for other in reading(chromium, DESK):
        answer = other.page.goto(telephone.page.url)
        assert answer is not None
        assert answer.status == 404


def test_it_can_be_read_by_keyboard_and_aloud(telephone: Reader, shown: Shown) -> None:
    telephone.page.goto(shown.link("proration"))
    page = telephone.page
    for _ in range(6):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "BUTTON":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/d/**")
    assert page.locator("html").get_attribute("lang") == "en"
    assert page.locator("h1").count() == 1
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("svg[role=img]:not([aria-label])").count() == 0
