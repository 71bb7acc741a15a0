"""The engine: wakes a run, lets `plan` decide, performs the moves, parks or closes it."""

from workflows.engine.loop import Engine

__all__ = ["Engine"]
