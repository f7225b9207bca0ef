"""Set up one Tryton database as a small partner would have it (ledgers/tryton.md, section 3).

Run by the Python of Tryton's own virtual environment, never imported by ours: Tryton and proteus are GPL-3,
so they stay in a process of their own. Usage: initialise.py CONFIG DATABASE FACTS; both passwords come in the
environment.
"""

from __future__ import annotations

import datetime
import json
import os
import sys
from decimal import Decimal
from pathlib import Path

import trytond.config
from proteus import Model, Wizard, config

CURRENCIES = (
    # name, code, symbol, digits, units per euro (any plausible rate: posting needs one, our amounts do not)
    ("Euro", "EUR", "€", 2, "1"),
    ("US Dollar", "USD", "$", 2, "1.10"),
    ("Pound Sterling", "GBP", "£", 2, "0.85"),
    ("Yen", "JPY", "¥", 0, "160"),
    ("Kuwaiti Dinar", "KWD", "KD", 3, "0.34"),
    ("Swiss Franc", "CHF", "CHF", 2, "0.95"),
)
YEARS = range(2017, 2029)
COMPANY = "Northwind Cloud Partner"


def create_currencies() -> dict[str, int]:
    Currency = Model.get("currency.currency")
    found = {}
    for name, code, symbol, digits, per_euro in CURRENCIES:
        currency = Currency(name=name, code=code, symbol=symbol, digits=digits)
        currency.rounding = Decimal(1).scaleb(-digits)
        rate = currency.rates.new()
        rate.date = datetime.date(YEARS[0], 1, 1)
        rate.rate = Decimal(per_euro)
        currency.save()
        found[code] = currency.id
    return found


def create_company(currency_id: int):
    Party = Model.get("party.party")
    party = Party(name=COMPANY)
    party.save()
    wizard = Wizard("company.company.config")
    wizard.execute("company")
    wizard.form.party = party
    wizard.form.currency = Model.get("currency.currency")(currency_id)
    wizard.execute("add")
    User = Model.get("res.user")
    current = config.get_config()
    current._context = User.get_preferences(True, {})
    (company,) = Model.get("company.company").find([])
    return company


def create_chart(company) -> dict[str, str]:
    Data, Account = Model.get("ir.model.data"), Model.get("account.account")
    template_id = Data.get_id("account", "account_template_root_en", config.get_config().context)
    wizard = Wizard("account.create_chart")
    wizard.execute("account")
    wizard.form.account_template = Model.get("account.account.template")(template_id)
    wizard.form.company = company
    wizard.execute("create_account")
    mine = [("company", "=", company.id), ("closed", "!=", True)]
    by_party = [*mine, ("party_required", "=", True)]
    by_type = {
        "receivable": Account.find([("type.receivable", "=", True), *by_party], limit=1)[0],
        "payable": Account.find([("type.payable", "=", True), *by_party], limit=1)[0],
        "revenue": Account.find([("type.revenue", "=", True), ("childs", "=", None), *mine], limit=1)[0],
        "expense": Account.find([("type.expense", "=", True), ("childs", "=", None), *mine], limit=1)[0],
    }
    wizard.form.account_receivable = by_type["receivable"]
    wizard.form.account_payable = by_type["payable"]
    wizard.form.category_account_expense = by_type["expense"]
    wizard.form.category_account_revenue = by_type["revenue"]
    wizard.execute("create_properties")
    # Posting in a foreign currency may leave a remainder of a cent in the company's currency.
    settings = Model.get("account.configuration")(1)
    settings.currency_exchange_credit_account = by_type["revenue"]
    settings.currency_exchange_debit_account = by_type["expense"]
    settings.save()
    return {kind: account.code for kind, account in by_type.items()}


def create_fiscal_years(company) -> None:
    Year, Strict = Model.get("account.fiscalyear"), Model.get("ir.sequence.strict")
    types = {kind.name: kind for kind in Model.get("ir.sequence.type").find([])}
    for number in YEARS:
        year = Year(name=str(number), company=company)
        year.start_date = datetime.date(number, 1, 1)
        year.end_date = datetime.date(number, 12, 31)
        moves = Strict(name=f"Moves {number}", sequence_type=types["Account Move"], company=company)
        moves.save()
        year.move_sequence = moves
        invoices = Strict(
            name=f"Invoices {number}",
            sequence_type=types["Invoice"],
            company=company,
            prefix=f"{number}-",
            padding=5,
        )
        invoices.save()
        row = year.invoice_sequences[0] if year.invoice_sequences else year.invoice_sequences.new()
        row.out_invoice_sequence = row.in_invoice_sequence = invoices
        row.out_credit_note_sequence = row.in_credit_note_sequence = invoices
        year.save()
        year.click("create_period")


def create_extras(company) -> None:
    """A payment term and a tax, for partners who set them."""
    term = Model.get("account.invoice.payment_term")(name="30 days")
    line = term.lines.new()
    line.type = "remainder"
    line.relativedeltas.new(days=30)
    term.save()
    (tax_account,) = Model.get("account.account").find(
        [("name", "ilike", "%tax%"), ("type.statement", "=", "balance"), ("company", "=", company.id)],
        limit=1,
    )
    tax = Model.get("account.tax")(name="VAT 19%", description="VAT 19%", company=company)
    tax.type = "percentage"
    tax.rate = Decimal("0.19")
    tax.invoice_account = tax.credit_note_account = tax_account
    tax.save()


def create_service_user(company, password: str) -> None:
    """Accounting and Party Administration, no administrator: as docs/ledgers/tryton.md asks a partner."""
    user = Model.get("res.user")(name="Connector", login="connector", password=password)
    Company = Model.get("company.company")
    user.companies.append(Company(company.id))
    user.company = Company(company.id)
    Group = Model.get("res.group")
    for name in ("Accounting", "Party Administration"):
        (group,) = Group.find([("name", "=", name)])
        user.groups.append(group)
    user.save()


def main(config_file: str, database: str, facts_file: str) -> None:
    password, admin_password = os.environ["SERVICE_PASSWORD"], os.environ["ADMIN_PASSWORD"]
    trytond.config.update_etc(config_file)
    config.set_trytond(f"sqlite:///{database}", user="admin", config_file=config_file)
    currencies = create_currencies()
    company = create_company(currencies["EUR"])
    accounts = create_chart(company)
    create_fiscal_years(company)
    create_extras(company)
    create_service_user(company, password)
    facts = {
        "user": "connector",
        "password": password,
        "admin_user": "admin",
        "admin_password": admin_password,
        "company": COMPANY,
        "company_id": company.id,
        "currencies": currencies,
        "accounts": accounts,
        "payment_term": "30 days",
        "tax": "VAT 19%",
        "years": [YEARS[0], YEARS[-1]],
    }
    Path(facts_file).write_text(json.dumps(facts, indent=2))


if __name__ == "__main__":
    main(*sys.argv[1:])
