"""What corpora and demonstrations share in having an LLM write."""
