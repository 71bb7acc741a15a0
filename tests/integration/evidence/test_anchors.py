"""Heads leave the house: stamped by openssl's authority, cosigned by a witness, pushed to places; bundles show it."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import boto3
import pytest
from moto.server import ThreadedMotoServer

from controlplane.lib import clock
from controlplane.lib.ids import uuid7
from evidence import trust
from evidence.errors import OutsideMisconfigured
from evidence.models import Anchor, Cosignature, Event, Outlet
from evidence.outside import configured
from evidence.verify import cli, note
from evidence.verify.findings import Verdict
from evidence.verify.signing import LocalSigner
from evidence.verify.trust import parse
from tests import tsa
from tests.integration.evidence.house import House, stamping
from tests.unit.evidence.forge import signer

pytestmark = pytest.mark.usefixtures("committed_db")


def test_without_a_file_nobody_outside_hears_anything(house: House) -> None:
    house.settings.INTERLOCK_ANCHORS = house.folder / "absent.json"
    assert house.round() == 0
    assert house.audit().assurance.name == "A1"
    assert house.audit_period().failures == ["SKIPPED", "SKIPPED"]


def test_one_stamp_serves_all_logs_and_lifts_the_assurance(house: House, authority: tsa.Authority) -> None:
    house.configure(tsas=[stamping(authority)])
    assert house.round() >= 1
    with house.in_scope(house.tenant):
        rows = list(Anchor.objects.all())
        assert Event.objects.filter(type="anchor.recorded").count() == len(rows) > 1
    assert authority.asked == 1
    assert len({bytes(row.root) for row in rows}) == 1
    house.seal()
    report = house.audit()
    assert (report.verdict, report.assurance.name) == (Verdict.VERIFIED, "A2"), report.text()
    assert any(found.code == "TIME" and "openssl.test" in found.message for found in report.findings)


def test_a_log_in_which_only_the_anchor_was_recorded_is_left_alone(house: House, authority: tsa.Authority) -> None:
    house.configure(tsas=[stamping(authority)])
    house.round()
    house.seal()
    assert house.round() == 0
    house.record("three")
    assert house.round() >= 1


@pytest.mark.parametrize("fault", ["down", "lies"])
def test_an_authority_that_fails_leaves_nothing_behind_and_is_asked_again(
    house: House, authority: tsa.Authority, fault: str
) -> None:
    house.configure(tsas=[stamping(authority)])
    setattr(authority, fault, True)
    assert house.round() == 0
    with house.in_scope(house.tenant):
        assert not Anchor.objects.exists()
        assert not Event.objects.filter(type="anchor.recorded").exists()
    setattr(authority, fault, False)
    assert house.round() >= 1


def test_a_witness_cosigns_what_extends_what_it_saw(house: House, witness: SimpleNamespace) -> None:
    house.configure(witnesses=[witness.entry])
    assert house.round() >= 1
    house.record("three")
    assert house.round() >= 1
    assert house.round() == 0
    report = house.audit()
    assert (report.verdict, report.assurance.name) == (Verdict.VERIFIED, "A3"), report.text()


def test_a_bundle_that_the_witness_has_not_seen_is_not_trusted(house: House, witness: SimpleNamespace) -> None:
    house.configure(witnesses=[witness.entry])
    report = house.audit()
    assert (report.verdict, report.failures) == (Verdict.UNTRUSTED, ["WITNESS-QUORUM"])


def test_a_period_ends_with_a_head_that_was_stamped_and_cosigned(
    house: House, authority: tsa.Authority, witness: SimpleNamespace
) -> None:
    house.configure(tsas=[stamping(authority)], witnesses=[witness.entry])
    house.round()
    asked = clock.now()
    house.record("three")
    house.round()
    house.record("four")
    for span in ({}, {"until": asked}):
        report = house.audit_period(**span)
        assert (report.verdict, report.assurance.name) == (Verdict.VERIFIED, "A3"), report.text()
    assert "WITNESS-QUORUM" in house.audit_period(until=clock.now()).failures


def test_a_witness_refuses_a_history_that_it_has_not_seen(house: House, witness: SimpleNamespace) -> None:
    house.configure(witnesses=[witness.entry])
    house.round()
    with house.in_scope(house.tenant):
        row = Cosignature.objects.get(log_id=house.log)
    origin = f"{parse(json.dumps(trust.export(house.tenant)).encode()).scope}{house.log}/1"
    forked = note.Checkpoint(origin, row.size, bytes(32))
    own = _sealing_key(house)
    ask = witness.itself.add_checkpoint
    assert ask(f"old {row.size}\n\n{note.sign(forked, own)}".encode()) == (409, f"{row.size}\n")
    assert ask(f"old 0\n\n{note.sign(forked, own)}".encode()) == (409, f"{row.size}\n")
    longer = note.Checkpoint(origin, row.size + 5, bytes(32))
    assert ask(f"old {row.size}\n\n{note.sign(longer, own)}".encode())[0] == 422
    assert ask(f"old {row.size}\n\n{note.sign(longer, signer())}".encode())[0] == 403
    assert ask(b"old x\n\n")[0] == 400
    assert witness.itself.add_keyring(b"{}")[0] == 400


def _sealing_key(house: House) -> LocalSigner:
    from evidence import keys

    found = keys.sealing(house.tenant, "checkpoint")
    assert found is not None
    return found


class Listener:
    """Somebody's webhook."""

    def __init__(self) -> None:
        self.heard: list[dict[str, str]] = []
        self.status = 200
        listener = self

        class Door(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                if listener.status == 200:
                    listener.heard.append(json.loads(body))
                self.send_response(listener.status)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Kept in `heard`."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/hook"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.thread.start()


@pytest.fixture
def listener() -> Iterator[Listener]:
    made = Listener()
    yield made
    made.server.shutdown()
    made.server.server_close()
    made.thread.join()


def test_heads_are_pushed_once_to_each_place_of_their_tenant(house: House, listener: Listener) -> None:
    mine = {"tenant": str(house.tenant)}
    house.configure(
        places=[
            {"name": "hook", "kind": "webhook", "url": listener.url, **mine},
            {"name": "slack", "kind": "slack", "url": listener.url, **mine},
            {"name": "share", "kind": "directory", "path": str(house.folder / "share"), **mine},
            {"name": "of another", "kind": "webhook", "url": listener.url, "tenant": str(uuid7())},
        ]
    )
    listener.status = 500
    house.round()
    assert listener.heard == []
    listener.status = 200
    house.round()
    assert house.round() == 0
    pushed = {body["note"] for body in listener.heard if "note" in body}
    stored = {path.read_text() for path in (house.folder / "share").rglob("*.note")}
    assert pushed == stored
    assert sum("keep it" in body.get("text", "") for body in listener.heard) == len(pushed)
    with house.in_scope(house.tenant):
        assert set(Outlet.objects.values_list("place", flat=True)) == {"hook", "slack", "share"}
    bundle, known, trusted = house.folder / "run.evb", house.folder / "head.note", house.folder / "trust.json"
    bundle.write_bytes(house.export())
    known.write_text(next(text for text in pushed if f"{house.log}/1" in text))
    trusted.write_text(json.dumps(trust.export(house.tenant)))
    assert cli.main([str(bundle), "--trust", str(trusted), "--known", str(known)]) == 0


def test_heads_in_a_bucket_are_under_an_object_lock(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_DEFAULT_REGION": "us-east-1",
        }.items():
            monkeypatch.setenv(name, value)
        store = boto3.client("s3")
        store.create_bucket(Bucket="heads", ObjectLockEnabledForBucket=True)
        place = {"name": "bucket", "kind": "s3", "bucket": "heads", "prefix": "acme/", "retain_days": 365}
        house.configure(places=[{**place, "tenant": str(house.tenant)}])
        done = house.round()
        keys = [item["Key"] for item in store.list_objects_v2(Bucket="heads")["Contents"]]
        assert len(keys) == done >= 1
        assert all(key.startswith("acme/") for key in keys)
        kept = store.head_object(Bucket="heads", Key=keys[0])
        assert kept["ObjectLockMode"] == "COMPLIANCE"
        assert (kept["ObjectLockRetainUntilDate"] - clock.now()).days >= 364
    finally:
        server.stop()


@pytest.mark.parametrize(
    "members",
    [{"tsa": []}, {"places": [{"name": "x", "kind": "ftp", "tenant": str(uuid7())}]}, {"witnesses": [{"name": "w"}]}],
)
def test_a_file_that_cannot_be_read_is_refused_as_a_whole(house: House, members: dict[str, object]) -> None:
    house.configure(**members)
    with pytest.raises(OutsideMisconfigured):
        configured()
