"""What a model is asked and what it answered, whoever the provider is. Pure."""

from dataclasses import dataclass
from enum import StrEnum

from connectors.types import JsonObject, ModelUsage


class WireApi(StrEnum):
    ANTHROPIC_MESSAGES = "anthropic.messages"
    OPENAI_CHAT = "openai.chat"
    OPENAI_RESPONSES = "openai.responses"
    AZURE_CLASSIC = "azure.classic"
    AZURE_V1 = "azure.v1"

    @property
    def provider(self) -> str:
        return self.value.partition(".")[0]


class Finish(StrEnum):
    COMPLETE = "complete"
    TRUNCATED = "truncated"
    REFUSED = "refused"
    FILTERED = "content_filtered"


@dataclass(frozen=True, slots=True)
class Turn:
    """`role` is "user" or "assistant"."""

    role: str
    text: str


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `schema` is the strict subset that all providers take; sampling parameters do not exist."""

    model: str
    system: str
    turns: tuple[Turn, ...]
    schema_name: str
    schema: JsonObject
    max_tokens: int


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    finish: Finish
    served_model: str
    tokens_in: int
    tokens_cached: int
    tokens_out: int


@dataclass(frozen=True, slots=True)
class Post:
    """A provider's request: path after the base URL, headers without the key, JSON body."""

    path: str
    headers: dict[str, str]
    body: JsonObject


def total(provider: str, model: str, answers: tuple[Answer, ...], lost: Ask | None = None) -> ModelUsage:
    """Tokens over all attempts; an answer that was lost counts as its whole allowance, marked as estimated."""
    return ModelUsage(
        provider=provider,
        model=model,
        tokens_in=sum(answer.tokens_in for answer in answers) + (_about(lost) if lost else 0),
        tokens_cached=sum(answer.tokens_cached for answer in answers),
        tokens_out=sum(answer.tokens_out for answer in answers) + (lost.max_tokens if lost else 0),
        attempts=len(answers) + (1 if lost else 0),
        estimated=lost is not None,
    )


def _about(ask: Ask) -> int:
    """Four characters to a token, rounded up: the usual rule of thumb for English."""
    return -(-(len(ask.system) + sum(len(turn.text) for turn in ask.turns)) // 4)
