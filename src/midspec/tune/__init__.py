"""Midtraining and fine-tuning: the training loop as stages (paper §2, B.4)."""
