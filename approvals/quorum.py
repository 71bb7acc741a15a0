"""Whether those who said yes are enough. Pure."""

from collections.abc import Sequence, Set

from approvals.types import Rules
from evidence.verify.matching import assigned, filled


def met(rules: Rules, people: Sequence[Set[str]]) -> bool:
    """Whether these people, each given by the roles that they hold, are enough."""
    if len(people) < rules.quorum or open_places(rules, people):
        return False
    return not rules.distinct_among or filled(rules.distinct_among, people) >= rules.quorum


def open_places(rules: Rules, people: Sequence[Set[str]]) -> list[str]:
    """The roles that are still to be filled, when those who are there fill as many places as they can."""
    taken = assigned(rules.roles, people)
    return [role for place, role in enumerate(rules.roles) if place not in taken]
