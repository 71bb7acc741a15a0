"""Workflow definitions: YAML in, checked and digested `Definition` out. Pure: no Django, no database."""
