"""One small error family. Each edge (API, console, CLI) has one translator for it."""

from typing import ClassVar


class DomainError(Exception):
    """A refusal with a stable code.

    `code` is for machines, `title` for people, `detail` says what to do; `extra` becomes members of the
    RFC 9457 problem document.
    """

    code: ClassVar[str] = "domain_error"
    status: ClassVar[int] = 400
    title: ClassVar[str] = "The request was refused"

    def __init__(self, detail: str = "", **extra: object) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


class Invalid(DomainError):
    code, status, title = "invalid", 422, "The request is not valid"


class Forbidden(DomainError):
    code, status, title = "forbidden", 403, "You may not do this"


class NotFound(DomainError):
    code, status, title = "not_found", 404, "Not found"


class Conflict(DomainError):
    code, status, title = "conflict", 409, "The state does not allow this"


class LostRace(Conflict):
    """Someone else moved the row first: nothing was changed, read again."""

    code, title = "lost_race", "Someone else was faster"


class TooMany(DomainError):
    code, status, title = "too_many_requests", 429, "Too many requests"


class Unavailable(DomainError):
    code, status, title = "unavailable", 503, "A part that this needs cannot be reached"
