"""The command line (interfaces.md sections 1 and 2): parse, call one flow, print, answer with a status."""

from __future__ import annotations

import sys

import click

from connector.cli import (
    changes,
    closing,
    demo,
    doctor,
    forecast,
    importing,
    list_prices,
    manual_lines,
    month,
    price_changes,
    prices,
    running,
    trust,
)
from connector.cli.output import emit, error_view, fail, wants_json
from connector.errors import ConnectorError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="csp-ledger-connector")
def cli() -> None:
    """Turn Microsoft's monthly CSP invoices into one explained invoice per customer, in your ERP.

    \b
    A first month:
      connector doctor                        is everything connected?
      connector import organisations FILE     customers of yours (then: links, prices, ledgers)
      connector sync 2026-10 --no-push        pull, match, price, balance
      connector push 2026-10 --dry-run        what would be created in the ledger
      connector push 2026-10                  do it
      connector explain LINE_ID               why a line is what it is

    Progress goes to stderr; with --json stdout carries exactly one JSON document. Exit status: 0 done; 1 done, but
    a person must look; 2 wrong usage or settings; 3 an outside system is unavailable, nothing was lost, run again.
    """


for command in (
    importing.import_,
    prices.prices,
    price_changes.what_if,
    list_prices.list_prices,
    list_prices.rates,
    prices.decisions,
    changes.changes,
    month.sync,
    month.month,
    forecast.forecast,
    month.push,
    manual_lines.lines,
    month.explain,
    closing.close,
    closing.rerate,
    closing.corrections,
    closing.replay,
    trust.verify,
    trust.links,
    trust.audit,
    doctor.doctor,
    running.up,
    running.serve,
    running.worker,
    running.clock,
    running.migrate,
    demo.demo,
):
    cli.add_command(command)
month.month.add_command(forecast.month_changes)


def main() -> None:
    """Entry point: every error of ours ends in a sentence and the right status, never in a traceback."""
    try:
        cli(standalone_mode=False)
    except click.exceptions.Exit as done:
        sys.exit(done.exit_code)
    except click.Abort:
        sys.exit(130)
    except click.ClickException as error:
        if wants_json():
            emit({"error": {"code": "usage", "text": error.format_message(), "action": "See --help.", "status": 2}})
        error.show()
        sys.exit(2)
    except ConnectorError as error:
        if wants_json():
            emit({"error": error_view(error)})
        fail(error)
