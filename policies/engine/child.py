"""The evaluator: started as `python -I -S -B child.py CONFIG` with an empty environment, fds 3 (in) and 4 (out).

It puts the confinement on, loads the OPA library, and answers requests until its input ends: `load` (compile a
program under a key), `evaluate` (its decision); for modules that nobody trusts yet `parse` (syntax trees) and `test`
(values of their test rules). It is never imported by the application.
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
KEPT_PROGRAMS = 32

Engine = Any  # opa_bindings.OpaEngine, which has no types


class Evaluator:
    """Compiled programs by key, the least recently used one dropped first."""

    def __init__(self, library: Any) -> None:
        self._library = library
        self._engines: OrderedDict[str, Engine] = OrderedDict()

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        verbs = {"load": self._load, "evaluate": self._evaluate, "parse": self._parse, "test": self._test}
        try:
            return {"value": verbs[request["verb"]](request)}
        except self._library.OpaError as error:
            return {"error": {"code": error.code, "message": error.message}}
        except (KeyError, TypeError, ValueError, RecursionError) as error:
            return {"error": {"code": "bad_request", "message": repr(error)}}

    def _load(self, request: dict[str, Any]) -> bool:
        engine = self._compile(request["modules"], request["data"])
        self._warm_up(engine, request["entrypoint"])
        self._engines[request["key"]] = engine
        while len(self._engines) > KEPT_PROGRAMS:
            self._engines.popitem(last=False)[1].close()
        return True

    def _evaluate(self, request: dict[str, Any]) -> Any:
        engine = self._engines.get(request["key"])
        if engine is None:
            raise self._library.OpaError("unknown_program", request["key"])
        self._engines.move_to_end(request["key"])
        return engine.eval_document(request["entrypoint"], request["document"])

    def _parse(self, request: dict[str, Any]) -> dict[str, Any]:
        """Syntax trees by path; nothing of the modules is compiled or run."""
        engine = self._library.OpaEngine()
        return {path: self._tree(engine, path, source) for path, source in request["modules"].items()}

    def _test(self, request: dict[str, Any]) -> dict[str, Any]:
        """Values of rules by name; null for an undefined one, an object with `error` for one that fails."""
        engine = self._compile(request["modules"], request["data"])
        engine.eval_query("true", {})  # compiles the whole, also when there is no test to run
        return {rule: self._value(engine, rule) for rule in request["rules"]}

    def _value(self, engine: Engine, rule: str) -> Any:
        try:
            return engine.eval_document(rule, {})
        except self._library.OpaUndefinedError:
            return None
        except self._library.OpaError as error:
            return {"error": error.message}

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
    except ValueError as error:
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
    readable = [*config["readable"], config["library"]]
    layers = confine.confine(readable, config["memory_mb"])
    evaluator = Evaluator(_library(config["library"]))
    _write(framing.pack({"layers": layers}))
    _serve(evaluator)


if __name__ == "__main__":
    main()
