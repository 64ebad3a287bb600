"""Intervals, tests and power; what each covers was simulated (docs/statistics.md).

Axes: B cases at once, S seeds, G groups. A group is what hangs together: an item, or a condition
with all its repeats.
"""
