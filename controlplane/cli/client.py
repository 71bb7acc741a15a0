"""One HTTP call to the API, and its problem documents as errors of the command line."""

import uuid
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from controlplane.cli import config
from controlplane.cli.exits import BY_STATUS, CliError, Exit

if TYPE_CHECKING:
    from httpx2 import Response

SECONDS = 30.0


class Client:
    def __init__(self, settings: config.Config) -> None:
        import httpx2  # imported late: `interlock --help` stays fast

        headers = {"Authorization": f"Bearer {settings.token}", "Accept": "application/json"}
        self._url = settings.url
        self._http = httpx2.Client(base_url=settings.url, headers=headers, timeout=SECONDS, trust_env=False)
        self._unreachable = (httpx2.ConnectError, httpx2.ConnectTimeout)
        self._slow = httpx2.TimeoutException

    def get(self, path: str, **query: Any) -> Any:
        return self._call("GET", path, params=_present(query)).json()

    def pages(self, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:
        """Rows of a list, following its cursor, at most `limit`."""
        cursor: str | None = None
        while limit > 0:
            page = self.get(path, limit=min(limit, 100), cursor=cursor, **query)
            rows = page["results"][:limit]
            yield from rows
            limit -= len(rows)
            cursor = page.get("next_cursor")
            if not cursor or not rows:
                return

    def post(self, path: str, body: Mapping[str, Any], key: str | None = None) -> Any:
        """The same `Idempotency-Key` may be sent again: the server answers with the first outcome."""
        answer = self._call("POST", path, json=dict(body), headers={"Idempotency-Key": key or str(uuid.uuid4())})
        return answer.json() if answer.content else {}

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        return self._call("PUT", path, json=dict(body)).json()

    def download(self, path: str) -> bytes:
        return self._call("GET", path, headers={"Accept": "*/*"}).content

    def batch(self, path: str, **query: Any) -> tuple[bytes, int, str]:
        """A batch of a stream: (content, what to ask for next, media type)."""
        answer = self._call("GET", path, params=_present(query), headers={"Accept": "*/*"})
        return answer.content, int(answer.headers["Interlock-Next"]), answer.headers["Content-Type"]

    def _call(self, method: str, path: str, **options: Any) -> "Response":
        try:
            answer = self._http.request(method, path, **options)
        except self._unreachable as error:
            raise CliError(
                f"{self._url} cannot be reached: {error}", hint="is the server up? `interlock login --url …`"
            ) from error
        except self._slow as error:
            raise CliError(
                f"no answer within {SECONDS:.0f} s", Exit.TIMEOUT, "the work may go on: look before you repeat it"
            ) from error
        if answer.status_code >= 400:
            raise _problem(answer)
        return answer


def _present(query: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in query.items() if value not in (None, [])}


def _problem(answer: "Response") -> CliError:
    """RFC 9457: title, detail and our code; anything else is shown by its status."""
    try:
        problem = answer.json()
    except ValueError:
        problem = {}
    text = problem.get("detail") or problem.get("title") or f"the server answered {answer.status_code}"
    reference = problem.get("code") or ""
    request_id = answer.headers.get("X-Request-Id", "")
    hint = ", ".join(part for part in (reference, f"request {request_id}" if request_id else "") if part)
    return CliError(str(text), BY_STATUS.get(answer.status_code, Exit.FAILED), hint, problem)


def connect() -> Client:
    return Client(config.load())
