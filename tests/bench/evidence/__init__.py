"""`make bench-evidence`: what the record costs writers, how far it lags behind, how fast a stranger verifies."""
