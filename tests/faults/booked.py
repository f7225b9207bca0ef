"""What a bookkeeper sees in Tryton, looked at by a way of its own."""

from __future__ import annotations

from tests.faults.installation import EXPECTED, Installation
from tests.standins.tryton import BookedInvoice, TrytonServer

CREATE = "model.account.invoice.create"
POST = "model.account.invoice.post"
WRITES = (CREATE, POST, "model.account.invoice.write", "model.account.invoice.delete", "model.account.invoice.cancel")


def live(tryton: TrytonServer, ref: str) -> list[BookedInvoice]:
    return [invoice for invoice in tryton.invoices(ref) if invoice.state != "cancelled"]


def assert_booked_once(installation: Installation, tryton: TrytonServer) -> dict[str, tuple[int, str]]:
    """Each document once, posted, to the cent, a link in each line; our records say the same. Ids and numbers."""
    found = {}
    for customer, ref in installation.refs().items():
        invoices = live(tryton, ref)
        assert len(invoices) == 1, f"{customer} has {len(invoices)} invoices in the ledger"
        (invoice,) = invoices
        assert (invoice.state, invoice.party_code, invoice.currency) == ("posted", customer, "EUR")
        assert invoice.untaxed_amount == EXPECTED[customer] == sum(line.amount for line in invoice.lines)
        assert invoice.number
        assert all(line.note.startswith(f"{invoice.comment}/l/") for line in invoice.lines)
        assert invoice.comment.startswith("https://bills.example.test/i/")
        found[customer] = (invoice.id, invoice.number)
    for row in installation.postings():
        assert row["state"] == "verified"
        assert row["remote_id"] == str(found[row["organisation"]][0])
        if row["step"] == "finalise":
            assert row["number"] == found[row["organisation"]][1]
    assert {row["step"] for row in installation.postings()} == {"create", "finalise"}
    return found


def attempts(installation: Installation) -> list[tuple[str, str, int]]:
    return [(row["organisation"], row["step"], row["attempts"]) for row in installation.postings()]
