"""`make bench-engine`: the engine beside its peers, on one PostgreSQL, in one run."""
