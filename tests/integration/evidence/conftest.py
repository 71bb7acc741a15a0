from collections.abc import Callable

import pytest
from django.db import connections

from controlplane.database import role_name
from evidence import sequencing
from tests import ground


@pytest.fixture
def as_sequencer(committed_db: str) -> Callable[[], int]:
    """Runs rounds of the sequencer in its own database role."""
    settings = connections.settings["default"]
    app = {name: settings[name] for name in ("USER", "PASSWORD")}

    def run(verb: Callable[[], int] = sequencing.run_once) -> int:
        connections.close_all()
        settings.update(USER=role_name("sequencer"), PASSWORD=ground.LOCATOR.password("sequencer"))
        try:
            return verb()
        finally:
            connections.close_all()
            settings.update(app)

    return run
