"""What the analyses find in made-up grids, and what they say of a null."""
