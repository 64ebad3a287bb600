"""Talking to LLMs: every paid answer is on disk before anything reads it."""
