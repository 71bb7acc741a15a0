"""Exit codes, and which answer of the API means which."""

from collections.abc import Mapping
from enum import IntEnum
from types import MappingProxyType
from typing import Any


class Exit(IntEnum):
    OK = 0
    FAILED = 1
    USAGE = 2
    NOT_FOUND = 3
    AUTH = 4
    DENIED = 5
    CONFLICT = 6
    TIMEOUT = 7
    PENDING = 8
    VERIFICATION_FAILED = 9
    NOT_VERIFIED = 10
    INTERRUPTED = 130


BY_STATUS: Mapping[int, Exit] = MappingProxyType(
    {
        400: Exit.USAGE,
        401: Exit.AUTH,
        403: Exit.DENIED,
        404: Exit.NOT_FOUND,
        409: Exit.CONFLICT,
        422: Exit.USAGE,
    }
)


class CliError(Exception):
    """What went wrong and what to do next, for a person; with the exit code for a script.

    `problem`: the members of the server's answer, when it was one.
    """

    def __init__(
        self, message: str, code: Exit = Exit.FAILED, hint: str = "", problem: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.problem = problem or {}
        self.message = message
        self.code = code
        self.hint = hint
