"""The guards of the record in PostgreSQL: what stands in the catalogue, and what must stand there.

`read` takes a picture: one text per trigger, policy, grant, constraint, table and role. `faults` judges it by rules
that are written here and nowhere in the database. A picture also has marks (object ids and row versions): a guard that
was taken down and put up again looks as before, but its mark does not.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from django.db import connection

from controlplane.lib.canonical import digest
from evidence import pruned
from tenants.rls import APPEND_ONLY_SOURCE, PRUNED_SOURCE

APPEND_ONLY = frozenset(
    {
        "evidence_event",
        "evidence_leaf",
        "evidence_node",
        "evidence_checkpoint",
        "evidence_quarantine",
        "evidence_keyringversion",
        "evidence_anchor",
        "evidence_cosignature",
        "evidence_pruning",
    }
)
PRUNED = "evidence_event"
"""Append-only as well, but for what `pruning.prune` removes."""
TRIGGERS = {
    "append_only": "BEFORE DELETE OR UPDATE ON public.{table} FOR EACH ROW",
    "append_only_whole": "BEFORE TRUNCATE ON public.{table} FOR EACH STATEMENT",
}
REFUSES = {(PRUNED, "append_only"): ("interlock_pruned_only", PRUNED_SOURCE)}
CONSTRAINTS = frozenset(
    {
        "evidence_event.event_fits",
        "evidence_event.event_hash_is_of_its_body",
        "evidence_leaf.leaf_hash_is_of_its_leaf",
    }
)
OWNER = "interlock_owner"
SERVANTS = ("interlock_app", "interlock_sequencer", "interlock_reader", "interlock_router", "interlock_pruner")
PRUNER = "interlock_pruner"


@dataclass(frozen=True)
class Picture:
    """By the name of each guard: how it stands, and its mark."""

    states: Mapping[str, str]
    marks: Mapping[str, str]

    @property
    def digest(self) -> str:
        """SHA-256 (hex) over states and marks."""
        return digest({"states": dict(self.states), "marks": dict(self.marks)})


def read() -> Picture:
    """The guards as they stand now. Any role may ask."""
    with connection.cursor() as cursor:
        cursor.execute(_CATALOGUE)
        rows = cursor.fetchall()
    return Picture({name: state for name, state, _ in rows}, {name: mark for name, _, mark in rows})


def changes(before: Picture, now: Picture) -> list[str]:
    """What is different, one line each, in the order of the names."""
    return [
        _difference(name, before, now) for name in sorted({*before.states, *now.states}) if _differs(name, before, now)
    ]


def _differs(name: str, before: Picture, now: Picture) -> bool:
    return (before.states.get(name), before.marks.get(name)) != (now.states.get(name), now.marks.get(name))


def _difference(name: str, before: Picture, now: Picture) -> str:
    if name not in now.states:
        return f"{name} is gone"
    if name not in before.states:
        return f"{name} is new"
    if before.states[name] != now.states[name]:
        return f"{name} is different"
    return f"{name} was touched and looks as before"


def faults(now: Picture) -> list[str]:
    """What is not as it must be, one line each; empty when the guards stand."""
    return sorted({line for rule in RULES for line in rule(now.states)})


def _triggers_stand(states: Mapping[str, str]) -> Iterator[str]:
    for table in APPEND_ONLY:
        for trigger, when in TRIGGERS.items():
            function, source = REFUSES.get((table, trigger), ("interlock_append_only", APPEND_ONLY_SOURCE))
            definition = f"CREATE TRIGGER {trigger} {when.format(table=table)} EXECUTE FUNCTION {function}()"
            if states.get(f"trigger {table}.{trigger}") != f"always|{definition}|plpgsql:{source}":
                yield f"trigger {table}.{trigger} does not refuse whatever comes"


def _no_other_triggers(states: Mapping[str, str]) -> Iterator[str]:
    for name in states:
        kind, _, place = name.partition(" ")
        table, _, trigger = place.partition(".")
        if kind == "trigger" and table in APPEND_ONLY and trigger not in TRIGGERS:
            yield f"{name} does not belong there"


def _rows_are_secured(states: Mapping[str, str]) -> Iterator[str]:
    for name, state in states.items():
        if name.startswith("table ") and not state.startswith(f"{OWNER}|rls=true|force=true"):
            yield f"{name} is not the owner's under forced row security"
    for table in APPEND_ONLY:
        if f"table {table}" not in states:
            yield f"table {table} is gone"


def _nobody_may_change(states: Mapping[str, str]) -> Iterator[str]:
    """On append-only tables nobody but the owner holds more than SELECT and INSERT, and everybody holds nothing. The
    pruner reads, and deletes events."""
    for name, state in states.items():
        kind, _, place = name.rpartition(" ")
        table, grantee = place.split(".")[0], place.split(".")[-1]
        held = set(state.split(",")) - ({"DELETE"} if (table, grantee) == (PRUNED, PRUNER) else set())
        most = {"SELECT"} if grantee == PRUNER else {"SELECT", "INSERT"}
        kept = grantee == OWNER or (table not in APPEND_ONLY and grantee != PRUNER) or held <= most
        if kind in {"grant", "column grant"} and (grantee == "PUBLIC" or not kept):
            yield f"{name} holds {state}"


def _roles_are_plain(states: Mapping[str, str]) -> Iterator[str]:
    for role in (OWNER, *SERVANTS):
        state = states.get(f"role {role}", "gone")
        if not state.startswith("plain|"):
            yield f"role {role} is {state.partition('|')[0]}"
        elif role in SERVANTS and state != "plain|":
            yield f"role {role} belongs to {state.partition('|')[2]}"


def _one_road_out(states: Mapping[str, str]) -> Iterator[str]:
    """The pruner has one function, the one that is written here; only the app may call it."""
    name = "function pruning.prune(uuid)"
    for found in states:
        if found.startswith("function ") and found != name:
            yield f"{found} does not belong to the pruner"
    if (
        states.get(name)
        != f"{PRUNER}|definer|plpgsql:{pruned.SOURCE}|search_path=public, pg_temp|interlock_app,{PRUNER}"
    ):
        yield f"{name} is not the one that refuses what is not due"


def _constraints_hold(states: Mapping[str, str]) -> Iterator[str]:
    for name in CONSTRAINTS:
        if not states.get(f"constraint {name}", "").startswith("valid|"):
            yield f"constraint {name} does not hold"


Rule = Callable[[Mapping[str, str]], Iterator[str]]
RULES: tuple[Rule, ...] = (
    _triggers_stand,
    _no_other_triggers,
    _rows_are_secured,
    _nobody_may_change,
    _roles_are_plain,
    _one_road_out,
    _constraints_hold,
)

# One row per guard: (name, state, mark). Marks are object ids and the transactions that wrote the catalogue rows.
_CATALOGUE = r"""
WITH tables AS (
    SELECT c.*, c.xmin::text AS version FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relname LIKE 'evidence\_%' AND c.relkind IN ('r', 'p')
), sources AS (
    SELECT p.oid, p.xmin::text AS version, l.lanname || ':' ||
           encode(sha256(convert_to(btrim(p.prosrc, E' \n\t'), 'UTF8')), 'hex') AS source
      FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
), roles AS (
    SELECT * FROM pg_roles WHERE rolname LIKE 'interlock\_%'
)
SELECT 'table ' || relname,
       pg_get_userbyid(relowner) || '|rls=' || relrowsecurity::text || '|force=' || relforcerowsecurity::text,
       oid || '/' || version
  FROM tables
