"""Replay: the record of a run, played again. R0 its structure, R1 every step of it, R2 what policy decided."""
