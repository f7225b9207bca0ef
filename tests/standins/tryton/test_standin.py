"""The stand-in itself: a Tryton one can stop, kill, start again and start from the command line."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.error
from pathlib import Path

import pytest

from tests.standins.tryton import Fault, FaultyProxy, TrytonServer
from tests.standins.tryton.rpc import server_version

pytestmark = pytest.mark.tryton


def test_books_outlive_the_process_and_keep_their_address(tmp_path: Path) -> None:
    with TrytonServer(tmp_path) as tryton:
        url = tryton.url
        tryton.create_customer("C-1")
        tryton.kill()
        with pytest.raises(OSError):
            server_version(url)
        tryton.start()
        assert tryton.url == url
        code = [["code", "=", "C-1"]]
        assert tryton.administrator().call("model.party.party.search", code, 0, None, None, {})
    with TrytonServer(tmp_path, fresh=True) as tryton:
        assert not tryton.administrator().call("model.party.party.search", code, 0, None, None, {})


def test_the_command_prints_ready_leaves_facts_and_ends_on_sigterm(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.standins.tryton.server", "--dir", str(tmp_path)]
    root = Path(__file__).resolve().parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        facts = json.loads((tmp_path / "facts.json").read_text())
        assert server_version(facts["url"]) == "8.2"
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=20) == 0
    with pytest.raises(OSError):
        server_version(facts["url"])


def test_the_proxy_breaks_what_it_is_told_and_counts() -> None:
    with FaultyProxy("http://127.0.0.1:9") as proxy:
        fault = proxy.inject(Fault("status", "common.*", status=503, retry_after="7"))
        with pytest.raises(urllib.error.HTTPError) as caught:
            server_version(proxy.url)
        assert (caught.value.code, caught.value.headers["Retry-After"]) == (503, "7")
        with pytest.raises(urllib.error.HTTPError) as caught:
            server_version(proxy.url)
        assert caught.value.code == 502
        assert (fault.applied, proxy.count("common.server.*"), proxy.count("model.*")) == (1, 2, 0)
