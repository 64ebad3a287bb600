"""Reasoning analysis: which reasons drive what a model does, by its transcripts (paper §4.3)."""
