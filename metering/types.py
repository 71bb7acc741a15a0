"""Value types of metering. Money is integer micro-USD (1 USD = 1,000,000 micros). Pure."""

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from uuid import UUID

HUMAN = "human"
"""Provider name under which the price of one approver minute is kept (`per_call` is then USD per minute)."""


class BudgetKind(StrEnum):
    """What a budget covers: the whole tenant, one workflow by name, or one model by its pinned id."""

    TENANT = "tenant"
    WORKFLOW = "workflow"
    MODEL = "model"


class Period(StrEnum):
    """When a budget starts again: at 00:00 UTC, on the first of the month, or never."""

    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class Lane(StrEnum):
    """A compensation is never starved by a budget: it is charged, not refused."""

    FORWARD = "forward"
    COMPENSATION = "compensation"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Usage:
    """What one attempt of a call used.

    `provider`/`model`: for a tool call the connector's name and "". `tokens_in` counts every input token,
    `tokens_cached` those of them read from the provider's cache. `estimated`: the provider did not say.
    """

    provider: str
    model: str = ""
    tokens_in: int = 0
    tokens_cached: int = 0
    tokens_out: int = 0
    tool_calls: int = 0
    estimated: bool = False

    def __post_init__(self) -> None:
        counts = (self.tokens_in, self.tokens_cached, self.tokens_out, self.tool_calls)
        if any(isinstance(n, bool) or not isinstance(n, int) or n < 0 for n in counts):
            raise ValueError("usage counts are whole numbers, zero or more")
        if self.tokens_cached > self.tokens_in:
            raise ValueError("cached tokens are a part of the input tokens")


@dataclass(frozen=True, slots=True)
class Place:
    """Whose account a cost goes to; `workflow` and `ticket` are "" where there is none."""

    workspace_id: UUID
    workflow: str = ""
    ticket: str = ""


@dataclass(frozen=True, slots=True)
class Rate:
    """One price: USD per 1,000,000 tokens, and USD per tool call (or per minute of a person).

    `cached` None: cached tokens cost what input costs. `above_tokens`: the rate holds for requests with more
    input tokens than this (vendors price the whole request at the tier it reaches).
    """

    input: Decimal
    output: Decimal
    cached: Decimal | None = None
    per_call: Decimal = Decimal(0)
    above_tokens: int = 0


@dataclass(frozen=True, slots=True)
class Cost:
    """Micro-USD, rounded up. `known` False: no price was found, `micros` is then 0 and proves nothing."""

    micros: int
    known: bool


UNKNOWN_COST = Cost(0, known=False)


@dataclass(frozen=True, slots=True)
class CostOfRun:
    """Micro-USD of one run. `complete` False: a part has no price or was estimated, so more may be due."""

    micros: int
    model_micros: int
    tool_micros: int
    human_micros: int
    complete: bool
