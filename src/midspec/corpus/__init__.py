"""From a spec to a corpus of documents that discuss it (paper §2, B.1)."""
