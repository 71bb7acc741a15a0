"""What belongs to no single leaf: the queue, what was set aside, the chains of runs, the keyring."""

from collections.abc import Iterator

from django.db import connection

from evidence import keyrings
from evidence.fsck.findings import Finding
from evidence.models import KeyringVersion
from evidence.verify import dsse, keyring
from evidence.verify.keyring import Key
from evidence.verify.malformed import Malformed
from evidence.verify.signing import kid_of
from tenants import scope

_HEADLESS = """
SELECT DISTINCT l.log_id FROM evidence_leaf l
 WHERE l.tenant_id = %(tenant)s AND NOT EXISTS (SELECT 1 FROM evidence_loghead h WHERE h.id = l.log_id)
"""
_SHOWN = """
SELECT DISTINCT s.log_id FROM (
    SELECT log_id FROM evidence_checkpoint WHERE tenant_id = %(tenant)s
    UNION SELECT log_id FROM evidence_node WHERE tenant_id = %(tenant)s
    UNION SELECT log_id FROM evidence_anchor WHERE tenant_id = %(tenant)s
    UNION SELECT log_id FROM evidence_cosignature WHERE tenant_id = %(tenant)s
    UNION SELECT log_id FROM evidence_outlet WHERE tenant_id = %(tenant)s
) AS s WHERE NOT EXISTS (SELECT 1 FROM evidence_loghead h WHERE h.id = s.log_id) ORDER BY 1
"""
_LOST = """
SELECT e.id FROM evidence_event e
 WHERE e.tenant_id = %(tenant)s
   AND NOT EXISTS (SELECT 1 FROM evidence_leaf l WHERE l.id = e.id)
   AND NOT EXISTS (SELECT 1 FROM evidence_pending p WHERE p.event_id = e.id)
   AND NOT EXISTS (SELECT 1 FROM evidence_quarantine q WHERE q.id = e.id)
 ORDER BY e.id
"""
_TWICE = """
SELECT id FROM (
    SELECT id, tenant_id FROM evidence_leaf UNION ALL SELECT id, tenant_id FROM evidence_quarantine
    UNION ALL SELECT event_id, tenant_id FROM evidence_pending
) AS places WHERE tenant_id = %(tenant)s GROUP BY id HAVING count(*) > 1 ORDER BY id
"""
_UNTOLD = """
SELECT q.id FROM evidence_quarantine q
 WHERE q.tenant_id = %(tenant)s AND NOT EXISTS (
    SELECT 1 FROM evidence_event e WHERE e.tenant_id = q.tenant_id AND e.log_id = q.log_id
       AND e.type = 'event.quarantined' AND position(q.id::text IN convert_from(e.body, 'UTF8')) > 0)
 ORDER BY q.id
"""
_CHAINS = """
SELECT id, run_id, run_seq FROM (
    SELECT id, run_id, run_seq, body,
           lag(event_hash) OVER run AS before, lag(run_seq, 1, 0::bigint) OVER run AS seq_before
      FROM evidence_event WHERE tenant_id = %(tenant)s AND run_id IS NOT NULL
    WINDOW run AS (PARTITION BY run_id ORDER BY run_seq)
) AS links
 WHERE run_seq <> seq_before + 1
    OR convert_from(body, 'UTF8')::json -> 'run' ->> 'prev' IS DISTINCT FROM encode(before, 'hex')
 ORDER BY run_id, run_seq
"""
_HEADS = """
SELECT coalesce(h.id, e.run_id) FROM evidence_runhead h
  FULL JOIN (SELECT DISTINCT ON (run_id) run_id, run_seq, event_hash, log_id FROM evidence_event
              WHERE tenant_id = %(tenant)s AND run_id IS NOT NULL ORDER BY run_id, run_seq DESC) AS e
    ON e.run_id = h.id
 WHERE coalesce(h.tenant_id, %(tenant)s) = %(tenant)s AND coalesce(h.seq, -1) > 0
   AND CASE WHEN h.pruned THEN e.run_id IS NOT NULL
            ELSE (h.seq, h.last_hash, h.log_id) IS DISTINCT FROM (e.run_seq, e.event_hash, e.log_id) END
    OR h.id IS NULL
 ORDER BY 1
"""


def check() -> Iterator[Finding]:
    """Everything of the current tenant that is not of one log."""
    for pk in _ids(_HEADLESS):
        yield Finding("LEAF-GAP", f"log {pk}", "it has leaves and no head")
    for pk in _ids(_SHOWN):
        yield Finding("LOG-GONE", f"log {pk}", "it was signed, stamped or sent to somebody, and has no head")
    for pk in _ids(_LOST):
        yield Finding("EVENT-LOST", f"event {pk}", "it will never be sequenced")
    for pk in _ids(_TWICE):
        yield Finding("EVENT-TWICE", f"event {pk}", "it has more than one place")
    for pk in _ids(_UNTOLD):
        yield Finding("QUARANTINE-UNTOLD", f"event {pk}", "it was set aside without a word")
    for row in _fetch(_CHAINS):
        yield Finding("RUN-CHAIN", f"run {row[1]}", f"event {row[2]} does not follow the one before it")
    for pk in _ids(_HEADS):
        yield Finding("RUN-HEAD", f"run {pk}", "its head is not its last event")


def sealing_keys() -> tuple[list[Key], list[Finding]]:
    """Every key that ever spoke for the tenant, from keyrings that the root key signed."""
    found: dict[str, Key] = {}
    findings = []
    for expected, row in enumerate(KeyringVersion.objects.order_by("version"), start=1):
        ring = _opened(row)
        if ring is None or ring.version != row.version or row.version != expected:
            findings.append(Finding("KEYRING", f"keyring {row.version}", "not the next version signed by a root key"))
        for key in ring.keys if ring else ():
            found[key.kid] = key
    return list(found.values()), findings


def _opened(row: KeyringVersion) -> keyring.Keyring | None:
    try:
        sealed = dsse.parse(row.envelope.encode(), keyring.PAYLOAD_TYPE)
        holds = any(_signed(sealed, public) for public in keyrings.root_keys())
        return keyring.parse(sealed.payload) if holds else None
    except Malformed:
        return None


def _signed(sealed: dsse.Envelope, public: bytes) -> bool:
    signature = sealed.signature_of(kid_of(public))
    return signature is not None and sealed.holds(public, signature)


def _ids(query: str) -> list[object]:
    return [row[0] for row in _fetch(query)]


def _fetch(query: str) -> list[tuple[object, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(query, {"tenant": scope.current()})
        return list(cursor.fetchall())
