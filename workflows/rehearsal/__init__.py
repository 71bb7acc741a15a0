"""A dry run: a workflow against what the systems really say now, with every write examined and none made."""

from workflows.rehearsal.play import dry_run
from workflows.rehearsal.types import Rehearsal, Scene, Would

__all__ = ["Rehearsal", "Scene", "Would", "dry_run"]
