"""The evaluator: started as `python -I -S -B child.py CONFIG` with an empty environment, fds 3 (in) and 4 (out).

It puts the confinement on, loads the OPA library, and answers requests until its input ends: `load` (compile a
program under a key), `evaluate` (its decision), `evaluate_many` (of several documents); for modules that nobody
trusts yet `parse` (syntax trees) and `cover` (answers, and which expressions they evaluated); `trace` tells each step
of one decision. It is never imported by the application.
"""

import contextlib
import importlib.util
import json
import os
import signal
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))
from policies.engine import confine, framing

del sys.path[0]  # after this line nothing of the project can be loaded

REQUESTS, REPLIES = 3, 4
KEPT_PROGRAMS = 128
BYTES_PER_MB = 16_000
"""Text of programs kept per megabyte of memory: compiled it takes about thirteen times as much, twice that while
garbage waits, and a hundred megabytes are for the rest."""
COLLECT_FROM = 0.8
"""Above this part of the limit the Go runtime spends its time on collecting rather than ask the kernel for more."""
STEPS = frozenset({"Enter", "Eval", "Fail", "Exit"})

Engine = Any  # opa_bindings.OpaEngine, which has no types


class Evaluator:
    """Compiled programs by key with the size of their text, the least recently used one dropped first."""

    def __init__(self, library: Any, *, kept_bytes: int) -> None:
        self._library = library
        self._kept_bytes = kept_bytes
        self._engines: OrderedDict[str, tuple[Engine, int]] = OrderedDict()
        self._verbs = {
            "load": self._load,
            "evaluate": self._evaluate,
            "evaluate_many": self._evaluate_many,
            "parse": self._parse,
            "cover": self._cover,
            "trace": self._trace,
        }

    def wake(self) -> None:
        """Load the Go runtime and let it make its reservations, as the first question would."""
        engine = self._compile({}, {})
        engine.eval_query("true", {})
        engine.close()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"value": self._verbs[request["verb"]](request)}
        except self._library.OpaError as error:
            return {"error": {"code": error.code, "message": error.message}}
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            return {"error": {"code": "bad_request", "message": repr(error)}}

    def _load(self, request: dict[str, Any]) -> list[str]:
        """The keys of the programs that are held afterwards. Room is made first: memory is what may be short."""
        size = len(json.dumps([request["modules"], request["data"]]))
        self._make_room(request["key"], size)
        engine = self._compile(request["modules"], request["data"])
        self._warm_up(engine, request["entrypoint"])
        self._engines[request["key"]] = engine, size
        return list(self._engines)

    def _make_room(self, key: str, size: int) -> None:
        if key in self._engines:
            self._engines.pop(key)[0].close()
        while self._engines and (len(self._engines) >= KEPT_PROGRAMS or self._held_bytes() + size > self._kept_bytes):
            self._engines.popitem(last=False)[1][0].close()

    def _held_bytes(self) -> int:
        return sum(size for _, size in self._engines.values())

    def _evaluate(self, request: dict[str, Any]) -> Any:
        return self._engine(request["key"]).eval_document(request["entrypoint"], request["document"])

    def _evaluate_many(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """For each document `{"value": …}` or `{"error": …}`: one that fails does not take the others along."""
        engine = self._engine(request["key"])
        return [self._one(engine, request["entrypoint"], document) for document in request["documents"]]

    def _one(self, engine: Engine, entrypoint: str, document: Any, *, coverage: bool = False) -> dict[str, Any]:
        try:
            return {"value": engine.eval_document(entrypoint, document, coverage=coverage)}
        except self._library.OpaError as error:
            return {"error": {"code": error.code, "message": error.message}}

    def _engine(self, key: str) -> Engine:
        if key not in self._engines:
            raise self._library.OpaError("unknown_program", key)
        self._engines.move_to_end(key)
        return self._engines[key][0]

    def _parse(self, request: dict[str, Any]) -> dict[str, Any]:
        """Syntax trees by path; nothing of the modules is compiled or run."""
        engine = self._library.OpaEngine()
        return {path: self._tree(engine, path, source) for path, source in request["modules"].items()}

    def _cover(self, request: dict[str, Any]) -> dict[str, Any]:
        """Answers to `questions` (rule, document) as in `evaluate_many`, and of each module in `covering` every
        expression: first line and column, last line and column, 1 if any question evaluated it.
        """
        engine = self._compile(request["modules"], request["data"])
        engine.eval_query("true", {})  # compiles the whole, also when there is no question
        spans: dict[str, dict[tuple[int, ...], int]] = {path: {} for path in request["covering"]}
        answers = []
        for rule, document in request["questions"]:
            answers.append(self._one(engine, rule, document, coverage=bool(spans)))
            self._collect(engine.last_coverage or {"files": {}}, spans)
        return {
            "answers": answers,
            "spans": {path: [[*at, hit] for at, hit in known.items()] for path, known in spans.items()},
        }

    def _collect(self, coverage: dict[str, Any], spans: dict[str, dict[tuple[int, ...], int]]) -> None:
        for path, known in spans.items():
            report = coverage["files"].get(path, {})
            for name, hit in (("not_covered", 0), ("covered", 1)):
                for span in report.get(name, []):
                    at = tuple(span[end][part] for end in ("start", "end") for part in ("row", "col"))
                    known[at] = max(hit, known.get(at, 0))

    def _trace(self, request: dict[str, Any]) -> dict[str, Any]:
        """A decision and its steps `[operation, query, line, whether a rule is entered]`, without any value."""
        engine = self._compile(request["modules"], request["data"])
        value = engine.eval_document(request["entrypoint"], request["document"], trace=True)
        return {"value": value, "steps": [_step(event) for event in engine.last_trace if event["op"] in STEPS]}

    def _compile(self, modules: dict[str, str], data: dict[str, Any]) -> Engine:
        engine = self._library.OpaEngine()
        for path, source in modules.items():
            engine.add_policy(path, source)
        engine.add_data(data)
        return engine

    def _warm_up(self, engine: Engine, entrypoint: str) -> None:
        """OPA compiles at the first question; that belongs into the time for loading, not for deciding.

        What the empty question is answered does not matter: a real one meets the same error again.
        """
        with contextlib.suppress(self._library.OpaError):
            engine.eval_document(entrypoint, {})

    def _tree(self, engine: Engine, path: str, source: str) -> Any:
        found = engine.eval_query(
            "tree := rego.parse_module(input.path, input.source)", {"path": path, "source": source}
        )
        return found[0]["tree"]


def _step(event: dict[str, Any]) -> list[Any]:
    """OPA prints what it enters: a rule as `head if { body }`, anything else as a bare expression."""
    op = event["op"]
    return [op, event["query_id"], event["location"], op == "Enter" and " if {" in event["node"]]


def _read(size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = os.read(REQUESTS, size - len(content))
        if not piece:
            os._exit(0)  # the parent is gone or wants us gone
        content += piece
    return content


def _write(frame: bytes) -> None:
    view = memoryview(frame)
    while view:
        view = view[os.write(REPLIES, view) :]


def _reply(evaluator: Evaluator, request: dict[str, Any]) -> bytes:
    answer = {"id": request.get("id"), **evaluator.answer(request)}
    try:
        return framing.pack(answer)
    except (ValueError, RecursionError) as error:
        return framing.pack({"id": request.get("id"), "error": {"code": "bad_reply", "message": str(error)}})


def _serve(evaluator: Evaluator) -> None:
    while True:
        request = framing.unpack(_read(framing.length_of(_read(framing.HEADER.size))))
        # the kernel ends a question that outlives its time even if the parent died meanwhile
        signal.setitimer(signal.ITIMER_REAL, request["alarm_s"])
        frame = _reply(evaluator, request)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _write(frame)


def _library(folder: str) -> Any:
    """The OPA bindings from their own folder: the rest of site-packages stays out of reach."""
    spec = importlib.util.spec_from_file_location(
        "opa_bindings", os.path.join(folder, "__init__.py"), submodule_search_locations=[folder]
    )
    if spec is None or spec.loader is None:
        raise ImportError(folder)
    module = importlib.util.module_from_spec(spec)
    sys.modules["opa_bindings"] = module
    spec.loader.exec_module(module)
    return module


def main() -> None:
    config = json.loads(sys.argv[1])
    os.closerange(REPLIES + 1, 4096)
    os.chdir("/")
    os.nice(config["nice"])
    readable = [*config["readable"], config["library"]]
    address_space = confine.AddressSpace()
    layers = confine.confine(readable, config["memory_mb"])
    os.environ["GOMEMLIMIT"] = f"{int(config['memory_mb'] * COLLECT_FROM)}MiB"
    evaluator = Evaluator(_library(config["library"]), kept_bytes=config["memory_mb"] * BYTES_PER_MB)
    evaluator.wake()
    if not address_space.hold(config["memory_mb"]):
        layers["limits"] = "failed"
    _write(framing.pack({"layers": layers}))
    _serve(evaluator)


if __name__ == "__main__":
    main()
