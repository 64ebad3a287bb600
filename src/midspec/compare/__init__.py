"""Finished runs side by side: what they differ in, and what that did to their results."""
