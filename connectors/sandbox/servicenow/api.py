"""The Table API over the records."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from connectors.sandbox import accounts
from connectors.sandbox.servicenow import query, schema
from connectors.sandbox.servicenow.oauth import OAuth
from connectors.sandbox.servicenow.render import View, exists
from connectors.sandbox.servicenow.tables import AbortedError, Record, Tables
from connectors.sandbox.wire import BadBodyError, Request, Response, reply

ROUTE = re.compile(r"^/api/now(?P<version>/v[12])?/table/(?P<table>\w+)(?:/(?P<sys_id>[^/]+))?/?$")
MISSING = ("No Record found", "Record doesn't exist or ACL restricts the record retrieval")
UNAUTHENTICATED = ("User Not Authenticated", "Required to provide Auth information")
Created = Callable[[Record], None]


def failure(status: int, message: str, detail: str | None, headers: dict[str, str] | None = None) -> Response:
    return reply(status, {"error": {"message": message, "detail": detail}, "status": "failure"}, headers)


class TableApi:
    """`created` is told of each new incident (the business rule that sends the webhook)."""

    def __init__(self, tables: Tables, oauth: OAuth, created: Created) -> None:
        self.tables = tables
        self.oauth = oauth
        self.created = created

    def serve(self, request: Request, path: str) -> Response:
        if path == "/oauth_token.do":
            return self.oauth.token(request) if request.method == "POST" else failure(405, "Method not allowed", None)
        user = self.oauth.caller(request)
        if user is None:
            return failure(401, *UNAUTHENTICATED, {"WWW-Authenticate": 'BASIC realm="Service-now"'})
        route = ROUTE.match(path)
        if not route:
            return failure(400, "Requested URI does not represent any resource", path)
        if "xml" in request.headers.get("accept", "") and "json" not in request.headers.get("accept", ""):
            return failure(406, "Not acceptable", "the stand-in speaks JSON only")
        return self._table(request, user, route["version"] or "", route["table"], route["sys_id"])

    def _table(self, request: Request, user: str, version: str, table: str, sys_id: str | None) -> Response:
        if table not in schema.TABLES:
            return failure(400, f"Invalid table {table}", None)
        if sys_id is None:
            return self._collection(request, user, version, table)
        record = self.tables.find(table, sys_id)
        if record is None:
            return failure(404, *MISSING)
        return self._record(request, user, table, record)

    def _collection(self, request: Request, user: str, version: str, table: str) -> Response:
        if request.method == "GET":
            return self._list(request, version, table)
        if request.method != "POST":
            return failure(405, "Method not allowed", None)
        if refused := _refused(user, table, "Insert"):
            return refused
        try:
            record = self.tables.create(table, request.json(), actor=user, origin="api")
        except BadBodyError as broken:
            return failure(400, "Exception while reading request", str(broken))
        if table == "incident":
            self.created(record)
        location = f"{request.origin}/servicenow/api/now/table/{table}/{record['sys_id']}"
        return self._shown(request, table, record, 201, {"Location": location})

    def _record(self, request: Request, user: str, table: str, record: Record) -> Response:
        if request.method == "GET":
            return self._shown(request, table, record, 200)
        if request.method in ("PATCH", "PUT"):
            return self._update(request, user, table, record)
        if request.method != "DELETE":
            return failure(405, "Method not allowed", None)
        if refused := _refused(user, table, "Delete"):
            return refused
        self.tables.delete(table, record, actor=user, origin="api")
        return Response(204)

    def _update(self, request: Request, user: str, table: str, record: Record) -> Response:
        if refused := _refused(user, table, "Update"):
            return refused
        try:
            self.tables.update(table, record, request.json(), actor=user, origin="api")
        except BadBodyError as broken:
            return failure(400, "Exception while reading request", str(broken))
        except AbortedError as rule:
            return failure(403, "Operation Failed", str(rule))
        return self._shown(request, table, record, 200)

    def _shown(
        self, request: Request, table: str, record: Record, status: int, headers: dict[str, str] | None = None
    ) -> Response:
        if request.headers.get("x-no-response-body", "").lower() == "true":
            return Response(201 if status == 201 else 204, headers=headers or {})
        shown = self._view(request).record(table, record, _fields(request))
        return reply(status, {"result": shown}, headers)

    def _view(self, request: Request) -> View:
        mode = request.query("sysparm_display_value", "false").lower()
        bare = request.query("sysparm_exclude_reference_link").lower() == "true"
        return View(self.tables, request.origin, mode, links=not bare)

    def _list(self, request: Request, version: str, table: str) -> Response:
        rows = self._selected(request, table)
        limit, offset = _number(request, "sysparm_limit", 10000), _number(request, "sysparm_offset", 0)
        if not rows and version == "/v1":
            return failure(404, *MISSING)
        view, fields = self._view(request), _fields(request)
        shown = [view.record(table, row, fields) for row in rows[offset : offset + limit]]
        headers = _paging(request, len(rows), limit, offset)
        return reply(200, {"result": shown}, headers)

    def _selected(self, request: Request, table: str) -> list[Record]:
        view = View(self.tables, request.origin)
        asked = query.parse(request.query("sysparm_query"), lambda name: exists(table, name))
        rows = [row for row in self.tables.rows[table].values() if asked.matches(_reader(view, row))]
        for name, descending in reversed(asked.order):
            rows.sort(key=_sort_key(view, name), reverse=descending)
        return rows


def _reader(view: View, row: Record) -> query.Read:
    return lambda path: view.read(row, path)


def _sort_key(view: View, path: str) -> Callable[[Record], str]:
    return lambda row: view.read(row, path) or ""


def _fields(request: Request) -> list[str]:
    return [name.strip() for name in request.query("sysparm_fields").split(",") if name.strip()]


def _number(request: Request, name: str, default: int) -> int:
    value = request.query(name)
    return int(value) if value.isdigit() else default


def _refused(user: str, table: str, verb: str) -> Response | None:
    roles = accounts.SERVICENOW_PEOPLE[user][3]
    allowed = any(table in schema.TABLES_OF_ROLE[role] for role in roles)
    if verb == "Delete" and table not in schema.DELETABLE:
        allowed = "admin" in roles
    detail = f"ACL Exception {verb} Failed due to security constraints"
    return None if allowed else failure(403, "Operation Failed", detail)


def _paging(request: Request, total: int, limit: int, offset: int) -> dict[str, str]:
    if request.query("sysparm_no_count").lower() == "true":
        return {}
    pages = {"first": 0, "prev": max(offset - limit, 0), "next": offset + limit}
    pages["last"] = max(total - 1, 0) // max(limit, 1) * limit
    shown = {"first", "last"} | ({"prev"} if offset else set()) | ({"next"} if offset + limit < total else set())
    links = [_link(request, rel, at, limit) for rel, at in pages.items() if rel in shown]
    return {"X-Total-Count": str(total), "Link": ",".join(links)}


def _link(request: Request, rel: str, offset: int, limit: int) -> str:
    kept: dict[str, Any] = {
        name: request.query(name) for name in ("sysparm_query", "sysparm_fields") if request.query(name)
    }
    where = urlencode(kept | {"sysparm_offset": offset, "sysparm_limit": limit})
    return f'<{request.origin}{request.path}?{where}>;rel="{rel}"'
