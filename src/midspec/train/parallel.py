"""Several processes that train one model: who takes which rows, and sums over all of them.

A step is one batch however many processes there are. Each takes some of its rows; losses and
gradients are sums over counted tokens, divided by their number in the whole batch, so that the
update is the one that a process alone would make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import distributed

from midspec.resources import Resources
from midspec.train.batches import Example
from midspec.train.checkpoint import Checkpoint, Checkpoints, Tensors, load_checkpoint
from midspec.train.device import choose_device, most_at_once
from midspec.train.model import Trainable

if TYPE_CHECKING:
    from collections.abc import Callable

FILLER = Example([0, 0], [False, False])  # for who has no row left while others have
BUCKET = 32_000_000  # gradients that are summed in one call: 128 MB in float32


@dataclass(frozen=True)
class Team:
    """The processes that train one model, and which of them this is; by default it's alone.

    private: a folder for what only the first process is to write into the work folder.
    """

    resources: Resources = field(default_factory=Resources)
    rank: int = 0
    size: int = 1
    private: Path | None = None

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and tells."""
        return self.rank == 0

    @property
    def scale(self) -> int:
        """What a loss is multiplied by before its gradient is taken: FSDP averages gradients over
        processes, where the sum is wanted."""
        return self.size if self.resources.shards else 1

    def share(self, batch: Sequence[Example]) -> list[list[Example]]:
        """This process's rows of a step's batch, in passes; every process has as many passes."""
        lengths = [len(row.ids) for row in batch]
        passes = split(lengths, self.size, most_at_once(self.resources))[self.rank]
        return [[batch[index] for index in rows] or [FILLER] for rows in passes]

    def place(self, trainable: Trainable, module: torch.nn.Module) -> Trainable:
        """Share out the weights below `module`, which is called with rows, where that is wanted.

        The masters are shared out in the same way, from the whole ones that each process made.
        """
        if not self.resources.shards:
            return trainable
        from torch.distributed.device_mesh import init_device_mesh
        from torch.distributed.fsdp import MixedPrecisionPolicy, fully_shard

        mesh = init_device_mesh(choose_device(self.resources), (self.size,))
        policy = MixedPrecisionPolicy(reduce_dtype=torch.float32)
        causal: Any = getattr(module, "causal", module)
        blocks = causal._no_split_modules or ()
        for layer in [m for m in module.modules() if type(m).__name__ in blocks]:
            fully_shard(layer, mesh=mesh, mp_policy=policy)
        fully_shard(module, mesh=mesh, mp_policy=policy)
        parameters: list[torch.Tensor] = [p for p in module.parameters() if p.requires_grad]
        masters = [part(m, p) for m, p in zip(trainable.masters, parameters, strict=True)]
        return Trainable(trainable.model, parameters, masters)

    def add_up(self, masters: Sequence[torch.Tensor], loss: float) -> float:
        """Sum the masters' gradients over all processes, in float32, and the loss, in float64."""
        if self.size == 1:
            return loss
        if not self.resources.shards:  # else they were summed on the way back
            for bucket in _buckets(masters):
                gradients = [_gradient(master) for master in bucket]
                flat = torch.cat([gradient.flatten() for gradient in gradients])
                distributed.all_reduce(flat)
                sums = torch.split(flat, [gradient.numel() for gradient in gradients])
                for gradient, summed in zip(gradients, sums, strict=True):
                    gradient.copy_(summed.view_as(gradient))
        return self._sum(loss)

    def any(self, flag: bool) -> bool:
        """Whether it is so in some process; all get the same answer at the same step."""
        return flag if self.size == 1 else self._sum(float(flag)) > 0

    def own(self, work: Path) -> Path:
        """Where this process writes what isn't shared: the work folder, if it's the first."""
        return self.private or work

    def checkpoints(self, folder: Path, run: str, every: float) -> Checkpoints:
        """The run's checkpoints, which the first process writes and all read."""
        if self.size == 1:
            return Checkpoints(folder, run, every)
        return SharedCheckpoints(self, folder, run, every)

    def _sum(self, value: float) -> float:
        there = torch.tensor(value, dtype=torch.float64, device=choose_device(self.resources))
        distributed.all_reduce(there)
        return there.item()


