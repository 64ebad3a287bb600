"""A first experiment on a spec of one's own: what `midspec init` writes."""
