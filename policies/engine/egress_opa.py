"""The other decision point: an OPA server that the operator runs, one per environment, asked over HTTP.

It evaluates the bundle that `policies.serving` hands out. Whatever it answers is believed only for the revision that
we signed: an OPA that has not pulled it yet, serves another bundle or runs without one gives a DENY.

Wire format: OPA REST API, `POST /v1/data/<path>` (openpolicyagent.org, REST API, "Get a Document (with Input)").
"""

import os
import threading
import weakref
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as Overdue
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests
from opa_client.opa import OpaClient
from requests.adapters import HTTPAdapter

from controlplane.lib import clock
from policies.engine.breaker import Breaker
from policies.engine.protocol import DECISION_ENTRYPOINT, JsonObject, Layers, PointFailure, Program, one_by_one

LARGEST_ANSWER = 1 << 20
MOST_AT_ONCE = 8
_QUERY = {"provenance": "true", "strict-builtin-errors": "true"}
_PACKAGE, _, _RULE = DECISION_ENTRYPOINT.rpartition(".")
_live: "weakref.WeakSet[ServerPoint]" = weakref.WeakSet()


@dataclass(frozen=True, slots=True)
class Address:
    """Where the OPA servers are. `url` may contain `{environment}`; `token_file` and `ca_file` are paths or empty."""

    url: str
    token_file: str = ""
    ca_file: str = ""

    def of(self, environment: str) -> str:
        return self.url.replace("{environment}", environment)

    @property
    def token(self) -> str:
        """Read at each connection, so that a rotated token needs no restart."""
        return Path(self.token_file).read_text().strip() if self.token_file else ""


class Hardened(OpaClient):  # type: ignore[misc]  # the package has no types
    """The client without what makes it unsafe here: retries, redirects, proxies of the environment, endless bodies."""

    def _init_session(self) -> requests.Session:
        session = requests.Session()
        session.trust_env = False
        session.max_redirects = 0
        session.headers.update(self.headers or {})
        session.verify = self.ssl or False
        session.hooks["response"].append(_bounded)
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(max_retries=0))
        return session


class ServerPoint:
    """A DecisionPoint. `deadline_s` bounds a question as a whole, also against a server that answers drop by drop."""

    def __init__(self, address: Address, *, deadline_s: float) -> None:
        self._address = address
        self._deadline_s = deadline_s
        self._start()
        _live.add(self)

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._breakers: dict[str, Breaker] = {}
        self._clients = threading.local()
        self._pool = ThreadPoolExecutor(MOST_AT_ONCE, thread_name_prefix="opa")
        self._asking = threading.BoundedSemaphore(MOST_AT_ONCE)

    def evaluate(self, program: Program, document: JsonObject) -> JsonObject:
        """See DecisionPoint. `pdp_behind`: the server holds another bundle than the one in force."""
        self._admit(program.environment)
        try:
            answer = self._ask(program.environment, document)
        except PointFailure:
            self._failed(program.environment)
            raise
        self._succeeded(program.environment)
        return _decision(answer, program)

    def evaluate_many(self, program: Program, documents: Sequence[JsonObject]) -> list[JsonObject | PointFailure]:
        return one_by_one(self, program, documents)

    def layers(self) -> Layers:
        """A server is another machine's process: nothing of it runs in ours."""
        return Layers({"separate server": "on"})

    def _ask(self, environment: str, document: JsonObject) -> JsonObject:
        """One request within the deadline. A thread that is overdue is left to its socket's time-out."""
        if not self._asking.acquire(timeout=self._deadline_s):
            raise PointFailure("pdp_timeout", "every connection to the OPA server is in use")
        future = self._pool.submit(self._request, environment, document)
        future.add_done_callback(lambda _: self._asking.release())
        try:
            answer = future.result(self._deadline_s)
        except Overdue as error:
            future.cancel()
            raise PointFailure("pdp_timeout", "the OPA server did not answer in time") from error
        except requests.Timeout as error:
            raise PointFailure("pdp_timeout", type(error).__name__) from error
        except requests.HTTPError as error:
            raise PointFailure("pdp_error", f"the OPA server answered {error.response.status_code}") from error
        except Exception as error:  # the client raises what it likes; all of it means that there is no answer
            raise PointFailure("pdp_unavailable", type(error).__name__) from error
        if not isinstance(answer, dict):
            raise PointFailure("bad_decision", "the answer is not an object")
        return answer

    def _request(self, environment: str, document: JsonObject) -> Any:
        return self._client(environment).query_rule(document, _PACKAGE, _RULE, _QUERY)

    def _client(self, environment: str) -> Hardened:
        """One per thread and address: a session is not safe under threads."""
        kept: dict[str, Hardened] = self._clients.__dict__.setdefault("kept", {})
        url = self._address.of(environment)
        if url not in kept:
            kept[url] = self._connected(url)
        return kept[url]

    def _connected(self, url: str) -> Hardened:
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        return Hardened(
            host=parts.hostname,
            port=parts.port or (443 if secure else 8181),
            ssl=(self._address.ca_file or True) if secure else False,
            token=self._address.token or None,
            retries=0,
            timeout=self._deadline_s,
        )

    def _admit(self, environment: str) -> None:
        with self._lock:
            breaker = self._breakers.setdefault(environment, Breaker())
            if not breaker.admits(clock.monotonic()):
                raise PointFailure("pdp_unavailable", "the OPA server has failed repeatedly")

    def _failed(self, environment: str) -> None:
        with self._lock:
            self._breakers[environment].failed(clock.monotonic())

    def _succeeded(self, environment: str) -> None:
        with self._lock:
            self._breakers[environment].succeeded()

    def after_fork(self) -> None:
        """Threads, locks and connections belong to the parent."""
        self._start()


def _decision(answer: JsonObject, program: Program) -> JsonObject:
    """The decision of exactly the bundle in force; raises PointFailure."""
    provenance = answer.get("provenance")
    bundles = provenance.get("bundles") if isinstance(provenance, dict) else None
    if bundles != {program.environment: {"revision": program.revision}}:
        raise PointFailure("pdp_behind", f"the OPA server has {bundles}, not revision {program.revision}")
    decision = answer.get("result")
    if not isinstance(decision, dict):
        raise PointFailure("bad_decision", "the OPA server has no such decision")
    return decision


def _bounded(response: requests.Response, **_: object) -> None:
    """Called before the body is read: reads it here, up to the limit, whatever size it claims or hides."""
    body = response.raw.read(LARGEST_ANSWER + 1, decode_content=True)
    if len(body) > LARGEST_ANSWER:
        response.close()
        raise requests.exceptions.ContentDecodingError("the answer is larger than a decision can be")
    response._content, response._content_consumed = body, True  # type: ignore[attr-defined]


def _after_fork() -> None:
    for point in list(_live):
        point.after_fork()


os.register_at_fork(after_in_child=_after_fork)
