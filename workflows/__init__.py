"""Workflow definitions, runs and the engine that carries them out as sagas."""
