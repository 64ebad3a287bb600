"""Stages, the store that holds their output, and running a graph of them."""
