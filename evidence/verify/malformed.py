"""The one exception of the format readers."""


class Malformed(ValueError):
    """Not the format: carries a finding code; the reader that knows the file name adds `where`."""

    def __init__(self, code: str, message: str, where: str = "bundle") -> None:
        super().__init__(message)
        self.code, self.message, self.where = code, message, where

    def at(self, where: str) -> "Malformed":
        return Malformed(self.code, self.message, where)
