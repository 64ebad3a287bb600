"""What the pages share that midspec writes: their look, and lists of rows to look through."""
