"""Microsoft voids an invoice that was pushed already, and bills it again: only the difference goes out (fault 52)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.faults.booked import WRITES, live
from tests.faults.installation import CUSTOMERS, decided
from tests.faults.processes import Ended, Processes
from tests.standins.microsoft import MicrosoftStandIn
from tests.standins.microsoft.published import CONTOSO, voided_and_replaced
from tests.standins.tryton import FaultyProxy, TrytonServer

pytestmark = pytest.mark.tryton
PERIOD = "2022-03"


def not_yet_voided() -> dict[str, Any]:
    """The month as it stood before Microsoft voided its invoice."""
    month = voided_and_replaced()
    for name in ("documentType", "amendments"):
        month["invoices"][0].pop(name)
    return month


@pytest.fixture
def microsoft(tmp_path: Path) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path / "microsoft", month=not_yet_voided()) as running:
        yield running


@pytest.fixture
def sync(
    tmp_path: Path, microsoft: MicrosoftStandIn, tryton: TrytonServer, proxy: FaultyProxy, processes: Processes
) -> Callable[[], Ended]:
    """`connector sync` of a partner whose one customer is Contoso, priced at cost."""
    installation = decided(tmp_path / "partner")
    code = CUSTOMERS[0]
    installation.take_in(
        "links",
        "contoso.csv",
        f"tenant_id,organisation,valid_from,valid_to\n{CONTOSO.tenant_id},{code},2020-01-01,\n",
    )
    installation.take_in(
        "prices",
        "at-cost.csv",
        "organisation,product_id,sku_id,term,billing,subscription_id,kind,value,currency,valid_from,valid_to,offer,note"
        "\n*,*,*,*,*,*,passthrough,,,2020-01-01,,,at cost\n",
    )
    installation.connect_tryton({**tryton.settings, "url": proxy.url})

    def run() -> Ended:
        ended = processes.run(installation, "sync", PERIOD, "--json", **microsoft.settings)
        assert ended.status == 0, ended.text
        checked = processes.run(installation, "verify", "--json")
        assert checked.status == 0, checked.text
        return ended

    return run


def test_only_the_difference_goes_out_and_then_nothing_more(
    microsoft: MicrosoftStandIn, tryton: TrytonServer, proxy: FaultyProxy, sync: Callable[[], Ended]
) -> None:
    lines = voided_and_replaced()["invoices"][0]["amendments"][0]["reconciliation"]
    missing = lines[-1]["Subtotal"]
    whole = sum((line["Subtotal"] for line in lines), Decimal(0))
    assert whole == Decimal("275.23")

    (first,) = sync().json["documents"]
    assert Decimal(first["net_total"]) == whole - missing
    (invoice,) = live(tryton, first["posting"]["ref"])
    assert (invoice.state, invoice.untaxed_amount) == ("posted", whole - missing)

    microsoft.load_month(voided_and_replaced(), replace=True)
    proxy.clear()
    documents = sync().json["documents"]
    assert [Decimal(document["net_total"]) for document in documents] == [whole - missing, missing]
    assert documents[0]["posting"] == first["posting"]
    second = documents[1]
    assert second["posting"]["ref"] != first["posting"]["ref"]
    (difference,) = live(tryton, second["posting"]["ref"])
    assert (difference.state, difference.untaxed_amount) == ("posted", missing)
    assert live(tryton, first["posting"]["ref"]) == [invoice]
    assert sum(proxy.count(method) for method in WRITES) == 2

    proxy.clear()
    assert sync().json["documents"] == documents
    assert sum(proxy.count(method) for method in WRITES) == 0
    assert [found.id for found in tryton.invoices()] == [invoice.id, difference.id]
