"""Fault 20: two clocks as processes, one polling."""

from __future__ import annotations

from tests.cli.october import NET, PERIOD
from tests.jobs.house import House, wait_for
from tests.standins.microsoft import MicrosoftStandIn


def test_two_clocks_do_no_harm(house: House, microsoft: MicrosoftStandIn) -> None:
    house.desk.settings["POLL_MINUTES"] = "1440"
    house.clock("0.2")
    house.clock("0.2")
    house.month_is(PERIOD, "balanced")
    wait_for(lambda: set(house.work().values()) == {"done"}, "all work done", house)
    assert house.rows("SELECT COUNT(*) FROM slots WHERE schedule = 'poll'") == [(1,)]
    exports = [entry for entry in microsoft.log("graph.export") if entry["method"] == "POST"]
    assert len(exports) == 1
    assert house.desk.month(PERIOD).net == NET
    house.desk.holds()
