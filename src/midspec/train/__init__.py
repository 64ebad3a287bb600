"""Models, batches and the training loop; what is trained on is decided elsewhere."""
