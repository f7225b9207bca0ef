"""The control channel: plain HTTP on loopback, JSON. It is ours, no document describes it; README.md lists
it.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.standins.microsoft import exact, generator, published
from tests.standins.microsoft.exact import decimal
from tests.standins.microsoft.month import KINDS, Document, amend, apply_changes, next_version
from tests.standins.microsoft.serving import Answer, Request, json_answer

if TYPE_CHECKING:
    from tests.standins.microsoft.service import Service


class Control:
    """Verbs for tests and for the demo."""

    def __init__(self, service: "Service") -> None:
        self.service = service

    def __call__(self, request: Request) -> Answer:
        try:
            return self._route(request)
        except (ValueError, KeyError, IndexError, TypeError, OSError) as error:
            return json_answer({"error": f"{type(error).__name__}: {error}"}, 400)

    def _route(self, request: Request) -> Answer:
        service = self.service
        body: Any = exact.loads(request.body) if request.body.strip() else {}
        match [request.method, *[part for part in request.path.split("/") if part]]:
            case ["GET", "facts"]:
                return json_answer(service.facts())
            case ["POST", "faults"]:
                service.faults.add(body if isinstance(body, list) else [body])
                return json_answer({"pending": len(service.faults.pending())})
            case ["GET", "faults"]:
                return json_answer(service.faults.pending())
            case ["DELETE", "faults"]:
                service.faults.clear()
                return json_answer({"pending": 0})
            case ["POST", "modes"]:
                service.faults.set_modes(body)
                return json_answer(service.faults.modes)
            case ["GET", "modes"]:
                return json_answer(service.faults.modes)
            case ["DELETE", "modes"]:
                service.faults.reset_modes()
                return json_answer(service.faults.modes)
            case ["GET", "log"]:
                return json_answer(service.log.shown(int(request.params.get("since") or 0)))
            case ["DELETE", "log"]:
                service.log.clear()
                return json_answer({})
            case ["GET", "invoices"]:
                return json_answer(service.facts()["invoices"])
            case ["POST", "invoices", number, verb]:
                return self._invoice(self._document(number), verb, body)
            case ["POST", "month"]:
                return self._month(body)
            case ["POST", "notices"]:
                return self._notices(body)
            case ["GET", "notices"]:
                return json_answer([notice.report() for notice in service.sender.sent])
            case ["POST", "certificate"]:
                service.authority.signer(body["serve"])
                service.certificates.served = service.sender.served_as_leaf = str(body["serve"])
                return json_answer({"served": body["serve"]})
            case ["POST", "tokens", "expire"]:
                service.login.expire_tokens()
                return json_answer({})
            case ["POST", "tokens", "revoke"]:
                service.login.revoke()
                return json_answer({})
            case ["POST", "tokens", "consent"]:
                return json_answer({"refresh_token": service.login.new_refresh_token()})
            case ["POST", "pricesheets"]:
                return json_answer(service.pricing.put(body))
            case ["DELETE", "pricesheets"]:
                service.pricing.forget()
                return json_answer({})
            case ["POST", "sas", "expire"]:
                service.store.expire_all()
                return json_answer({})
        return json_answer({"error": "no such verb"}, 404)

    def _document(self, number: str) -> Document:
        document = self.service.book.find(number)
        if document is None:
            raise KeyError(f"no invoice {number}")
        return document

    def _invoice(self, document: Document, verb: str, body: dict[str, Any]) -> Answer:
        service = self.service
        with service.book.lock:
            match verb:
                case "amend":
                    replacement = amend(service.book, document, body)
                    return json_answer({"id": replacement.id, "totalCharges": replacement.header["totalCharges"]})
                case "header":
                    _header(document, body)
                case "lines":
                    _lines(document, body)
                case "etag":
                    service.store.touch(document.id)
                case _:
                    raise KeyError(f"no such verb: {verb}")
        return json_answer(
            {"id": document.id, "totalCharges": document.header["totalCharges"], "version": document.version}
        )

    def _month(self, body: dict[str, Any]) -> Answer:
        """A month in the body, in a file, of a published scenario, or generated."""
        service = self.service
        base: Path | None = None
        if "file" in body:
            path = Path(body["file"])
            month, base = exact.load(path), path.parent
        elif "scenario" in body:
            month = published.month(str(body["scenario"]))
        elif "generate" in body:
            month = generator.generate(generator.Order(**body["generate"]))
        else:
            month = body.get("month", body)
        periods = service.book.load(month, base, replace=bool(body.get("replace")))
        service.periods = sorted({*([] if body.get("replace") else service.periods), *periods})
        return json_answer({"periods": periods, "invoices": [item["id"] for item in month.get("invoices", ())]})

    def _notices(self, body: Any) -> Answer:
        orders = body.get("notices") if isinstance(body, dict) else body
        if orders is None:
            orders = [body]
        options = body if isinstance(body, dict) else {}
        common = {k: v for k, v in options.items() if k not in ("notices", "shuffle", "seed", "wait")}
        sent = self.service.sender.send_all(
            [{**common, **order} for order in orders] if options.get("notices") else orders,
            bool(options.get("shuffle")),
            int(options.get("seed", 7)),
            bool(options.get("wait")),
        )
        return json_answer([notice.report() for notice in sent], 202)


def _header(document: Document, body: dict[str, Any]) -> None:
    """{"total": "..."} or {"add": "0.01"}, and any other field of the header."""
    fields = dict(body)
    if "add" in fields:
        document.header["totalCharges"] += decimal(fields.pop("add"))
    if "total" in fields:
        document.header["totalCharges"] = decimal(fields.pop("total"))
    document.header.update(fields)


def _lines(document: Document, body: dict[str, Any]) -> None:
    """Change the lines of a document in place, so that its next export has a new eTag.

    {"kind": "reconciliation", "changes": [{"index": 0, "Subtotal": "1.00"}], "append": [...], "lines":
    [...], "drop": [0], "keep_total": false}
    """
    kind = str(body.get("kind", "office" if document.legacy else "reconciliation"))
    if kind not in KINDS:
        raise KeyError(f"no such kind of line: {kind}")
    lines = [dict(line) for line in body["lines"]] if "lines" in body else list(document.iter_lines(kind))
    apply_changes(lines, body.get("changes") or ())
    dropped = {int(index) for index in body.get("drop") or ()}
    lines = [line for index, line in enumerate(lines) if index not in dropped] + list(body.get("append") or ())
    document.files.pop(kind, None)
    document.lines[kind] = lines
    document.version = next_version()
    if not body.get("keep_total"):
        document.header["totalCharges"] = document.sum_of_lines()
