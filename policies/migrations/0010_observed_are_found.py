from django.db import migrations

_REASONS = """
SELECT made.created_at, made.tenant_id, made.id, left(told ->> 'effect', 16), left(told ->> 'rule', 200),
       left(told ->> 'code', 80)
FROM {source} made CROSS JOIN LATERAL jsonb_array_elements({told}) told
"""
_INSERT = """
INSERT INTO policies_decisionreason (id, created_at, tenant_id, decision_id, effect, rule, code)
SELECT DISTINCT ON (decision, rule, code) gen_random_uuid(), at, tenant, decision, effect, rule, code
FROM ({rows}) AS found (at, tenant, decision, effect, rule, code)
"""


def _rows(*told: str, source: str) -> str:
    return _INSERT.format(rows=" UNION ALL ".join(_REASONS.format(source=source, told=each) for each in told))


def _function(*told: str) -> str:
    return (
        "CREATE OR REPLACE FUNCTION public.policies_reasons_as_rows() RETURNS trigger LANGUAGE plpgsql AS $$"
        f" BEGIN {_rows(*told, source='made')}; RETURN NULL; END $$"
    )


class Migration(migrations.Migration):
    """What rules found that are only observed is searched like any reason, so that one sees what they would do."""

    dependencies = [("policies", "0009_clock_set_back")]

    operations = [
        migrations.RunSQL(
            [
                _function("made.reasons", "made.observed"),
                "ALTER TABLE policies_decisionrecord NO FORCE ROW LEVEL SECURITY",
                _rows("made.observed", source="policies_decisionrecord"),
                "ALTER TABLE policies_decisionrecord FORCE ROW LEVEL SECURITY",
            ],
            [_function("made.reasons")],
        )
    ]
