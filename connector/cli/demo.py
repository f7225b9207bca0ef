"""`connector demo`: a month from signed notice to posted invoices, with everything real but Microsoft."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import requests
from rich.markup import escape

from connector.cli.output import prose, show_findings, styled, table
from connector.cli.running import embedded_redis, processes, wait_for_end
from connector.errors import Misconfigured, Transient

_PERIOD = "2026-10"
_SEED = 7
_CHECKOUT = Path(__file__).resolve().parents[2]
_PATIENCE = 150.0


@click.command()
@click.option("--once", is_flag=True, help="Stop after the month; status 0 only if it balances and all is verified.")
@click.option("--customers", default=20, show_default=True, help="How many customers the partner has.")
def demo(once: bool, customers: int) -> None:
    """Show a whole month on this machine: Microsoft's stand-ins, a real Tryton, web, workers and clock.

    Everything lives in a folder of its own and is gone when the demo stops. It needs a checkout of the project.
    """
    if not (_CHECKOUT / "tests" / "standins").is_dir():
        raise Misconfigured(
            "The demo needs the stand-ins of Microsoft and the real ledger, which are in the project's checkout.",
            action="Clone the repository and run `make demo` there.",
        )
    # Ctrl-C must end every process we start, also while they are starting
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="csp-demo-")))
        stage = _start(stack, folder, customers)
        view = _play(stage)
        good = _tell(stage, view)
        if not once:
            prose.print("\nThe demo stays up; Ctrl-C stops it.")
            wait_for_end(stage.running)
    if once:
        sys.exit(0 if good else 1)


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that runs for the demo."""

    folder: Path
    environment: dict[str, str]
    microsoft: dict[str, Any]
    tryton: dict[str, Any]
    public_url: str
    customers: int
    running: list[subprocess.Popen[bytes]]


def _start(stack: ExitStack, folder: Path, customers: int) -> Stage:
    prose.print("Starting Microsoft's stand-ins and a real Tryton (the first time it is installed, about a minute) …")
    data = folder / "data"
    ledger = stack.enter_context(
        _service("tests.standins.tryton.server", folder / "tryton", [], "Tryton", patience=300.0)
    )
    microsoft = stack.enter_context(
        _service(
            "tests.standins.microsoft",
            folder / "microsoft",
            ["--empty", "--with-parent"],
            "Microsoft's stand-ins",
            patience=60.0,
        )
    )
    port = _free_port()
    public_url = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        **microsoft["settings"],
        "DATABASE_URL": f"sqlite:///{data / 'connector.sqlite'}",
        "DATA_DIR": str(data),
        "PUBLIC_URL": public_url,
        "PORT": str(port),
        "PARTNER_NAME": "Demo Cloud Partner",
        "PUSH_AUTOMATICALLY": "yes",
        "DEMO_TRYTON_PASSWORD": str(ledger["password"]),
        "REDIS_URL": "",
    }
    _import(folder, environment, microsoft, ledger, customers)
    redis_url = stack.enter_context(embedded_redis(data, ""))
    environment["REDIS_URL"] = redis_url
    prose.print(
        "Starting web, workers and clock …"
        if redis_url
        else "Starting web and clock (no Redis here: the clock works) …"
    )
    running = stack.enter_context(processes(environment, with_workers=bool(redis_url), log=folder / "log.txt"))
    _wait_for_web(public_url, running)
    return Stage(folder, environment, microsoft, ledger, public_url, customers, running)


@contextmanager
def _service(
    module: str, folder: Path, arguments: list[str], name: str, *, patience: float
) -> Iterator[dict[str, Any]]:
    """A stand-in as a process of its own; its facts once it is ready."""
    folder.mkdir(parents=True)
    log = folder / "log.txt"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", module, "--dir", str(folder), *arguments],
            cwd=_CHECKOUT,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            facts = folder / "facts.json"
            until = time.monotonic() + patience
            while not facts.exists():
                if process.poll() is not None or time.monotonic() > until:
                    raise Transient(f"{name} did not start.", action=log.read_text(errors="replace")[-800:])
                time.sleep(0.1)
            yield json.loads(facts.read_text())
        finally:
            process.terminate()
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()


