"""A row of tokens that falls into blocks, as attention sees it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


class Blocks:
    """How a row of tokens falls into blocks that see nothing of each other.

    Attention is computed block by block, padded to the longest; all the rest of a layer isn't.
    sees: which of a row's tokens each may look at. `shared` tokens before it are seen by all.
    """

    def __init__(self, sees_NN: Tensor, ends: Sequence[int], shared: int) -> None:
        starts = [0, *ends[:-1]]
        sizes = [end - start for start, end in zip(starts, ends, strict=True)]
        longest = max(sizes)
        self.place_FL = torch.zeros(len(sizes), longest, dtype=torch.long)
        self.sees_FLS = torch.zeros(len(sizes), longest, shared + longest, dtype=torch.bool)
        self.sees_FLS[:, :, :shared] = True
        self.sees_FLS[:, :, shared] = True  # padding must see something
        back = []
        for block, (start, size) in enumerate(zip(starts, sizes, strict=True)):
            end = start + size
            self.place_FL[block, :size] = torch.arange(start, end)
            self.sees_FLS[block, :size, shared : shared + size] = sees_NN[start:end, start:end]
            back.append(torch.arange(size) + block * longest)
        self.back_N = torch.cat(back)
        self._bias: Tensor | None = None

    def bias(self, keys: int, groups: int, dtype: torch.dtype) -> Tensor:
        """What is added to the scores (F·K, G·L, S); the same for every layer."""
        if self._bias is None:
            hidden_FLS = torch.zeros(self.sees_FLS.shape, dtype=dtype)
            hidden_FLS.masked_fill_(~self.sees_FLS, float("-inf"))
            self._bias = hidden_FLS.repeat(1, groups, 1).repeat_interleave(keys, dim=0)
        return self._bias
