"""Evaluations: what a trained arm prefers, and with which uncertainty."""
