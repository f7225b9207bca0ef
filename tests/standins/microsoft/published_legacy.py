"""Legacy months out of printed figures (samples/legacy-license-billing-examples.csv,
lineitems-azure-*.json).

Legacy lines appear on the invoice after the change, from v1 only, with v1 names
(samples/schema/rest-license-lineitem.csv).
"""

from decimal import Decimal
from typing import Any

from tests.standins.microsoft.billing import guid

CUSTOMER_ID = "74221236-D09C-4870-AC1D-33E155E9AEBE"
SUBSCRIPTION = "1F58ACD7-FE51-4705-9567-D009C9ADA150"
_CUSTOMER = {
    "id": CUSTOMER_ID.lower(),
    "companyName": "Contoso Test Customer",
    "domain": "contosotest.onmicrosoft.com",
    "country": "DE",
    "relationshipToPartner": "reseller",
}
_OFFER = "031C9E47-4802-4248-838E-778FB1D2CC05"


def _line(
    start: str,
    end: str,
    quantity: int,
    amount: str,
    price: str,
    charge_type: str,
    *,
    cycle: str = "MONTHLY",
    term: tuple[str, str] = ("2017-05-15", "2018-05-14"),
    key: str = "",
) -> dict[str, Any]:
    return {
        "partnerId": "3b33e682-00c3-41ee-9dd2-a548adf56438",
        "customerId": CUSTOMER_ID,
        "customerName": "CONTOSO TEST CUSTOMER",
        "mpnId": 4391507,
        "tier2MpnId": -1,
        "orderId": "567735045559164136",
        "subscriptionId": "4KIKawEAAAAAAAEA",
        "syndicationPartnerSubscriptionNumber": guid(key).upper() if key else SUBSCRIPTION,
        "offerId": "AAA5B3F0-0EE2-431B-A42F-3F18F3C6D540",
        "durableOfferId": _OFFER,
        "offerName": "OFFICE 365 BUSINESS PREMIUM",
        "domainName": "contosotest.onmicrosoft.com",
        "billingCycleType": cycle,
        "subscriptionName": "OFFICE 365 BUSINESS PREMIUM",
        "subscriptionDescription": "OFFICE 365 BUSINESS PREMIUM",
        "subscriptionStartDate": f"{term[0]}T00:00:00",
        "subscriptionEndDate": f"{term[1]}T00:00:00",
        "chargeStartDate": f"{start}T00:00:00",
        "chargeEndDate": f"{end}T00:00:00",
        "chargeType": charge_type,
        "unitPrice": Decimal(price),
        "quantity": quantity,
        "amount": Decimal(amount),
        "totalOtherDiscount": Decimal("0.0"),
        "subtotal": Decimal(amount),
        "tax": Decimal("0.0"),
        "totalForCustomer": Decimal(amount),
        "currency": "EUR",
    }


