"""Structured output from language models."""
