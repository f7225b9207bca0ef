"""Proofs and links: verify, audit verify, links list|revoke."""

from __future__ import annotations

import sys

import click
from rich.markup import escape

from connector.cli.output import emit, json_option, person, prose, styled, table, world
from connector.flows.verify import verify_all
from connector.store import audit as audit_log
from connector.store import links as stored_links
from connector.store.audit import append
from connector.store.database import reading, writing


@click.command()
@json_option
def verify(as_json: bool) -> None:
    """Check all invariants over the whole database: nothing lost, nothing twice, everything adds up."""
    with world() as here:
        results = verify_all(here)
    if as_json:
        emit(
            {
                "ok": all(result.ok for result in results),
                "invariants": [
                    {
                        "id": r.id,
                        "ok": r.ok,
                        "text": r.text,
                        "checked": r.checked,
                        "problems": list(r.problems),
                    }
                    for r in results
                ],
            }
        )
    else:
        rows = table("", "holds", "checked", "invariant")
        for result in results:
            rows.add_row(result.id, styled("verified" if result.ok else "error"), str(result.checked), result.text)
        prose.print(rows)
        for result in results:
            for problem in result.problems[:10]:
                prose.print(f"[red]{result.id}[/red] {escape(problem)}")
    sys.exit(0 if all(result.ok for result in results) else 1)


@click.group()
def audit() -> None:
    """The trail of who changed what."""


@audit.command("verify")
@json_option
def audit_verify(as_json: bool) -> None:
    """Check that no entry of the audit trail was changed or removed."""
    with world() as here, reading(here.engine) as connection:
        problems = audit_log.verify(connection)
    if as_json:
        emit({"ok": not problems, "problems": problems})
    else:
        for problem in problems:
            prose.print(f"[red]{escape(problem)}[/red]")
        if not problems:
            prose.print("The chain is unbroken.")
    sys.exit(1 if problems else 0)


@click.group()
def links() -> None:
    """The links on pushed lines: list and revoke."""


@links.command("list")
@click.option("--period", default=None, help="Only this month.")
@click.option("--organisation", default=None, help="Only this organisation.")
@json_option
def links_list(period: str | None, organisation: str | None, as_json: bool) -> None:
    """Every link with its document, how often it was opened and whether it still works."""
    with world() as here, reading(here.engine) as connection:
        found = stored_links.list_links(connection, period, organisation)
    if as_json:
        emit(
            [
                {
                    "document": link.document_id,
                    "key": link.document_key,
                    "created_at": link.created_at.isoformat(),
                    "expires_at": link.expires_at.isoformat(),
                    "revoked_at": link.revoked_at.isoformat() if link.revoked_at else None,
                    "opened": link.opened,
                }
                for link in found
            ]
        )
        return
    rows = table("document", "key", "expires", "opened", "")
    for link in found:
        rows.add_row(
            link.document_id,
            escape(link.document_key),
            link.expires_at.date().isoformat(),
            str(link.opened),
            "revoked" if link.revoked_at else "",
        )
    prose.print(rows)


@links.command("revoke")
@click.argument("document")
@click.option("--reason", default="", help="Why; it stands in the audit trail.")
def links_revoke(document: str, reason: str) -> None:
    """Stop a document's link at once. DOCUMENT is its id from `links list`."""
    with world() as here, writing(here.engine) as connection:
        done = stored_links.revoke(connection, document)
        if done:
            append(
                connection,
                who=person(),
                action="link_revoked",
                subject=document,
                before="",
                after="revoked",
                why=reason,
            )
    if not done:
        raise click.UsageError(f"No link belongs to a document {document!r}, or it is revoked already.")
    prose.print("Revoked.")
