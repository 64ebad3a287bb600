"""Models, batches and the training loop; what is trained on is decided elsewhere."""

import os

# oneDNN compiles every product for its shape, and keeps 1,024 of them; a training alone has more.
# What is dropped and compiled again also riddles malloc's memory, so each training of a run is
# slower than the last (docs/performance.md). It is read at torch's first product.
os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "2048")
