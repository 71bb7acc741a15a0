"""Leaf helpers without models. Every app may import them; they import no app."""
