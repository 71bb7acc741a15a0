"""A dry run: a workflow against what the systems really say now, with every write examined and none made."""

from workflows.rehearsal.play import Rehearsed, dry_run, rehearse, tell
from workflows.rehearsal.types import Rehearsal, Scene, Would

__all__ = ["Rehearsal", "Rehearsed", "Scene", "Would", "dry_run", "rehearse", "tell"]
