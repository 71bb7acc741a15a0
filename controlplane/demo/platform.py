"""The platform as its API clients see it: `/v1` with a bearer token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2

OVER = frozenset({"SUCCEEDED", "FAILED", "REJECTED", "CANCELLED", "ROLLED_BACK", "NEEDS_ATTENTION", "ABANDONED"})


class Platform:
    """Raises httpx2.HTTPStatusError on any refusal."""

    def __init__(self, base_url: str, token: str) -> None:
        headers = {"Authorization": f"Bearer {token}"}
        self._http = httpx2.Client(base_url=base_url, timeout=30, trust_env=False, headers=headers)

    def is_up(self) -> bool:
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx2.TransportError:
            return False

    def _get(self, path: str, **params: Any) -> Any:
        answer = self._http.get(path, params=params)
        answer.raise_for_status()
        return answer.json()

    def start(self, *, workflow: str, environment: str, trigger: dict[str, str], key: str) -> str:
        """`POST /v1/runs`; the id of the run."""
        body = {"workflow": workflow, "environment": environment, "trigger": trigger}
        answer = self._http.post("/v1/runs", json=body, headers={"Idempotency-Key": key})
        answer.raise_for_status()
        return str(answer.json()["id"])

    def dry_run(self, workflow: str, environment: str, trigger: dict[str, str]) -> dict[str, Any]:
        """`POST /v1/workflows/<name>/dry-runs`."""
        body = {"environment": environment, "trigger": trigger}
        answer = self._http.post(f"/v1/workflows/{workflow}/dry-runs", json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found

    def runs(self) -> list[dict[str, Any]]:
        """All runs of the tenant, page by page."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self._get("/v1/runs", limit=100, **({"cursor": cursor} if cursor else {}))
            found += page["results"]
            cursor = page.get("next_cursor") or ""
            if not cursor:
                return found

    def run(self, run_id: str) -> dict[str, Any]:
        found: dict[str, Any] = self._get(f"/v1/runs/{run_id}")
        return found

    def trust(self, target: Path) -> None:
        """Download the trust file: what bundles are checked against later."""
        answer = self._http.get("/v1/trust")
        answer.raise_for_status()
        target.write_bytes(answer.content)

    def export(self, run_id: str, target: Path) -> None:
        """Download the evidence bundle of a run."""
        answer = self._http.get(f"/v1/runs/{run_id}/evidence", headers={"Accept": "*/*"})
        answer.raise_for_status()
        target.write_bytes(answer.content)