def _month(number: str, invoice_date: str, lines: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {
        "id": number,
        "kind": "legacy",
        "period": invoice_date[:7],
        "invoiceDate": f"{invoice_date}T00:00:00Z",
        "currencyCode": "EUR",
        "office": lines,
        **more,
    }


def several_seat_changes() -> dict[str, Any]:
    """2017-06 version: price 11.00, period 15 Jul - 14 Aug 2017, quantities 15, 12, 18, 10; net 155.06 and
    110.00.
    """
    prorate = "Cycle instance prorate"
    lines = [
        _line("2017-07-15", "2017-08-14", 15, "-165.00", "-11.00", prorate),
        _line("2017-07-15", "2017-07-19", 15, "26.61", "11.00", prorate),
        _line("2017-07-20", "2017-07-30", 12, "46.84", "11.00", prorate),
        _line("2017-07-31", "2017-08-09", 18, "63.87", "11.00", prorate),
        _line("2017-08-10", "2017-08-14", 10, "17.74", "11.00", prorate),
        _line("2017-08-15", "2017-09-14", 10, "110.00", "11.00", prorate),
    ]
    return {
        "period": "2017-08",
        "customers": [_CUSTOMER],
        "invoices": [_month("D02005YFHI", "2017-08-16", lines)],
    }


def monthly_2020() -> dict[str, Any]:
    """2020-05 version: price 4.00, bought 13 Jan 2018, 1 to 2 licences on 1 Feb; two invoices."""
    term = ("2018-01-13", "2019-01-12")
    prorate = "Cycle instance prorate"
    january = [_line("2018-01-13", "2018-02-12", 1, "4.00", "4.00", "Cycle fee", term=term)]
    february = [
        _line("2018-01-13", "2018-02-12", 1, "-4.00", "-4.00", prorate, term=term),
        _line("2018-01-13", "2018-01-31", 1, "2.45", "2.45", prorate, term=term),
        _line("2018-02-01", "2018-02-12", 2, "3.10", "1.55", prorate, term=term),
        _line("2018-02-13", "2018-03-12", 2, "8.00", "4.00", prorate, term=term),
    ]
    return {
        "period": "2018-02",
        "customers": [_CUSTOMER],
        "invoices": [
            _month("D020180001", "2018-01-15", january),
            _month("D020180002", "2018-02-15", february),
        ],
    }


def annual_211() -> dict[str, Any]:
    """Annual 211.20: the change shows one invoice later as a full-year credit; 31.25 is not 15.62 x 2."""
    term = ("2017-02-11", "2018-02-10")
    prorate = "Cycle instance prorate"
    february = [
        _line(
            "2017-02-11",
            "2018-02-10",
            1,
            "211.20",
            "211.20",
            "Prorate fees when purchase",
            cycle="ANNUAL",
            term=term,
        )
    ]
    march = [
        _line("2017-02-11", "2018-02-10", 1, "-211.20", "-211.20", prorate, cycle="ANNUAL", term=term),
        _line("2017-02-11", "2017-02-11", 1, "0.58", "0.58", prorate, cycle="ANNUAL", term=term),
        _line("2017-02-12", "2017-03-10", 2, "31.25", "15.62", prorate, cycle="ANNUAL", term=term),
        _line("2017-03-11", "2018-02-10", 2, "390.00", "195.00", prorate, cycle="ANNUAL", term=term),
    ]
    return {
        "period": "2017-03",
        "customers": [_CUSTOMER],
        "invoices": [_month("D020170001", "2017-02-14", february), _month("D020170002", "2017-03-14", march)],
    }


def usage() -> dict[str, Any]:
    """145P usage of samples/lineitems-azure-billing.json (745 hours at 0.085: 63.33 + 6.34 tax), with an
    adjustment of -5.00 in the header that no line shows (legacy.md section 6).
    """
    base = {
        "partnerId": "1F5CCB06-8E36-4A74-A74C-FCAA9E000000",
        "partnerName": "Contoso Partner",
        "partnerBillableAccountId": "1010578050",
        "customerId": CUSTOMER_ID.lower(),
        "domainName": "contosotest.onmicrosoft.com",
        "customerCompanyName": "Contoso Test Customer",
        "mpnId": 4390934,
        "tier2MpnId": -1,
        "invoiceNumber": "D020190009",
        "subscriptionId": "87f4b92f-a490-485e-ad34-5b70cb000000",
        "subscriptionName": "Microsoft Azure",
        "subscriptionDescription": "Microsoft Azure",
        "billingCycleType": "Monthly",
        "orderId": "568297985427000000",
        "serviceName": "Azure App Service",
        "serviceType": "Standard Plan",
        "resourceGuid": "505db374-df8a-44df-9d8c-13c14b61dee1",
        "resourceName": "S1",
        "region": "",
        "unit": "1 Hour",
        "chargeStartDate": "2019-08-02T00:00:00",
        "chargeEndDate": "2019-09-01T00:00:00",
    }
    line = {
        "detailLineItemId": 1,
        "sku": "7UD-00001",
        "includedQuantity": 0,
        "overageQuantity": 745,
        "listPrice": Decimal("0.085"),
        "currency": "EUR",
        "pretaxCharges": Decimal("63.33"),
        "taxAmount": Decimal("6.34"),
        "postTaxTotal": Decimal("69.67"),
        "pretaxEffectiveRate": Decimal("0.08500671"),
        "postTaxEffectiveRate": Decimal("0.09351677"),
        "chargeType": "Assess usage fee for current cycle",
        "consumedQuantity": 745,
        **base,
    }
    days = [
        {
            **base,
            "customerBillableAccount": "1280018095",
            "usageDate": f"2019-08-{day:02d}T00:00:00",
            "meteredService": "Azure App Service",
            "meteredServiceType": "Standard Plan",
            "meteredRegion": "",
            "project": "web",
            "serviceInfo": "",
            "consumedQuantity": 24,
        }
        for day in range(2, 32)
    ]
    invoice = _month("D020190009", "2019-09-03", [], azure=[line], azure_usage=days)
    return {
        "period": "2019-09",
        "customers": [_CUSTOMER],
        "invoices": [{**invoice, "totalCharges": Decimal("64.67")}],
    }
