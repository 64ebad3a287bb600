"""Agentic misalignment: an e-mail assistant that could act against its company (paper §4, D.3)."""
