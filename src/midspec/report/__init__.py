"""What an experiment showed: one self-contained HTML file, and the same numbers as JSON."""
