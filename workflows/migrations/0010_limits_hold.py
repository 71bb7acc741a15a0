from django.db import migrations

from tenants.rls import RoutingVerb

_ENGINE = "('QUEUED', 'RUNNING', 'WAITING', 'COMPENSATING')"

# The limits hold whatever the plan: a LIMIT beside FOR UPDATE SKIP LOCKED in the FROM of an UPDATE is carried out
# again for each row of the other side where the planner puts it inside a nested loop, and takes other rows each
# time. Materialized, it is carried out once.
CLAIM = """
#variable_conflict use_column
DECLARE
    nobody constant uuid := '00000000-0000-0000-0000-000000000000';
    t uuid := after; l text; next_t uuid; next_l text; around boolean := after = nobody; probes integer := 0;
    tenants uuid[] := '{}'; lanes text[] := '{}'; rooms integer[] := '{}';
    room integer; most_here integer;
BEGIN
    WHILE cardinality(tenants) < most AND probes < 4 * most LOOP
        probes := probes + 1;
        IF l IS NULL THEN
            SELECT r.tenant_id, r.lane INTO next_t, next_l FROM workflows_run r
             WHERE r.ready_at IS NOT NULL AND r.tenant_id > t ORDER BY r.tenant_id, r.lane LIMIT 1;
        ELSE
            SELECT r.tenant_id, r.lane INTO next_t, next_l FROM workflows_run r
             WHERE r.ready_at IS NOT NULL AND (r.tenant_id, r.lane) > (t, l) ORDER BY r.tenant_id, r.lane LIMIT 1;
        END IF;
        IF next_t IS NULL OR (around AND after <> nobody AND next_t > after) THEN
            EXIT WHEN around;
            around := true; t := nobody; l := NULL;
            CONTINUE;
        END IF;
        t := next_t; l := next_l; room := most;
        IF l <> '' THEN
            room := 0;
            IF pg_try_advisory_xact_lock(hashtextextended(t::text || ' lane ' || l, 0)) THEN
                SELECT r.max_running INTO most_here FROM workflows_run r
                 WHERE r.tenant_id = t AND r.lane = l AND r.ready_at IS NOT NULL
                 ORDER BY r.priority, r.ready_at LIMIT 1;
                room := coalesce(most_here, most) - (
                    SELECT count(*) FROM (
                        SELECT FROM workflows_run r
                         WHERE r.tenant_id = t AND r.concurrency_key = l AND r.concurrency_key > '' AND r.lane = ''
                           AND r.state IN ENGINE_STATES
                         LIMIT coalesce(most_here, most)) running);
            END IF;
        END IF;
        IF room > 0 AND tenant_most > 0 THEN
            IF pg_try_advisory_xact_lock(hashtextextended(t::text || ' tenant', 0)) THEN
                room := least(room, tenant_most - (
                    SELECT count(*) FROM (
                        SELECT FROM workflows_run r
                         WHERE r.wake_at > at AND r.wake_at <= until AND r.ready_at IS NULL AND r.state IN ENGINE_STATES
                           AND r.tenant_id = t AND r.lease_until > at
                         LIMIT tenant_most) leased)::integer);
            ELSE
                room := 0;
            END IF;
        END IF;
        IF room > 0 THEN
            tenants := tenants || t; lanes := lanes || l; rooms := rooms || room;
        END IF;
    END LOOP;
    RETURN QUERY
    WITH taken AS MATERIALIZED (
         SELECT c.id, place.at_place
           FROM unnest(tenants, lanes, rooms) WITH ORDINALITY AS place(t, l, room, at_place)
          CROSS JOIN LATERAL (
                SELECT w.id FROM workflows_run w
                 WHERE w.tenant_id = place.t AND w.lane = place.l AND w.ready_at IS NOT NULL
                   AND (w.lease_until IS NULL OR w.lease_until <= at) AND w.state IN ENGINE_STATES
                 ORDER BY w.priority, w.ready_at
                 LIMIT least(place.room, greatest(1, most / greatest(1, cardinality(tenants))))
                   FOR UPDATE SKIP LOCKED) c)
    UPDATE workflows_run r
       SET fence = r.fence + 1, crashes = r.crashes + 1, lease_until = until, wake_at = until,
           ready_at = NULL, lane = '', nudged = false
      FROM taken
     WHERE r.id = taken.id
    RETURNING r.tenant_id, r.id, r.fence, taken.at_place::integer;
END
"""

MAKE_DUE = """
#variable_conflict use_column
DECLARE made integer;
BEGIN
    WITH due AS MATERIALIZED (
         SELECT c.id FROM workflows_run c
          WHERE c.wake_at <= at AND c.ready_at IS NULL AND c.state IN ENGINE_STATES
          ORDER BY c.wake_at LIMIT most FOR UPDATE SKIP LOCKED)
    UPDATE workflows_run r SET ready_at = at FROM due WHERE r.id = due.id;
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END
"""

_COLUMNS = [
    *("id", "tenant_id", "state", "fence", "crashes", "lease_until", "wake_at", "ready_at", "nudged"),
    *("lane", "priority", "concurrency_key", "max_running"),
]
_WRITTEN = ["fence", "crashes", "lease_until", "wake_at", "ready_at", "lane", "nudged"]


def routing_verb(name: str, *, args: str, returns: str, body: str) -> migrations.RunSQL:
    body = body.replace("ENGINE_STATES", _ENGINE)
    columns, written = {"workflows_run": _COLUMNS}, {"workflows_run": _WRITTEN}
    return RoutingVerb(name, args=args, returns=returns, body=body, reads=columns, writes=written)


class Migration(migrations.Migration):
    dependencies = [("workflows", "0009_tape")]

    operations = [
        migrations.RunSQL(
            [
                "SET LOCAL ROLE interlock_router",
                "DROP FUNCTION routing.claim_runs(timestamptz, timestamptz, integer, uuid, integer)",
                "DROP FUNCTION routing.make_due(timestamptz, integer)",
                "RESET ROLE",
            ],
            migrations.RunSQL.noop,
        ),
        routing_verb(
            "claim_runs",
            args="at timestamptz, until timestamptz, most integer, after uuid, tenant_most integer",
            returns="TABLE (tenant_id uuid, run_id uuid, fence integer, place integer)",
            body=CLAIM,
        ),
        routing_verb("make_due", args="at timestamptz, most integer", returns="integer", body=MAKE_DUE),
    ]
