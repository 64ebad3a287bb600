"""Scenarios for what an assistant does: families of pairs, a case and its matched control."""
