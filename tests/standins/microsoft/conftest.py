"""A plain client and a receiver of notices, for the stand-in's own tests."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest
import requests

from tests.standins.microsoft import MicrosoftStandIn, exact
from tests.standins.microsoft.generator import Order, generate

OCTOBER = "G202610001"
BILLING = "/v1.0/reports/partners/billing"


class Client:
    """A plain client, with tokens."""

    def __init__(self, standin: MicrosoftStandIn) -> None:
        self.standin = standin
        self.settings = standin.settings
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.verify = self.settings["MICROSOFT_CA_FILE"]

    def token(self, audience: str = "https://api.partnercenter.microsoft.com", **form: str) -> requests.Response:
        fields = {
            "grant_type": "client_credentials",
            "client_id": self.settings["MICROSOFT_CLIENT_ID"],
            "client_secret": self.settings["MICROSOFT_CLIENT_SECRET"],
            "scope": f"{audience}/.default",
            **form,
        }
        tenant = form.get("tenant", self.settings["MICROSOFT_TENANT_ID"])
        return self.session.post(f"{self.settings['MICROSOFT_LOGIN_URL']}/{tenant}/oauth2/v2.0/token", data=fields)

    def call(self, base: str, path: str, method: str = "GET", **more: Any) -> requests.Response:
        audience = {
            "PARTNER_CENTER_URL": "https://api.partnercenter.microsoft.com",
            "GRAPH_URL": "https://graph.microsoft.com",
        }
        headers = {
            "Authorization": "Bearer " + self.token(audience[base]).json()["access_token"],
            **more.pop("headers", {}),
        }
        address = path if path.startswith("https://") else self.settings[base] + path
        return self.session.request(method, address, headers=headers, **more)

    def pc(self, path: str, **more: Any) -> requests.Response:
        return self.call("PARTNER_CENTER_URL", path, **more)

    def export(self, invoice: str, kind: str = "reconciliation", **body: str) -> dict[str, Any]:
        """Start, poll, and give the manifest."""
        started = self.call("GRAPH_URL", f"{BILLING}/{kind}/billed/export", "POST", json={"invoiceId": invoice, **body})
        assert started.status_code == 202
        for _ in range(20):
            state = self.call("GRAPH_URL", started.headers["Location"])
            assert state.status_code == 200
            answer = state.json()
            if answer["status"] == "failed":
                return dict(answer)
            if answer["status"] == "succeeded":
                if "resourceLocation" in answer:
                    return dict(answer["resourceLocation"])
                return dict(self.call("GRAPH_URL", answer["resourceLocation@odata.navigationLink"]).json())
        raise AssertionError("never ended")

    def blob(self, manifest: dict[str, Any], index: int = 0, **headers: Any) -> requests.Response:
        address = f"{manifest['rootDirectory']}/{manifest['blobs'][index]['name']}?{manifest['sasToken']}"
        return self.session.get(address, headers=headers)

    def lines(self, manifest: dict[str, Any]) -> list[dict[str, Any]]:
        texts = [gzip.decompress(self.blob(manifest, i).content) for i in range(manifest["blobCount"])]
        return [exact.loads(line) for text in texts for line in text.decode("utf-8-sig").splitlines() if line.strip()]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MicrosoftStandIn]:
    with MicrosoftStandIn(tmp_path_factory.mktemp("microsoft")) as running:
        yield running


@pytest.fixture
def client(standin: MicrosoftStandIn) -> Iterator[Client]:
    standin.clear_faults()
    standin.control("DELETE", "/modes")
    standin.modes(retry_after=0, polls=1, notice_interval=0.01)
    standin.load_month(generate(Order()), replace=True)
    made = Client(standin)
    with made.session:
        yield made


class Receiver(ThreadingHTTPServer):
    """Takes notices; answers with what `answers` holds, then 200."""

    daemon_threads = True
    received: ClassVar[list[tuple[bytes, dict[str, str]]]] = []
    answers: ClassVar[list[int]] = []


class _Take(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        Receiver.received.append((body, {k.lower(): v for k, v in self.headers.items()}))
        self.send_response(Receiver.answers.pop(0) if Receiver.answers else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def receiver() -> Iterator[str]:
    Receiver.received.clear()
    Receiver.answers.clear()
    server = Receiver(("127.0.0.1", 0), _Take)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/webhooks/partner-center"
    server.shutdown()
    server.server_close()
