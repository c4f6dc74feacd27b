"""What the exercises about one player's turn share: two tiny players, and a watch on everything that a turn may change."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from gancourse.school.exercises.checking import NotDone, Wrong

RATE = 0.1  # of the optimizer
OLD = 1.0  # the gradient that the turn before has left in every weight
Mistakes = Sequence[
    tuple[Tensor, str]
]  # gradients that a wrong step follows, each with its explanation


class Steps(torch.optim.SGD):
    """Plain descent, whose gradient can be read off the weights: before - after = RATE * gradient. It counts its steps."""

    def __init__(self, parameters):
        super().__init__(parameters, lr=RATE)
        self.count = 0
        self.register_step_post_hook(self._counted)

    def _counted(self, optimizer, args, kwargs) -> None:
        self.count += 1


class Watch:
    """A network as it was before the student's function ran, to compare with what it is after.

    Attributes:
        reached: how many gradients arrived at its parameters since.
    """

    def __init__(self, network: nn.Module, name: str):
        self.network, self.name, self.reached = network, name, 0
        self.before = {key: value.clone() for key, value in network.state_dict().items()}
        self.modes = [module.training for module in network.modules()]
        for parameter in network.parameters():
            if parameter.requires_grad:
                parameter.register_hook(self._count)

    def _count(self, gradient: Tensor) -> None:
        self.reached += 1

    def moved(self) -> list[str]:
        """Names of the parameters and buffers that are no longer what they were."""
        after = self.network.state_dict()
        return [key for key, value in self.before.items() if not torch.equal(value, after[key])]

    def slope(self) -> Tensor:
        """The gradient that the parameters followed, (P,), if they took one step at RATE."""
        ways = (
            self.before[key] - parameter.detach()
            for key, parameter in self.network.named_parameters()
        )
        return torch.cat([way.flatten() for way in ways]) / RATE

    def left(self) -> str | None:
        """What was switched and not switched back: "frozen", "in eval mode", "in train mode", or None."""
        if not all(parameter.requires_grad for parameter in self.network.parameters()):
            return "frozen"
        modes = [module.training for module in self.network.modules()]
        return (
            None
            if modes == self.modes
            else "in eval mode"
            if sum(modes) < sum(self.modes)
            else "in train mode"
        )


def players(batch_norm: bool = False, seed: int = 0) -> tuple[nn.Sequential, nn.Sequential]:
    """A generator (N, 3) -> (N, 2) and a discriminator (N, 2) -> (N,) logits, the same for the same seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        hidden = (
            (nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Tanh())
            if batch_norm
            else (nn.Linear(3, 4), nn.Tanh())
        )
        generator = nn.Sequential(*hidden, nn.Linear(4, 2))
        return generator, nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))


def draws(n: int, size: int, seed: int) -> Tensor:
    return torch.randn(n, size, generator=torch.Generator().manual_seed(seed))


def leave_gradients(network: nn.Module) -> None:
    for parameter in network.parameters():
        parameter.grad = torch.full_like(parameter, OLD)


def gradient(loss: Tensor, network: nn.Module) -> Tensor:
    """The gradient of a loss by all of a network's parameters, (P,)."""
    return torch.cat(
        [slope.flatten() for slope in torch.autograd.grad(loss, tuple(network.parameters()))]
    )


def check_turn(
    player: Watch,
    other: Watch,
    optimizer: Steps,
    returned,
    right: Tensor,
    mistakes: Mistakes,
    given: str,
    n: int,
) -> None:
    """Raise `Wrong` unless `player` took one step down `right` and `other` is as it was; `NotDone` if nothing happened.

    `mistakes` come on top of those that any turn can make; `n` is the batch size.
    """
    if (returned is None or returned is ...) and not (
        optimizer.count or player.reached or player.moved() or other.moved()
    ):
        raise NotDone(
            f"The {player.name} did not move. Write its turn in the cell above, run that cell, then this one."
        )
    if moved := other.moved():
        why = f"In this turn only the {player.name} learns; if both move at once, nobody knows what the gradient was for."
        raise Wrong(
            given,
            f"the {other.name} changed ({', '.join(moved[:2])} ...)",
            f"only the {player.name} changes",
            why,
        )
    for watch in player, other:
        if state := watch.left():
            why = f"The next turn finds the {watch.name} so, and nobody will look for the cause here. Leave it as you found it."
            raise Wrong(given, f"the {watch.name} was left {state}", "as it was before", why)
    got = player.slope()
    if not got.any():
        why = (
            "Nothing was learned. Was the step taken, and after the new gradient was there? Or was the graph cut (detach, "
            "no_grad) before it reached the weights?"
        )
        raise Wrong(given, f"the {player.name} did not move", "one step down its gradient", why)
    if optimizer.count > 1:
        why = "One turn, one step: the second follows a gradient taken at weights that are gone."
        raise Wrong(given, f"{optimizer.count} steps of the optimizer", "1 step", why)
    if not torch.allclose(got, right, rtol=1e-3, atol=1e-5):
        always = [
            (
                right + OLD,
                "The old gradient was still there, and the new one was added to it: PyTorch adds up until told.",
            ),
            (
                torch.full_like(right, OLD),
                "It followed the old gradient. Was the new one computed before the step?",
            ),
            (-right, "It moved uphill: the sign of the loss is turned round."),
            (right * n, "That is a sum over the batch; take the mean."),
        ]
        # A flat loss makes a tiny step, which is recognised by its direction too: closeness is relative.
        found = (
            why
            for wrong, why in [*always, *mistakes]
            if torch.dist(got, wrong) < 0.02 * wrong.norm()
        )
        cosine = torch.cosine_similarity(got, right, dim=0).clamp(-1, 1)
        went = f"a step along a gradient of length {got.norm():.2g}, {cosine.acos().rad2deg():.0f} degrees off"
        why = f"The {player.name} moved, but not down the gradient of its loss by the optimizer that it was given."
        raise Wrong(given, went, f"length {right.norm():.2g}, 0 degrees off", next(found, why))
