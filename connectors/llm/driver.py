"""`llm.generate`: a versioned prompt, a fenced input, an answer that satisfies its schema or a failure.

Which model to fall back to is the policy's matter; this driver asks the model it was given.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from jsonschema import Draft202012Validator

from connectors.errors import ConfigInvalid, ReplyLost, SendAborted
from connectors.llm import library, prompting
from connectors.llm.transport import HttpLlmTransport, LlmTransport
from connectors.llm.types import Answer, Ask, Finish, Turn, total
from connectors.outcomes import settled
from connectors.types import About, CallContext, Done, Failed, JsonObject, ModelUsage, Outcome, ReadVerbs, Unknown
from controlplane.lib.canonical import digest, sha256_hex

Open: TypeAlias = Callable[[CallContext], LlmTransport]

DEFAULT_MAX_TOKENS = 1024
ATTEMPTS = 2
PROBLEMS_SHOWN = 3
ECHO_LIMIT = 4000
_DATED = re.compile(r"-(\d{8}|\d{4}-\d{2}-\d{2})")


@dataclass(frozen=True, slots=True)
class Task:
    """The arguments, resolved: what is asked, and what its answer must satisfy."""

    ask: Ask
    schema: JsonObject
    choices: prompting.Choices
    about: JsonObject


class _InvalidAnswer(Exception):
    """The answer does not satisfy the schema; `problems` tell the model why."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(slots=True)
class _Dialogue:
    """The attempts of one call, and what they cost."""

    transport: LlmTransport
    task: Task
    answers: list[Answer] = field(default_factory=list)

    def run(self) -> Outcome:
        ask = self.task.ask
        problems: list[str] = []
        for _ in range(ATTEMPTS):
            answer = self._ask(ask)
            if not isinstance(answer, Answer):
                return answer
            self.answers.append(answer)
            problem = _unusable(answer, self.task.ask.model)
            if problem:
                return replace(problem, usage=self.usage())
            try:
                return self._done(_accepted(answer.text, self.task.schema))
            except _InvalidAnswer as invalid:
                ask, problems = _repair(self.task.ask, answer, invalid.problems), invalid.problems
        return Failed(permanent=True, code="schema_invalid", detail="; ".join(problems), usage=self.usage())

    def usage(self, *, lost: Ask | None = None) -> ModelUsage:
        return total(self.transport.provider, self.task.ask.model, tuple(self.answers), lost)

    def _ask(self, ask: Ask) -> Answer | Outcome:
        try:
            answer = self.transport.generate(ask)
        except ReplyLost as lost:
            return Unknown(lost.code, lost.detail, usage=self.usage(lost=ask))
        except SendAborted as stop:
            if not self.answers:
                raise
            return Failed(permanent=False, code=stop.code, detail=stop.detail, usage=self.usage())
        if isinstance(answer, Failed) and self.answers:
            return replace(answer, usage=self.usage())
        return answer

    def _done(self, result: JsonObject) -> Done:
        values, labels = prompting.resolved(result, self.task.choices)
        served = {
            "provider": self.transport.provider,
            "requested": self.task.ask.model,
            "served": self.answers[-1].served_model,
            "attempts": len(self.answers),
            **self.task.about,
        }
        return Done(output={**values, "labels": labels, "model": served}, usage=self.usage())


@dataclass(frozen=True, slots=True)
class Generate:
    """args: `{model, prompt, input, schema, choices?, max_tokens?}`.

    `prompt` and `schema` are `name@version` of the library, or the content itself as `{name, text}` and
    `{name, document}`. `choices`: `{property: [{id, label, value}]}`; the model answers with an id, the output
    holds the value, so a name in the input cannot route anywhere. Output: the result, `labels` of what was
    chosen, `model` with what was asked and served.
    """

    open: Open = HttpLlmTransport

    def do(self, ctx: CallContext, args: JsonObject, expected: JsonObject) -> Outcome:
        try:
            task = task_of(args)
        except ConfigInvalid as invalid:
            return Failed(permanent=True, code="invalid_args", detail=invalid.detail)
        return settled(ctx, self.open, lambda transport: _Dialogue(transport, task).run())


@dataclass(frozen=True, slots=True)
class LlmDriver:
    name: str = "llm"
    records: Mapping[str, About] = field(default_factory=dict)
    events: Mapping[str, About] = field(default_factory=dict)
    verbs: Mapping[str, ReadVerbs] = field(default_factory=lambda: {"llm.generate": Generate()})


def task_of(args: JsonObject) -> Task:
    """Raises ConfigInvalid for a prompt or schema that is not in the library, or choices without a place."""
    prompt_name, prompt = _prompt(args["prompt"])
    schema_name, schema = _schema(args["schema"])
    choices = args.get("choices") or {}
    misplaced = set(choices) - set(schema.get("properties", {}))
    if misplaced:
        raise ConfigInvalid(f"choices for {', '.join(sorted(misplaced))}, which the schema does not have")
    return Task(
        ask=Ask(
            model=args["model"],
            system=prompting.system_text(prompt),
            turns=(Turn("user", prompting.user_text(args["input"], choices)),),
            schema_name=schema_name.partition("@")[0],
            schema=prompting.strict_schema(schema, choices),
            max_tokens=args.get("max_tokens", DEFAULT_MAX_TOKENS),
        ),
        schema=prompting.full_schema(schema, choices),
        choices=choices,
        about={
            "prompt": prompt_name,
            "prompt_sha256": sha256_hex(prompt.encode()),
            "schema": schema_name,
            "schema_sha256": digest(schema),
        },
    )


def _prompt(given: str | JsonObject) -> tuple[str, str]:
    if isinstance(given, str):
        return given, library.prompt(given)
    return given["name"], given["text"]


def _schema(given: str | JsonObject) -> tuple[str, JsonObject]:
    if isinstance(given, str):
        return given, library.schema(given)
    return given["name"], given["document"]


def _unusable(answer: Answer, pinned: str) -> Failed | None:
    """A refusal, a cut-off answer, or an answer by another model than the pinned one (or its dated snapshot)."""
    if answer.finish is not Finish.COMPLETE:
        return Failed(permanent=True, code=answer.finish.value, detail="the model did not finish its answer")
    suffix = answer.served_model.removeprefix(pinned)
    if answer.served_model != pinned and (suffix == answer.served_model or not _DATED.fullmatch(suffix)):
        return Failed(permanent=True, code="model_drift", detail=f"served by {answer.served_model}")
    return None


def _accepted(text: str, schema: JsonObject) -> JsonObject:
    """The parsed answer; raises _InvalidAnswer. Fractions are refused: results are digested, and have none."""
    try:
        parsed = json.loads(text, parse_float=_no_fraction, parse_constant=_no_fraction)
    except (ValueError, RecursionError) as error:
        raise _InvalidAnswer([f"not JSON: {error}"]) from error
    errors = sorted(Draft202012Validator(schema).iter_errors(parsed), key=lambda error: list(error.path))
    if errors:
        raise _InvalidAnswer([_problem(error) for error in errors[:PROBLEMS_SHOWN]])
    result: JsonObject = parsed
    return result


def _problem(error: Any) -> str:
    place = "/".join(str(part) for part in error.absolute_path) or "the answer"
    return f"{place}: {error.message}"[:300]


def _no_fraction(literal: str) -> Any:
    raise ValueError(f"{literal} is not a whole number")


def _repair(ask: Ask, answer: Answer, problems: list[str]) -> Ask:
    said = Turn("assistant", answer.text[:ECHO_LIMIT] or "(nothing)")
    return replace(ask, turns=(*ask.turns, said, Turn("user", prompting.repair_text(problems))))
