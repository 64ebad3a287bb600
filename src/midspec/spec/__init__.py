"""Model specs: reading and linting them, and deriving variants to compare."""
