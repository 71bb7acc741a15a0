"""Changes that somebody with all rights in the database makes to the record."""

ATTACKS: dict[str, tuple[str, str, set[str]]] = {
    "a leaf in the middle is deleted": (
        "DELETE FROM evidence_leaf WHERE log_id = %(log)s AND index = 7",
        "LEAF-GAP",
        {"LEAF-LINK", "CHECKPOINT-ROOT", "SIGNED-HEAD", "TREE", "EVENT-LOST", "LEAF-EDITED"},
    ),
    "the last leaves are cut off": (
        "DELETE FROM evidence_leaf WHERE log_id = %(log)s AND index > 260",
        "CHECKPOINT-ROOT",
        {"LEAF-GAP", "SIGNED-HEAD", "TREE", "EVENT-LOST"},
    ),
    "the bytes of a leaf are changed": (
        "UPDATE evidence_leaf SET leaf = replace(convert_from(leaf, 'UTF8'), '\"n\":7', '\"n\":8')::bytea"
        " WHERE log_id = %(log)s AND index = 7",
        "LEAF-EDITED",
        {"LEAF-LINK", "CHECKPOINT-ROOT", "SIGNED-HEAD", "TREE"},
    ),
    "two events change places": (
        "UPDATE evidence_leaf a SET leaf = b.leaf, leaf_hash = b.leaf_hash FROM evidence_leaf b"
        " WHERE a.log_id = %(log)s AND b.log_id = %(log)s AND a.index IN (7, 8) AND b.index = 15 - a.index",
        "LEAF-EDITED",
        {"LEAF-LINK", "CHECKPOINT-ROOT", "SIGNED-HEAD", "TREE"},
    ),
    "an event is deleted": ("DELETE FROM evidence_event WHERE id = %(event)s", "EVENT-GONE", set()),
    "an event is deleted, and a list that nobody signed says that it was pruned": (
        "WITH gone AS (DELETE FROM evidence_event WHERE id = %(event)s RETURNING 1)"
        " INSERT INTO evidence_pruning (id, created_at, tenant_id, log_id, envelope)"
        " SELECT gen_random_uuid(), now(), %(tenant)s, %(log)s, '{}' FROM gone",
        "PRUNING",
        {"EVENT-GONE"},
    ),
    "an event of a run is deleted": (
        "DELETE FROM evidence_event WHERE id = %(of_run)s",
        "RUN-CHAIN",
        {"EVENT-GONE"},
    ),
    "an event is rewritten with its hash": (
        "UPDATE evidence_event SET body = replace(convert_from(body, 'UTF8'), 'heartbeat', 'heartbeet')::bytea,"
        " event_hash = sha256('\\x6576622e6576656e742e763100'::bytea"
        " || replace(convert_from(body, 'UTF8'), 'heartbeat', 'heartbeet')::bytea) WHERE id = %(event)s",
        "EVENT-EDITED",
        set(),
    ),
    "only what the console reads is changed": (
        "UPDATE evidence_event SET type = 'run.closed' WHERE id = %(event)s",
        "PROJECTION",
        set(),
    ),
    "an event moves to another log": (
        "UPDATE evidence_event SET log_id = tenant_id WHERE id = %(event)s",
        "PROJECTION",
        set(),
    ),
    "a seal is replaced": (
        "UPDATE evidence_event SET mac = sha256(mac) WHERE id = %(event)s",
        "SEAL",
        set(),
    ),
    "an event leaves the queue without a leaf": (
        "INSERT INTO evidence_event SELECT gen_random_uuid(), created_at, log_id, NULL, NULL, type, body, event_hash,"
        " mac, tenant_id FROM evidence_event WHERE id = %(event)s",
        "EVENT-LOST",
        set(),
    ),
    "an event is put into the queue again": (
        "INSERT INTO evidence_pending (created_at, tenant_id, event_id, log_id)"
        " SELECT created_at, tenant_id, id, log_id FROM evidence_event WHERE id = %(event)s",
        "EVENT-TWICE",
        set(),
    ),
    "an event is called poison afterwards": (
        "INSERT INTO evidence_quarantine (id, created_at, tenant_id, log_id, reason)"
        " SELECT id, created_at, tenant_id, log_id, 'seal' FROM evidence_event WHERE id = %(event)s",
        "QUARANTINE-UNTOLD",
        {"EVENT-TWICE"},
    ),
    "a node of the tree is forged": (
        "UPDATE evidence_node SET hash = sha256(hash) WHERE log_id = %(log)s",
        "TREE",
        set(),
    ),
    "the end that grows is forged": (
        "UPDATE evidence_loghead SET peaks = sha256(peaks) WHERE id = %(log)s",
        "TREE",
        set(),
    ),
    "a signed head is moved to another root": (
        "UPDATE evidence_checkpoint SET root = sha256(root) WHERE log_id = %(log)s AND size = 260",
        "CHECKPOINT-ROOT",
        {"CHECKPOINT-SIGNATURE"},
    ),
    "a signed head gets another signature": (
        "UPDATE evidence_checkpoint c SET note = regexp_replace(note, ' ([A-Za-z0-9+/]{6})....', ' \\1AAAA')"
        " WHERE log_id = %(log)s AND size = 260",
        "CHECKPOINT-SIGNATURE",
        set(),
    ),
    "the head of a run is set back": (
        "UPDATE evidence_runhead SET seq = seq - 1 WHERE id = %(run)s",
        "RUN-HEAD",
        set(),
    ),
    "the head of a run is deleted": ("DELETE FROM evidence_runhead WHERE id = %(run)s", "RUN-HEAD", set()),
    "the head of a log is deleted": ("DELETE FROM evidence_loghead WHERE id = %(log)s", "LEAF-GAP", {"LOG-GONE"}),
    "a log vanishes whole": (
        "WITH leaves AS (DELETE FROM evidence_leaf WHERE log_id = %(log)s),"
        " nodes AS (DELETE FROM evidence_node WHERE log_id = %(log)s),"
        " notes AS (DELETE FROM evidence_checkpoint WHERE log_id = %(log)s),"
        " events AS (DELETE FROM evidence_event WHERE log_id = %(log)s),"
        " runs AS (DELETE FROM evidence_runhead WHERE log_id = %(log)s)"
        " DELETE FROM evidence_loghead WHERE id = %(log)s",
        "LOG-GONE",
        set(),
    ),
    "the sequencer is kept from signing": (
        "UPDATE evidence_loghead SET frozen_reason = 'x' WHERE id = %(log)s",
        "LOG-FROZEN",
        set(),
    ),
    "the keyring loses its first version": (
        "DELETE FROM evidence_keyringversion WHERE tenant_id = %(tenant)s",
        "CHECKPOINT-SIGNATURE",
        set(),
    ),
    "a keyring is edited": (
        "UPDATE evidence_keyringversion SET envelope = replace(envelope, 'payload', 'paylaod')",
        "KEYRING",
        {"CHECKPOINT-SIGNATURE"},
    ),
}
"""What somebody does, the finding that says so, and what else follows from it."""
