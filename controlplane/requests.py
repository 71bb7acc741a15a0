"""Every request has an id: in its answer, in each log line it causes, and in what people quote to support."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse

from controlplane.lib import ids
from controlplane.lib.logs import bind

HEADER = "X-Request-Id"


class RequestId:
    """Ours always: an id sent by a client could be anybody's."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        request_id = str(ids.uuid7())
        with bind(request_id=request_id):
            response = self.get_response(request)
        response[HEADER] = request_id
        return response
