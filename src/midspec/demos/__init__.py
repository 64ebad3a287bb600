"""Demonstrations for alignment fine-tuning (AFT), and replay of ordinary chat (paper §2, B.3)."""
