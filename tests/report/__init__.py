"""What the report says and shows, and that it is safe to open."""
