"""The evals, one a file: what is asked, and what counts."""
