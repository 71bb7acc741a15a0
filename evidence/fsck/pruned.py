"""What was pruned of a log: each list is signed by a key of the keyring and told in the log, or it explains nothing."""

import json
from collections.abc import Sequence
from hashlib import sha256

from evidence import pruning
from evidence.fsck.findings import Finding
from evidence.models import Event, LogHead
from evidence.models import Pruning as Row
from evidence.verify import dsse, note
from evidence.verify.keyring import Key
from evidence.verify.malformed import Malformed
from evidence.verify.pruning import PAYLOAD_TYPE, Index, Pruned, index_of


def read(head: LogHead, keys: Sequence[Key]) -> tuple[Index, list[Finding]]:
    """The lists that count, and what is wrong with the others."""
    told = _told(head)
    lists, findings = [], []
    for row in Row.objects.filter(log_id=head.pk).order_by("id"):
        found, fault = _read(row.envelope, head, keys, told)
        if found is None:
            findings.append(Finding("PRUNING", head.origin, f"the list {row.pk} {fault}"))
        else:
            lists.append(found)
    try:
        return index_of(lists), findings
    except Malformed as twice:
        return Index((), ()), [*findings, Finding("PRUNING", head.origin, str(twice))]


def _read(text: str, head: LogHead, keys: Sequence[Key], told: set[str]) -> tuple[Pruned | None, str]:
    try:
        sealed, said = dsse.parse(text.encode(), PAYLOAD_TYPE), pruning.parsed(text)
    except Malformed as problem:
        return None, f"is none: {problem}"
    if not any(_signed(sealed, key) for key in keys if key.use == "bundle"):
        return None, "is signed by nobody we know"
    if not note.continues(said.origin, head.origin):
        return None, "is of another log"
    if sha256(text.encode()).hexdigest() not in told:
        return None, "is not told in the log"
    return said, ""


def _signed(sealed: dsse.Envelope, key: Key) -> bool:
    signature = sealed.signature_of(key.kid)
    return signature is not None and sealed.holds(key.public, signature)


def _told(head: LogHead) -> set[str]:
    bodies = Event.objects.filter(log_id=head.pk, type="log.pruned").values_list("body", flat=True)
    return {str(json.loads(bytes(body))["data"]["listed"]) for body in bodies}
