"""OpenTelemetry hooks: spans around what leaves the process. Without an SDK installed they cost nothing."""

from collections.abc import Iterator
from contextlib import contextmanager

from opentelemetry import trace

_tracer = trace.get_tracer("interlock")


@contextmanager
def span(name: str, **attributes: str | int | bool) -> Iterator[trace.Span]:
    """A span named after the operation; attributes are metadata only, never content."""
    with _tracer.start_as_current_span(name, attributes=attributes) as current:
        yield current