def _import(
    folder: Path,
    environment: dict[str, str],
    microsoft: dict[str, Any],
    ledger: dict[str, Any],
    customers: int,
) -> None:
    """The partner's decisions, by the same commands a partner uses."""
    files = folder / "files"
    generator = [
        "tests.standins.microsoft.generator",
        "--files",
        str(files),
        "--seed",
        str(_SEED),
        "--customers",
        str(customers),
        "--period",
        _PERIOD,
        "--ledger",
        "tryton",
    ]
    subprocess.run([sys.executable, "-m", *generator], cwd=_CHECKOUT, check=True, stdout=subprocess.DEVNULL)
    (files / "ledgers.toml").write_text(
        '[[ledger]]\nname = "tryton"\nkind = "tryton"\n[ledger.settings]\n'
        f'url = "{ledger["url"]}"\ndatabase = "{ledger["database"]}"\nuser = "{ledger["user"]}"\n'
        'password = {env="DEMO_TRYTON_PASSWORD"}\ncustomer_policy = "create"\nfinalise = "yes"\n'
    )
    for kind, name in (
        ("ledgers", "ledgers.toml"),
        ("organisations", "organisations.csv"),
        ("links", "links.csv"),
        ("prices", "prices.csv"),
        ("rates", "rates.csv"),
    ):
        if (files / name).exists():
            _connector(environment, "import", kind, str(files / name))


def _connector(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "connector.cli", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode not in (0, 1):
        raise Transient(f"`connector {' '.join(arguments)}` failed: {done.stderr.strip()[-600:]}")
    return done.stdout


def _play(stage: Stage) -> dict[str, Any]:
    """Microsoft sends its notice; from there on nobody presses anything."""
    _control(stage, "/month", {"generate": {"seed": _SEED, "customers": stage.customers, "period": _PERIOD}})
    invoice = next(one["id"] for one in _control(stage, "/invoices") if one["id"].startswith("G"))
    prose.print(f"Microsoft sends its signed notice: invoice {escape(invoice)} is ready.")
    target = f"{stage.public_url}/webhooks/partner-center"
    _control(stage, "/notices", {"event": "invoice-ready", "invoice": invoice, "copies": 2, "target": target})
    until = time.monotonic() + _PATIENCE
    shown = ""
    while True:
        view: dict[str, Any] = json.loads(_connector(stage.environment, "month", "show", _PERIOD, "--json"))
        verified = sum(document["posting"]["issued"] for document in view["documents"])
        words = f"{view['state']}, {verified} of {len(view['documents'])} invoices posted and verified"
        if words != shown:
            prose.print(f"  {escape(words)}")
            shown = words
        if view["state"] == "pushed" or time.monotonic() > until:
            return view
        time.sleep(1.0)


def _control(stage: Stage, path: str, body: dict[str, Any] | None = None) -> Any:
    """Ask the stand-in's control channel: a GET without a body, a POST with one."""
    answer = requests.request(
        "GET" if body is None else "POST", f"{stage.microsoft['control_url']}{path}", json=body, timeout=60
    )
    answer.raise_for_status()
    return answer.json()


def _tell(stage: Stage, view: dict[str, Any]) -> bool:
    """What happened, in a clerk's words, and what to open."""
    documents = view["documents"]
    issued = [document for document in documents if document["posting"]["issued"]]
    good = view["state"] == "pushed" and len(issued) == sum(_has_money(document) for document in documents)
    prose.print(f"\n[bold]October 2026[/bold]: {styled(view['state'])}")
    for balance in view["balance"]:
        prose.print(
            f"  Microsoft's invoice {balance['vendor_total']} {balance['currency']}"
            f" = invoiced {balance['invoiced_cost']} + unmatched {balance['unmatched']}"
            f" + not charged {balance['not_charged']} + difference {balance['difference']}"
        )
    rows = table("customer", "net", "", "number in Tryton", "")
    for document in documents:
        posting = document["posting"]
        rows.add_row(
            escape(document["organisation_name"])[:44],
            document["net_total"],
            document["currency"],
            posting["number"] or "",
            styled(posting["state"]),
        )
    prose.print(rows)
    show_findings([f for f in view["findings"] if f["severity"] != "info"])
    line = _demo_line(documents)
    if line is not None:
        prose.print("\nWhy is this line what it is? Open its link, as the customer does from the invoice:")
        prose.print(f"  {escape(line['text'])}: [bold]{line['amount']}[/bold]")
        prose.print(f"  [link={line['url']}]{line['url']}[/link]")
    prose.print(f"Tryton: {stage.tryton['url']} (database {stage.tryton['database']})")
    if not good:
        prose.print("[red]The month did not come to its end.[/red]")
    return good


def _has_money(document: dict[str, Any]) -> bool:
    return any(line["amount"].strip("-0.") for line in document["lines"])


def _demo_line(documents: list[dict[str, Any]]) -> dict[str, Any] | None:
    """The line every newcomer should read: 10 to 14 seats, 53.93 more."""
    lines = [line for document in documents for line in document["lines"] if line["kind"] == "proration"]
    return next((line for line in lines if line["amount"] == "53.93"), lines[0] if lines else None)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for_web(url: str, running: list[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + 30
    while time.monotonic() < until:
        try:
            if requests.get(f"{url}/healthz", timeout=2).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.2)
        if any(process.poll() is not None for process in running):
            break
    raise Transient("The web process did not start.")