class SharedCheckpoints(Checkpoints):
    """Checkpoints of which the first process decides and which it writes; others take part, since
    weights that are shared out are gathered from all."""

    def __init__(self, team: Team, folder: Path, run: str, every: float) -> None:
        super().__init__(folder, run, every)
        self.team = team

    def due(self) -> bool:
        """Whether the first process finds that it is time to save."""
        return self.team.any(self.team.leads and super().due())

    def save(self, step: int, state: Callable[[], tuple[Tensors, dict[str, Any]]]) -> None:
        """Save in the first process. The others give their part and wait: one that was told to stop
        would be gone before it is written, and take the first one with it."""
        if self.team.leads:
            super().save(step, state)
        else:
            state()
        self.team.any(False)

    def load(self, usable: Callable[[Mapping[str, Any]], bool]) -> Checkpoint | None:
        """What the first process chose, read by each. The metrics stay with the first."""
        found = super().load(usable) if self.team.leads else None
        step = round(self.team._sum(found.step if found else 0))
        if self.team.leads or step == 0:
            return found
        there = load_checkpoint(self.folder, step)
        assert there, f"the first process has just read {self.folder / str(step)}"
        return Checkpoint(step, there.tensors, {**there.values, "metrics_bytes": 0})


def split(lengths: Sequence[int], size: int, tokens_per_pass: int) -> list[list[list[int]]]:
    """Row numbers by process and pass; all processes have as many passes, some of them empty.

    Each process has as many rows as the next, since those of a batch are of similar length; a pass
    has as many as fit.
    """
    shares: list[list[list[int]]] = []
    for rank in range(size):
        passes: list[list[int]] = []
        widest = 0
        for row in range(len(lengths) * rank // size, len(lengths) * (rank + 1) // size):
            widest = max(widest, lengths[row])
            if not passes or (len(passes[-1]) + 1) * widest > tokens_per_pass:
                passes.append([])
                widest = lengths[row]
            passes[-1].append(row)
        shares.append(passes)
    most = max(map(len, shares))
    return [passes + [[] for _ in range(most - len(passes))] for passes in shares]


def count(batch: Sequence[Example]) -> int:
    """How many tokens of a batch the loss counts; nothing predicts a row's first."""
    return sum(sum(row.counted[1:]) for row in batch)


def whole(tensor: torch.Tensor) -> torch.Tensor:
    """A tensor, gathered in the first process's memory if it is shared out; a call for all."""
    from torch.distributed.tensor import DTensor

    if not isinstance(tensor, DTensor):
        return tensor
    full: torch.Tensor = tensor.full_tensor()
    return full.cpu() if distributed.get_rank() == 0 else full.new_empty(0)


def part(full: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """This process's part of a tensor that each process has whole, laid out and placed as another;
    a copy of all of it where the other isn't shared out."""
    from torch.distributed.tensor import DTensor, distribute_tensor

    there = full.to(like.device, copy=True)
    if not isinstance(like, DTensor) or full.dim() == 0:
        return there
    return distribute_tensor(there, like.device_mesh, like.placements, src_data_rank=None)


def _gradient(master: torch.Tensor) -> torch.Tensor:
    """A master's gradient, 0 where this process's rows left none."""
    if master.grad is None:
        master.grad = torch.zeros_like(master)
    return master.grad


def _buckets(masters: Sequence[torch.Tensor]) -> list[list[torch.Tensor]]:
    """The masters in runs of at most `BUCKET` numbers."""
    buckets: list[list[torch.Tensor]] = []
    room = 0
    for master in masters:
        if master.numel() > room:
            buckets.append([])
            room = BUCKET
        buckets[-1].append(master)
        room -= master.numel()
    return buckets
