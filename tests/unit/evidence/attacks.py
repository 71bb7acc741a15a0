"""All attacks of the corpus, whichever file they stand in."""

from tests.unit.evidence import (
    attacks_epochs,
    attacks_form,
    attacks_json,
    attacks_kinds,
    attacks_passkeys,
    attacks_pruned,
    attacks_record,
    attacks_rules,
    attacks_schema,
    attacks_time,
)
from tests.unit.evidence.corpus import ATTACKS, Attack

MODULES = (
    attacks_epochs,
    attacks_form,
    attacks_json,
    attacks_kinds,
    attacks_passkeys,
    attacks_pruned,
    attacks_record,
    attacks_rules,
    attacks_schema,
    attacks_time,
)

__all__ = ["ATTACKS", "MODULES", "Attack"]
