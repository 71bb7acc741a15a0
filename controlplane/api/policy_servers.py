"""OPA's management API, our side: bundles out, decision logs and status in. One OPA server per environment.

Wire format: openpolicyagent.org, “Bundles”, “Decision Logs” and “Status” of the management APIs.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from io import BytesIO
from typing import IO, Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response

from policies import serving
from tenants.http import ApiView

LARGEST_REPORT = 8 << 20


class ReportParser(BaseParser):
    """JSON of a bounded size, gzipped or not, as `Content-Encoding` says."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        request = (parser_context or {})["request"]
        packed = request.headers.get("Content-Encoding", "").lower() == "gzip"
        try:
            content = _read(gzip.GzipFile(fileobj=BytesIO(_read(stream))) if packed else stream)
            return json.loads(content)
        except (ValueError, OSError, EOFError, zlib.error, RecursionError) as error:
            raise ParseError("the report is not JSON of an acceptable size") from error


def _read(stream: Any) -> bytes:
    content: bytes = stream.read(LARGEST_REPORT + 1)
    if len(content) > LARGEST_REPORT:
        raise ValueError(f"more than {LARGEST_REPORT} bytes")
    return content


class PolicyBundle(ApiView):
    @extend_schema(operation_id="opa_bundle", responses={(200, "application/gzip"): OpenApiTypes.BINARY})
    def get(self, request: Request, environment_id: UUID) -> HttpResponse:
        """The signed bundle in force, with its freshness inside; 304 when `If-None-Match` names it."""
        served = serving.bundle(environment_id=environment_id, actor=self.actor)
        headers = {"ETag": served.etag, "Cache-Control": "private, no-cache"}
        if request.headers.get("If-None-Match") == served.etag:
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(served.content, content_type="application/gzip", headers=headers)


class PolicyServerStatus(ApiView):
    parser_classes = (ReportParser,)

    @extend_schema(operation_id="opa_status", request=OpenApiTypes.OBJECT, responses={204: None})
    def post(self, request: Request, environment_id: UUID) -> Response:
        """What a server says about the bundle it holds."""
        document = request.data if isinstance(request.data, dict) else {}
        serving.report_status(environment_id=environment_id, document=document, actor=self.actor)
        return Response(status=204)


class PolicyServerLog(ApiView):
    parser_classes = (ReportParser,)

    @extend_schema(operation_id="opa_decision_log", request=OpenApiTypes.OBJECT, responses=OpenApiTypes.OBJECT)
    def post(self, request: Request, environment_id: UUID) -> Response:
        """A chunk of a server's decision log. Sent again, it changes nothing."""
        taken = serving.take_log(environment_id=environment_id, entries=request.data, actor=self.actor)
        return Response({"new": taken})
