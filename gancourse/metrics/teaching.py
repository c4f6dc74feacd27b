"""The training that the networks which judge have in common."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR


def teach(
    network: nn.Module,
    optimizer: Optimizer,
    loss: Callable[[Tensor], Tensor],
    count: int,
    *,
    rate: float,
    epochs: int,
    batch_size: int,
    generator: torch.Generator,
    watch: Callable[[int, float], None] | None = None,
) -> None:
    """Train a network in place, with a one-cycle rate, on `count` rows in a new order each epoch.

    Args:
        loss: row numbers (B,) int64 -> the mean loss of those rows.
        rate: the highest learning rate of the cycle.
        generator: of the order.
        watch: called as `watch(epoch, mean_loss)` after each epoch.
    """
    schedule = OneCycleLR(optimizer, rate, total_steps=epochs * -(-count // batch_size))
    for epoch in range(epochs):
        network.train()
        total = 0.0
        for rows in torch.randperm(count, generator=generator).split(batch_size):
            value = loss(rows)
            optimizer.zero_grad()
            value.backward()
            optimizer.step()
            schedule.step()
            total += value.detach() * len(rows)
        if watch:
            watch(epoch + 1, float(total) / count)
