"""What the Web API answers instead of a result."""


class SlackError(Exception):
    """The `error` code of an answer with `ok: false`."""


class Throttled(Exception):
    """The channel's bucket is empty."""
