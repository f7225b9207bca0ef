"""The installed command itself: statuses, one JSON document on stdout, prose on stderr."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.months.billed import ALPHA, BETA, month_of, seats, ten_to_fourteen
from tests.months.partner import Partner


def connector(partner: Partner, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "connector.cli", *arguments],
        env={**partner.settings, **partner.microsoft.settings},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_month_on_the_command_line(partner: Partner) -> None:
    partner.is_billed(month_of([*ten_to_fourteen(), seats(BETA).charge("cycleCharge", 5)]))
    partner.has_customer("C-1", ALPHA.tenant_id)
    partner.price("fixed", "20.90")
    unlinked = connector(partner, "sync", "2025-10", "--no-push", "--json")
    assert unlinked.returncode == 1, unlinked.stderr
    assert json.loads(unlinked.stdout)["state"] == "unmatched"
    partner.has_customer("C-2", BETA.tenant_id)
    told = connector(partner, "sync", "2025-10", "--no-push")
    assert (told.returncode, told.stdout) == (0, "") and "262.93" in told.stderr
    shown = connector(partner, "month", "show", "2025-10", "--json")
    assert {d["organisation"]: d["net_total"] for d in json.loads(shown.stdout)["documents"]} == {
        "C-1": "262.93",
        "C-2": "104.50",
    }
    assert connector(partner, "explain", "no-such-line", "--json").returncode == 2
