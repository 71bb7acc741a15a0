"""Policy: signed bundles, the decision point that evaluates them, and a record of every decision."""
