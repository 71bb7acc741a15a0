"""The business rule that sends Standard Webhooks, checked with the reference package as the receiver."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


class Receiver(HTTPServer):
    def __init__(self, statuses: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), Taking)
        self.statuses, self.seen, self.arrived = statuses, [], threading.Semaphore(0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/hooks/x"


class Taking(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.seen.append((dict(self.headers.items()), body))
        self.send_response(self.server.statuses.pop(0) if self.server.statuses else 202)
        self.end_headers()
        self.server.arrived.release()

    def log_message(self, *args: object) -> None:
        """Silent."""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    server = Receiver([])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_new_incident_is_told_with_a_valid_signature(stand_ins, receiver):
    stand_ins.ctl("webhook", {"url": receiver.url, "secret": SECRET})
    sys_id = stand_ins.incident()
    assert receiver.arrived.acquire(timeout=5)
    headers, body = receiver.seen[0]
    event = Webhook(SECRET).verify(body, headers)
    assert (event["type"], event["data"]["sys_id"]) == ("servicenow.incident.created", sys_id)
    assert "short_description" not in event["data"]


def test_a_failed_delivery_is_retried_with_the_same_id(stand_ins, receiver):
    receiver.statuses = [503]
    stand_ins.ctl("webhook", {"url": receiver.url, "secret": SECRET, "retries": 1})
    stand_ins.incident()
    assert receiver.arrived.acquire(timeout=5)
    assert receiver.arrived.acquire(timeout=5)
    assert receiver.seen[0][0]["webhook-id"] == receiver.seen[1][0]["webhook-id"]


def test_a_redelivery_repeats_the_event_and_a_forgery_does_not_verify(stand_ins, receiver):
    stand_ins.ctl("webhook", {"url": "", "secret": SECRET})
    sys_id = stand_ins.incident()
    stand_ins.ctl("webhook", {"url": receiver.url})
    assert stand_ins.ctl("redeliver", {"sys_id": sys_id})["status"] == 202
    stand_ins.ctl("redeliver", {"sys_id": sys_id, "secret": "whsec_Zm9yZ2VkLWZvcmdlZC1mb3JnZWQ="})
    (true_headers, body), (forged_headers, again) = receiver.seen
    assert body == again
    Webhook(SECRET).verify(body, true_headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(again, forged_headers)


def test_two_secrets_sign_twice_for_a_rotation(stand_ins, receiver):
    other = "whsec_c2Vjb25kLXNlY29uZC1zZWNvbmQtc2Vjb25k"
    stand_ins.ctl("webhook", {"url": receiver.url, "secrets": [SECRET, other]})
    stand_ins.incident()
    assert receiver.arrived.acquire(timeout=5)
    headers, body = receiver.seen[0]
    Webhook(SECRET).verify(body, headers)
    Webhook(other).verify(body, headers)
