"""`pruning.prune`: the one road by which an event leaves the database, and what it refuses.

The function belongs to a role that nobody can be (`interlock_pruner`). It takes a signed list that was written down
before, and compares for itself: it removes nothing that is younger than the tenant keeps the record (half a year at
the least), that is under a legal hold, that no signed head covers, or that would leave a run half told.
"""

import hashlib

_BODY = """
DECLARE
    told record;
    days integer := greatest(183, coalesce((SELECT audit_days FROM evidence_retention), 2557));
    due uuid[];
    signed bigint;
    gone bigint;
BEGIN
    SELECT p.log_id, convert_from(decode(p.envelope::json ->> 'payload', 'base64'), 'UTF8')::json -> 'spans' AS spans
      INTO STRICT told FROM evidence_pruning p WHERE p.id = listed;
    SELECT array_agg(l.id) INTO due FROM json_array_elements(told.spans) AS span
      JOIN evidence_leaf l ON l.log_id = told.log_id
       AND l.index >= (span ->> 0)::bigint AND l.index < (span ->> 1)::bigint;
    IF EXISTS (SELECT 1 FROM evidence_leaf l WHERE l.id = ANY (due)
                  AND to_timestamp((convert_from(l.leaf, 'UTF8')::json ->> 't')::bigint / 1000.0)
                      > now() - make_interval(days => days)) THEN
        RAISE EXCEPTION 'the record is kept for % days: pruning refused', days USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT 1 FROM evidence_event e JOIN evidence_legalhold h ON h.run_id = e.run_id
                WHERE e.id = ANY (due) AND h.released_at IS NULL) THEN
        RAISE EXCEPTION 'a legal hold forbids pruning' USING ERRCODE = 'insufficient_privilege';
    END IF;
    SELECT coalesce(max(size), 0) INTO signed FROM evidence_checkpoint c WHERE c.log_id = told.log_id;
    IF EXISTS (SELECT 1 FROM evidence_leaf l WHERE l.id = ANY (due) AND l.index >= signed) THEN
        RAISE EXCEPTION 'no signed head covers it: pruning refused' USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF EXISTS (SELECT 1 FROM evidence_event e WHERE NOT e.id = ANY (due)
                  AND e.run_id IN (SELECT run_id FROM evidence_event WHERE id = ANY (due))) THEN
        RAISE EXCEPTION 'a run is pruned whole or not at all' USING ERRCODE = 'insufficient_privilege';
    END IF;
    DELETE FROM evidence_event e WHERE e.id = ANY (due);
    GET DIAGNOSTICS gone = ROW_COUNT;
    IF gone IS DISTINCT FROM cardinality(due) THEN
        RAISE EXCEPTION 'not all of it is there: pruning refused' USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN gone;
END """

FUNCTION = f"""
CREATE FUNCTION pruning.prune(listed uuid) RETURNS bigint LANGUAGE plpgsql VOLATILE SECURITY DEFINER
    SET search_path = public, pg_temp AS $${_BODY}$$
"""
SOURCE = hashlib.sha256(_BODY.strip().encode()).hexdigest()
"""SHA-256 over the body, without the white space around it: what `guards` compares."""
