"""From Microsoft's notice to a priced month, by the processes alone: with Redis, without it, and when it dies."""

from __future__ import annotations

import hashlib
import json

import pytest
import requests

from tests.cli.desk import told
from tests.cli.october import FIRST, INVOICE, NET, PERIOD, SECOND
from tests.jobs.house import House, RedisServer, redis_server, wait_for
from tests.standins.microsoft import MicrosoftStandIn

pytestmark = pytest.mark.redis
# A clock that ticks once and then sleeps through the test: what happens is the bell's doing.
SELDOM = "600"


def notice(microsoft: MicrosoftStandIn, house: House, **order: object) -> list[int]:
    """Send a notice; the status of each attempt."""
    sent = microsoft.send_notice(f"{house.url}/webhooks/partner-center", invoice=INVOICE, **order)  # type: ignore[arg-type]
    return [attempt["status"] for one in sent for attempt in one["attempts"]]


def test_a_notice_rings_and_the_workers_do_the_rest(
    house: House, microsoft: MicrosoftStandIn, red: RedisServer
) -> None:
    house.desk.settings["REDIS_URL"] = red.url
    house.serve()
    house.workers()
    assert notice(microsoft, house, copies=2) == [200, 200]
    house.month_is(PERIOD, "balanced")
    assert house.desk.month(PERIOD).net == NET
    wait_for(lambda: set(house.work().values()) == {"done"}, "all work done", house)
    assert set(house.work()) == {"look partner", f"pull {PERIOD}", f"price {PERIOD}"}
    # PUSH_AUTOMATICALLY is no: a person presses send
    assert house.desk.month(PERIOD).postings == {"C-1": "planned", "C-2": "planned"}
    assert house.rows("SELECT COUNT(*) FROM inbox WHERE handled_at IS NOT NULL") == [(1,)]
    house.desk.holds()


def test_without_redis_the_clock_does_the_work(house: House, microsoft: MicrosoftStandIn) -> None:
    house.serve()
    house.clock()
    assert notice(microsoft, house) == [200]
    house.month_is(PERIOD, "balanced")
    assert house.desk.month(PERIOD).net == NET
    wait_for(lambda: requests.get(f"{house.url}/readyz", timeout=5).status_code == 200, "readiness", house)


def test_without_any_notice_polling_finds_the_month(house: House) -> None:
    house.clock()
    house.month_is(PERIOD, "balanced")
    assert house.desk.month(PERIOD).net == NET


def test_a_dead_redis_delays_no_notice_and_loses_no_work(
    house: House, microsoft: MicrosoftStandIn, red: RedisServer
) -> None:
    house.desk.settings["REDIS_URL"] = red.url
    house.serve()
    red.kill()
    assert notice(microsoft, house) == [200]
    (sent,) = microsoft.notices()[-1:]
    assert sent["attempts"][0]["milliseconds"] < 1500
    house.clock()
    house.month_is(PERIOD, "balanced")
    assert house.desk.month(PERIOD).net == NET


def test_a_flushed_redis_loses_no_work(house: House, microsoft: MicrosoftStandIn, red: RedisServer) -> None:
    """The job is gone before any worker has seen it: the clock rings again."""
    house.desk.settings["REDIS_URL"] = red.url
    house.serve()
    assert notice(microsoft, house) == [200]
    wait_for(lambda: red.client().llen("rq:queue:pull") == 1, "the ring")
    red.client().flushall()
    house.workers("pull", "price")
    house.clock()
    house.month_is(PERIOD, "balanced")
    assert house.desk.month(PERIOD).net == NET


def test_a_redis_killed_in_the_middle_loses_no_work(
    house: House, microsoft: MicrosoftStandIn, red: RedisServer
) -> None:
    house.desk.settings["REDIS_URL"] = red.url
    microsoft.fault("graph.operation", "delay", 1, seconds=1)
    house.serve()
    house.workers("pull", "price")
    house.clock()
    assert notice(microsoft, house) == [200]
    wait_for(lambda: house.work().get(f"pull {PERIOD}") == "due", "the pull", house)
    red.kill()
    house.month_is(PERIOD, "balanced")
    assert house.desk.month(PERIOD).net == NET


