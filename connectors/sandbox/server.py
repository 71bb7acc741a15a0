"""HTTP/1.1 in front of the world: read, log, strike with a fault if one matches, answer."""

from __future__ import annotations

import socket
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from connectors.sandbox import control
from connectors.sandbox.faults import strike
from connectors.sandbox.wire import Request, Response, reply
from connectors.sandbox.world import World

MAX_BODY = 32 * 1024 * 1024
CONTROL = "/__ctl/"
SERVER_NAME = "interlock-sandbox"


class SandboxServer(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def __init__(self, address: tuple[str, int], world: World, door: socket.socket | None = None) -> None:
        """Listen at the address, or on a socket that listens already."""
        super().__init__(address, Exchange, bind_and_activate=door is None)
        if door is not None:
            self.socket.close()
            self.socket, self.server_address = door, door.getsockname()
        self.world = world

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that died in the middle is nothing to tell of; anything else is."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://{self.server_address[0]!s}:{self.server_address[1]}"


class Exchange(BaseHTTPRequestHandler):
    """One connection; requests on it are served one after the other."""

    protocol_version = "HTTP/1.1"
    server_version = SERVER_NAME
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: SandboxServer

    def log_message(self, format: str, *args: Any) -> None:
        """Silent: the wire log keeps every request."""

    def _exchange(self) -> None:
        request = self._read()
        if request is not None and request.headers.get("upgrade", "").lower() == "websocket":
            self._line(request)
            return
        answer = reply(413, {"error": "too large"}) if request is None else self._answer(request)
        if answer is None:
            self.close_connection = True
            return
        self._write(answer)

    do_GET = do_POST = do_PATCH = do_PUT = do_DELETE = _exchange  # noqa: N815 - looked up by name

    def _line(self, request: Request) -> None:
        """From here on the connection is a WebSocket of Slack."""
        self.close_connection = True
        if request.path == "/slack/link/":
            self.server.world.lines.serve(request, self.connection)
        else:
            self._write(reply(404, {"error": "no such stand-in"}))

    def _read(self) -> Request | None:
        length = int(self.headers.get("Content-Length") or 0)
        if length > MAX_BODY:
            self.close_connection = True
            return None
        path, _, query = self.path.partition("?")
        headers = {name.lower(): value for name, value in self.headers.items()}
        origin = f"http://{headers.get('host', '')}"
        return Request(self.command, path, query, headers, self.rfile.read(length), origin)

    def _answer(self, request: Request) -> Response | None:
        world = self.server.world
        if request.path.startswith(CONTROL):
            return control.serve(world, request)
        fault = world.faults.take(request)
        row = world.log.opened(_logged(world, request, fault.kind if fault else ""))
        answer = strike(fault, lambda: self._vendor(request))
        row |= {"status": answer.status if answer else 0, "ended_at": world.clock.now()}
        return answer

    def _vendor(self, request: Request) -> Response:
        found = self.server.world.vendor(request.path)
        if found is None:
            return reply(
                404,
                {
                    "error": "no such stand-in",
                    "known": ["servicenow", "slack", "anthropic", "openai", "azure"],
                },
            )
        serve, path = found
        return serve(request, path)

    def _write(self, answer: Response) -> None:
        self.send_response(answer.status)
        body = b"" if answer.status == 204 else answer.body
        if answer.status != 204:
            self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body if answer.sent is None else body[: answer.sent])
        if answer.sent is not None:
            self.wfile.flush()
            time.sleep(answer.stalls_s)
            self.close_connection = True


def _logged(world: World, request: Request, fault: str) -> dict[str, Any]:
    row = {
        "at": world.clock.now(),
        "method": request.method,
        "path": request.path,
        "fault": fault,
        "status": None,
    }
    row |= {"query": request.query_string, "headers": dict(request.headers)}
    return row | {"body": request.body.decode(errors="replace")}
