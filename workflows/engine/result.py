"""What performing a move answers with."""

from enum import Enum
from typing import TypeAlias

from workflows.engine.outward import Outward


class Next(Enum):
    """`AGAIN`: plan once more in the same transaction. `STOP`: the run is parked, closed or a person's."""

    AGAIN = "again"
    STOP = "stop"


Result: TypeAlias = Outward | Next
