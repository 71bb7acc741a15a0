"""absurd: one task of five checkpointed steps, schema from absurdctl. Claims of 10 per process, short poll."""

import absurdctl
import psycopg
from absurd_sdk import Absurd
from peer import common

QUEUE = "bench"


def _app() -> Absurd:
    return Absurd(common.DSN, queue_name=QUEUE)


def prepare() -> None:
    with psycopg.connect(common.DSN, autocommit=True) as connection:
        connection.execute(absurdctl.BUNDLED_SCHEMA_SQL)
    _app().create_queue(QUEUE)


def worker() -> None:
    app = _app()

    @app.register_task(name="noop")
    def noop(params: dict[str, int], ctx: object) -> dict[str, int]:
        for number in range(common.STEPS):
            ctx.step(f"step{number}", lambda: 1)  # type: ignore[attr-defined]
        return {"done": 1}

    common.pause_at_gate()
    app.start_worker(batch_size=10, poll_interval=0.01)


def client() -> None:
    def submit(count: int) -> None:
        with psycopg.connect(common.DSN) as connection:
            for _ in range(count):
                connection.execute("SELECT absurd.spawn_task(%s, 'noop', '{}'::jsonb, '{}'::jsonb)", [QUEUE])

    common.serve(submit)
