from django.db.backends.postgresql import base


class DatabaseWrapper(base.DatabaseWrapper):
    def set_autocommit(self, autocommit: bool, force_begin_transaction_with_broken_autocommit: bool = False) -> None:
        """`transaction.atomic` begins its outermost block here: row security learns the tenant first."""
        super().set_autocommit(autocommit, force_begin_transaction_with_broken_autocommit)
        if not autocommit:
            from tenants import scope

            if scope.current_or_none() is not None:
                scope.announce(self)
