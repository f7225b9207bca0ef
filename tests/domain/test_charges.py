"""The table of kinds (interfaces.md 5.2), row by row, first that fits."""

from __future__ import annotations

import pytest

from connector.domain.charges import fixes_cycle, folded, kind_of

NEW, LICENCE, USAGE = "new_commerce", "legacy_license", "legacy_usage"


@pytest.mark.parametrize(
    ("charge_type", "platform", "metered", "billing", "kind"),
    [
        # credit comes first, metered or not
        ("customerCredit", NEW, False, "", "credit"),
        ("Customer Credit", NEW, True, "Monthly", "credit"),
        ("CUSTOMER_CREDIT", LICENCE, False, "Monthly", "credit"),
        ("Offset a line item", LICENCE, False, "Monthly", "credit"),
        ("Offset a line item", USAGE, False, "", "credit"),
        ("Offset a line item", NEW, False, "Monthly", "other"),
        # then usage: a meter, or a legacy usage line
        ("new", NEW, True, "Monthly", "usage"),
        ("cancel", NEW, True, "", "usage"),
        ("something else", NEW, True, "", "usage"),
        ("Assess usage fee for current cycle", USAGE, False, "", "usage"),
        # then changes inside a cycle, also where nothing says how it is billed
        *[
            (name, NEW, False, billing, "proration")
            for name in (
                "addQuantity",
                "removeQuantity",
                "moveQuantity",
                "convert",
                "cancel",
                "cancelImmediate",
                "extendTerm",
                "Cancel Immediate",
            )
            for billing in ("Monthly", "")
        ],
        ("refund", NEW, False, "Monthly", "proration"),
        ("refund", LICENCE, False, "Monthly", "other"),
        ("convert", LICENCE, False, "Monthly", "proration"),
        ("Prorate fees when renew", LICENCE, False, "Monthly", "proration"),
        ("Purchase fee cancelled", LICENCE, False, "Monthly", "proration"),
        # the word alone makes no proration in new commerce
        ("prorate", NEW, False, "Monthly", "other"),
        ("cancelled", NEW, False, "Monthly", "other"),
        # whole cycles, once only where the frequency is blank
        *[
            (name, NEW, False, billing, kind)
            for name in ("new", "renew", "cycleCharge", "changeBillingPlan", "purchase")
            for billing, kind in (("Monthly", "advance"), ("", "one_time"), ("  ", "one_time"))
        ],
        # legacy: always in advance
        ("Cycle fee", LICENCE, False, "", "advance"),
        ("Activation fee", LICENCE, False, " ", "advance"),
        ("Purchase fees", LICENCE, False, "Monthly", "advance"),
        ("Renew fee", LICENCE, False, "Monthly", "advance"),
        ("renew", LICENCE, False, "Monthly", "advance"),
        # a fee of another kind, and a legacy word without its fee
        ("Handling fee", LICENCE, False, "Monthly", "other"),
        ("Purchase", LICENCE, False, "Monthly", "other"),
        ("Cycle feeling", LICENCE, False, "Monthly", "other"),
        ("Activation fee", NEW, False, "Monthly", "other"),
        # the set is open
        ("", NEW, False, "Monthly", "other"),
        ("somethingNew", NEW, False, "Monthly", "other"),
    ],
)
def test_the_first_row_that_fits(charge_type: str, platform: str, metered: bool, billing: str, kind: str) -> None:
    assert kind_of(charge_type, platform=platform, metered=metered, billing=billing) == kind


@pytest.mark.parametrize("spelling", ["cyclecharge", "CycleCharge", "CYCLE_CHARGE", "cycle charge", " Cycle_ Charge\t"])
def test_case_blanks_and_underscores_do_not_count(spelling: str) -> None:
    assert folded(spelling) == "cyclecharge"
    assert kind_of(spelling, platform=NEW, metered=False, billing="Annual") == "advance"


@pytest.mark.parametrize(
    ("charge_type", "platform", "fixes"),
    [
        ("cycleCharge", NEW, True),
        ("Renew", NEW, True),
        ("new", NEW, False),
        ("addQuantity", NEW, False),
        ("changeBillingPlan", NEW, False),
        ("cycleCharge", LICENCE, False),
    ],
)
def test_cycle_charges_and_renewals_are_whole_cycles(charge_type: str, platform: str, fixes: bool) -> None:
    """interfaces.md 5.3: they fix the beginning for every line that ends with them."""
    assert fixes_cycle(charge_type, platform=platform) is fixes
