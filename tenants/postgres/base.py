import sys

from django.db.backends.postgresql import base

from controlplane.lib import clock


class DatabaseWrapper(base.DatabaseWrapper):
    def init_connection_state(self) -> None:
        """Every process goes by the clock of the database (`controlplane.lib.clock`). What asks to be prepared is
        prepared (`tenants.arrays`), nothing else is."""
        super().init_connection_state()
        self.connection.prepare_threshold = sys.maxsize
        with self.connection.cursor() as cursor:
            cursor.execute("SELECT (extract(epoch FROM clock_timestamp()) * 1e9)::bigint")
            clock.agree(cursor.fetchone()[0])

    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        """`transaction.atomic` begins its outermost block here: row security learns the tenant first."""
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if not autocommit:
            from tenants import scope

            if scope.current_or_none() is not None:
                scope.announce(self)
