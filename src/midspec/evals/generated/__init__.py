"""The evals by generation, one a file: an Inspect task, and what its scored log says."""