def test_jobs_carry_ids_and_nothing_else(house: House, microsoft: MicrosoftStandIn, red: RedisServer) -> None:
    """Fault 66: no name, no amount, no secret, not even an invoice's number is in Redis."""
    house.desk.settings["REDIS_URL"] = red.url
    house.serve()
    seen = [red.everything()]
    notice(microsoft, house)
    wait_for(lambda: red.client().llen("rq:queue:pull") == 1, "the ring")
    seen.append(red.everything())
    assert b"connector.jobs.tasks.perform" in seen[-1]
    house.workers("pull")
    wait_for(lambda: red.client().llen("rq:queue:price") == 1, "the next ring", house)
    seen.append(red.everything())
    house.workers("price")
    house.month_is(PERIOD, "balanced")
    seen.append(red.everything())
    settings = house.desk.settings
    hidden = [FIRST.name, SECOND.name, FIRST.tenant_id, "C-1", INVOICE, "120.00", "171.13", PERIOD]
    hidden += [settings[name] for name in ("SECRET_KEY", "ENCRYPTION_KEY", "MICROSOFT_CLIENT_SECRET")]
    hidden += [hashlib.sha256(settings["SECRET_KEY"].encode()).hexdigest()]
    found = [text for text in hidden if text.encode() in b"\n".join(seen)]
    assert found == []


def test_the_logs_name_no_customer_and_no_secret(house: House, microsoft: MicrosoftStandIn, red: RedisServer) -> None:
    house.desk.settings["REDIS_URL"] = red.url
    house.serve()
    house.workers("pull", "price")
    house.clock(SELDOM)
    notice(microsoft, house)
    notice(microsoft, house, sign_with="self_signed", attempts=1)
    house.month_is(PERIOD, "balanced")
    url = house.desk.month(PERIOD).documents["C-1"]["url"].replace("https://bills.example.test", house.url)
    assert requests.get(url, timeout=5).status_code == 200
    wait_for(lambda: "work_done" in house.log, "the log", house)
    settings = house.desk.settings
    hidden = [FIRST.name, SECOND.name, url.rsplit("/", 1)[-1], "sig=", "Bearer ", "Traceback"]
    hidden += [settings[name] for name in ("SECRET_KEY", "ENCRYPTION_KEY", "MICROSOFT_CLIENT_SECRET")]
    assert [text for text in hidden if text in house.log] == []


# ---- notices


def test_a_forged_notice_is_refused_and_counted(house: House, microsoft: MicrosoftStandIn) -> None:
    house.serve()
    before = house.rows("SELECT COUNT(*) FROM inbox")
    unsigned = {"headers": {"Authorization": None}}
    for order in ({"sign_with": "self_signed"}, {"tamper": "byte"}, {"algorithm": "none"}, unsigned):
        assert notice(microsoft, house, attempts=1, **order) == [401]
    assert house.rows("SELECT COUNT(*) FROM inbox") == before == [(0,)]
    assert house.rows("SELECT COUNT(*) FROM work") == [(0,)]
    wait_for(
        lambda: sum(n for name, n in house.counters().items() if name.startswith("notices_refused_not_proved")) == 4,
        "four refusals counted",
        house,
    )


def test_the_same_notice_many_times_is_one_row(house: House, microsoft: MicrosoftStandIn) -> None:
    house.serve()
    assert notice(microsoft, house, copies=5) == [200] * 5
    assert house.rows("SELECT COUNT(*) FROM inbox") == [(1,)]
    wait_for(lambda: house.work() == {"look partner": "due"}, "one look", house)


def test_a_notice_of_something_else_only_says_look(house: House, microsoft: MicrosoftStandIn) -> None:
    house.serve()
    assert notice(microsoft, house, raw=json.dumps({"EventName": "subscription-updated"})) == [200]
    wait_for(lambda: house.work() == {"look partner": "due"}, "a look", house)


# ---- Redis in other hands


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-ttl"])
def test_a_redis_that_evicts_is_refused(house: House, policy: str) -> None:
    with redis_server(policy) as evicting:
        said = house.desk.run("worker", "pull", REDIS_URL=evicting.url)
        told(said, 2, f"maxmemory-policy {policy}", "noeviction")
        checks = house.desk.run("doctor", "--json", REDIS_URL=evicting.url).json["checks"]
        assert [check["state"] for check in checks if check["name"] == "Redis"] == ["error"]