UNION ALL
SELECT 'trigger ' || t.relname || '.' || g.tgname,
       CASE g.tgenabled WHEN 'A' THEN 'always' ELSE g.tgenabled::text END
           || '|' || pg_get_triggerdef(g.oid) || '|' || p.source,
       g.oid || '/' || g.xmin::text || '/' || p.oid || '/' || p.version
  FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid JOIN sources p ON p.oid = g.tgfoid WHERE NOT g.tgisinternal
UNION ALL
SELECT 'rewrite ' || t.relname || '.' || r.rulename, pg_get_ruledef(r.oid), r.oid || '/' || r.xmin::text
  FROM pg_rewrite r JOIN tables t ON t.oid = r.ev_class
UNION ALL
SELECT 'policy ' || t.relname || '.' || p.polname,
       p.polcmd::text || '|' || (SELECT string_agg(pg_get_userbyid(r), ',' ORDER BY pg_get_userbyid(r))
                                  FROM unnest(p.polroles) r)
           || '|' || coalesce(pg_get_expr(p.polqual, p.polrelid), '')
           || '|' || coalesce(pg_get_expr(p.polwithcheck, p.polrelid), ''),
       p.oid || '/' || p.xmin::text
  FROM pg_policy p JOIN tables t ON t.oid = p.polrelid
UNION ALL
SELECT 'constraint ' || t.relname || '.' || c.conname,
       CASE WHEN c.convalidated THEN 'valid' ELSE 'not valid' END || '|' || pg_get_constraintdef(c.oid),
       c.oid || '/' || c.xmin::text
  FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid
UNION ALL
SELECT 'grant ' || t.relname || '.' || coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'),
       string_agg(DISTINCT a.privilege_type, ',' ORDER BY a.privilege_type), ''
  FROM tables t, aclexplode(coalesce(t.relacl, acldefault('r', t.relowner))) a GROUP BY t.relname, a.grantee
UNION ALL
SELECT 'column grant ' || t.relname || '.' || b.attname || '.'
           || coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'),
       string_agg(DISTINCT a.privilege_type, ',' ORDER BY a.privilege_type), ''
  FROM tables t JOIN pg_attribute b ON b.attrelid = t.oid AND NOT b.attisdropped, aclexplode(b.attacl) a
 GROUP BY t.relname, b.attname, a.grantee
UNION ALL
SELECT 'function ' || p.oid::regprocedure::text,
       pg_get_userbyid(p.proowner) || '|' || CASE WHEN p.prosecdef THEN 'definer' ELSE 'invoker' END || '|' || s.source
           || '|' || coalesce(array_to_string(p.proconfig, ';'), '') || '|'
           || (SELECT string_agg(coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'), ','
                                 ORDER BY coalesce(nullif(a.grantee, 0)::regrole::text, 'PUBLIC'))
                 FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a),
       p.oid || '/' || p.xmin::text
  FROM pg_proc p JOIN sources s ON s.oid = p.oid
 WHERE pg_get_userbyid(p.proowner) = 'interlock_pruner' OR p.pronamespace = (
       SELECT oid FROM pg_namespace WHERE nspname = 'pruning')
UNION ALL
SELECT 'role ' || rolname,
       CASE WHEN rolsuper OR rolbypassrls OR rolcreaterole OR rolreplication THEN 'powerful' ELSE 'plain' END || '|'
           || coalesce((SELECT string_agg(m.roleid::regrole::text, ',' ORDER BY m.roleid::regrole::text)
                         FROM pg_auth_members m WHERE m.member = roles.oid), ''),
       ''
  FROM roles
ORDER BY 1
"""
