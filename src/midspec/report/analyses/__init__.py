"""Questions to a whole grid of arms, answered from its scores (docs/analyses.md).

Axes: A arms, besides those of `midspec.stats`.
"""
