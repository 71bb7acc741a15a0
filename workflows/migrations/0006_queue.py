from django.db import migrations, models

from tenants.rls import RoutingVerb

_ENGINE = "('QUEUED', 'RUNNING', 'WAITING', 'COMPENSATING')"

# Walks the queue place by place (tenant and lane) with one index probe each, however many runs wait in one of
# them; then takes the same share from each place that has room. What another worker is taking is skipped.
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
    UPDATE workflows_run r
       SET fence = r.fence + 1, crashes = r.crashes + 1, lease_until = until, wake_at = until,
           ready_at = NULL, lane = '', nudged = false
      FROM unnest(tenants, lanes, rooms) WITH ORDINALITY AS place(t, l, room, at_place)
     CROSS JOIN LATERAL (
           SELECT c.id FROM workflows_run c
            WHERE c.tenant_id = place.t AND c.lane = place.l AND c.ready_at IS NOT NULL
              AND (c.lease_until IS NULL OR c.lease_until <= at) AND c.state IN ENGINE_STATES
            ORDER BY c.priority, c.ready_at
            LIMIT least(place.room, greatest(1, most / greatest(1, cardinality(tenants))))
              FOR UPDATE SKIP LOCKED) taken
     WHERE r.id = taken.id
    RETURNING r.tenant_id, r.id, r.fence, place.at_place::integer;
END
"""

MAKE_DUE = """
#variable_conflict use_column
DECLARE made integer;
BEGIN
    UPDATE workflows_run r SET ready_at = at
     WHERE r.id IN (SELECT c.id FROM workflows_run c
                     WHERE c.wake_at <= at AND c.ready_at IS NULL AND c.state IN ENGINE_STATES
                     ORDER BY c.wake_at LIMIT most FOR UPDATE SKIP LOCKED);
    GET DIAGNOSTICS made = ROW_COUNT;
    RETURN made;
END
"""

ANY_READY = """
BEGIN
    RETURN EXISTS (SELECT FROM workflows_run r WHERE r.ready_at IS NOT NULL);
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
    dependencies = [("workflows", "0005_redrives")]

    operations = [
        migrations.AddField("run", "ready_at", models.DateTimeField(null=True)),
        migrations.AddField("run", "lane", models.CharField(blank=True, max_length=120)),
        migrations.RemoveIndex("run", "run_due"),
        migrations.AddIndex(
            "run",
            models.Index(
                condition=models.Q(
                    ("ready_at__isnull", True),
                    ("state__in", ["COMPENSATING", "QUEUED", "RUNNING", "WAITING"]),
                    ("wake_at__isnull", False),
                ),
                fields=["wake_at"],
                name="run_due",
            ),
        ),
        migrations.AddIndex(
            "run",
            models.Index(
                condition=models.Q(("ready_at__isnull", False)),
                fields=["tenant", "lane", "priority", "ready_at"],
                name="run_ready",
            ),
        ),
        migrations.AddIndex(
            "run",
            models.Index(
                condition=models.Q(
                    ("concurrency_key__gt", ""),
                    ("lane", ""),
                    ("state__in", ["COMPENSATING", "QUEUED", "RUNNING", "WAITING"]),
                ),
                fields=["tenant", "concurrency_key"],
                name="run_in_its_lane",
            ),
        ),
        migrations.RunSQL(
            ["SET LOCAL ROLE interlock_router", "DROP FUNCTION routing.due_runs(timestamptz, integer)", "RESET ROLE"],
            migrations.RunSQL.noop,
        ),
        routing_verb(
            "claim_runs",
            args="at timestamptz, until timestamptz, most integer, after uuid, tenant_most integer",
            returns="TABLE (tenant_id uuid, run_id uuid, fence integer, place integer)",
            body=CLAIM,
        ),
        routing_verb("make_due", args="at timestamptz, most integer", returns="integer", body=MAKE_DUE),
        routing_verb("any_ready", args="", returns="boolean", body=ANY_READY),
    ]
