"""Trained arms as folders that other programs read, each with a card that tells how it was made."""
