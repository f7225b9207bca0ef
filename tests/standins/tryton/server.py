"""Start a real Tryton on a copy of the template database: for tests, the demo and the acceptance checks.

    python -m tests.standins.tryton.server --dir DIR [--port N] [--fresh]

prints "ready" when it answers, leaves its facts in DIR/facts.json and a connection to it, named "books", in
DIR/ledgers.toml, ends on SIGTERM. A DIR that already holds a database is continued, unless --fresh.
"""

from __future__ import annotations

import argparse
import signal
import threading
from pathlib import Path

from tests.standins.tryton.process import Facts, TrytonServer


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.standins.tryton.server", description=__doc__)
    parser.add_argument("--dir", type=Path, required=True, help="where the database, log and facts.json go")
    parser.add_argument("--port", type=int, default=0, help="loopback port; default: a free one")
    parser.add_argument("--fresh", action="store_true", help="begin with empty books even if DIR has some")
    options = parser.parse_args()
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    with TrytonServer(options.dir.resolve(), port=options.port, fresh=options.fresh) as running:
        write_connection(options.dir, running.facts)
        print("ready", flush=True)
        ended.wait()


def write_connection(folder: Path, facts: Facts) -> None:
    """A file for `connector import ledgers`: customers that Tryton lacks are made, verified drafts are posted."""
    (folder / "password").write_text(facts.password)
    (folder / "ledgers.toml").write_text(
        '[[ledger]]\nname = "books"\nkind = "tryton"\n\n[ledger.settings]\n'
        f'url = "{facts.url}"\ndatabase = "{facts.database}"\nuser = "{facts.user}"\n'
        'password = { file = "password" }\ncustomer_policy = "create"\nfinalise = "yes"\n'
    )


if __name__ == "__main__":
    main()
