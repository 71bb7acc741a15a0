"""The checks of saga lint by subject. Each yields findings; none raises."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

from workflows.definition.checks import arguments, bounds, effects, expressions, models, order, secrets, structure
from workflows.definition.findings import Finding
from workflows.definition.subject import Subject

Check: TypeAlias = Callable[[Subject], Iterator[Finding]]

ALL: tuple[Check, ...] = (
    *structure.CHECKS,
    *expressions.CHECKS,
    *arguments.CHECKS,
    *models.CHECKS,
    *effects.CHECKS,
    *order.CHECKS,
    *bounds.CHECKS,
    *secrets.CHECKS,
)
