"""What makes the documentation site out of `docs/`, the code and the repository's other files."""
