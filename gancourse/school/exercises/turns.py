"""What the exercises about a player's turn share: tiny players, and a watch on what may change."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from gancourse.school.exercises.checking import WRITE_IT, Answer, NotDone, Wrong
from gancourse.school.exercises.probes import relation

RATE = 0.1  # of the optimizer
OLD = 1.0  # the gradient that the turn before has left in every weight


class Steps(torch.optim.SGD):
    """Plain descent: the gradient is (before - after) / RATE, read off the weights."""

    def __init__(self, parameters):
        super().__init__(parameters, lr=RATE)
        self.count = 0
        self.register_step_post_hook(self._counted)

    def _counted(self, optimizer, args, kwargs) -> None:
        self.count += 1


class Watch:
    """A network as it was before the student's function ran, to compare with what it is after.

    Attributes:
        reached: how many gradients have arrived at its parameters since.
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
        named = self.network.named_parameters()
        ways = [(self.before[key] - parameter.detach()).flatten() for key, parameter in named]
        return torch.cat(ways) / RATE

    def check_left(self, given: str) -> None:
        """Raise `Wrong` if something was switched and not switched back."""
        modes = [module.training for module in self.network.modules()]
        if not all(parameter.requires_grad for parameter in self.network.parameters()):
            state = "frozen"
        elif modes == self.modes:
            return
        else:
            state = "in eval mode" if sum(modes) < sum(self.modes) else "in train mode"
        why = f"""The next turn finds the {self.name} like this, and nobody will look for the cause
            here. Leave it as you found it."""
        raise Wrong(given, f"the {self.name} was left {state}", "as it was before", why)


def players(batch_norm: bool = False, seed: int = 0) -> tuple[nn.Sequential, nn.Sequential]:
    """A generator (N, 3) -> (N, 2) and a discriminator (N, 2) -> (N,) logits."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        norm = [nn.BatchNorm1d(4)] if batch_norm else []
        generator = nn.Sequential(nn.Linear(3, 4), *norm, nn.Tanh(), nn.Linear(4, 2))
        return generator, nn.Sequential(nn.Linear(2, 4), nn.Tanh(), nn.Linear(4, 1), nn.Flatten(0))


def gradient(loss: Tensor, network: nn.Module) -> Tensor:
    """The gradient by all parameters of a network, (P,), 0 where none arrives. Keeps the graph."""
    slopes = torch.autograd.grad(
        loss,
        tuple(network.parameters()),
        retain_graph=True,
        allow_unused=True,
        materialize_grads=True,
    )
    return nn.utils.parameters_to_vector(slopes)


def check_turn(
    answer: Answer,
    whose: str,
    generator: nn.Module,
    discriminator: nn.Module,
    data: tuple,
    loss: Tensor,
    given: str,
) -> None:
    """Let the answer play a turn. Raise `Wrong` unless it was one step down the loss and no more.

    Args:
        whose: "generator" or "discriminator". In the discriminator's turn no gradient may arrive in
            the generator.
        data: what the student's function is given after the networks and the optimizer; first a
            batch.
        loss: what the player should descend.

    Raises:
        NotDone: nothing happened.
    """
    networks = {"generator": generator, "discriminator": discriminator}
    right = gradient(loss, networks[whose])
    for parameter in networks[whose].parameters():
        parameter.grad = torch.full_like(parameter, OLD)
    watches = {name: Watch(network, name) for name, network in networks.items()}
    player, other = watches.pop(whose), *watches.values()
    optimizer = Steps(networks[whose].parameters())
    returned = answer.do(generator, discriminator, optimizer, *data)
    happened = optimizer.count or player.reached or player.moved() or other.moved()
    if (returned is None or returned is ...) and not happened:
        raise NotDone(f"The {player.name} did not move. {WRITE_IT}")
    if other.reached and other.name == "generator":
        why = """The generator is not playing, yet a gradient went back through it: half of the work
            was wasted, and its own turn may start with a gradient that belongs to nobody. Where
            should the way back end?"""
        raise Wrong(given, "gradients in the generator", "none: in this turn fakes are data", why)
    if moved := other.moved():
        got = f"the {other.name} changed ({', '.join(moved[:2])} ...)"
        why = f"""In this turn only the {player.name} learns; if both move at once, nobody knows
            what the gradient was for."""
        raise Wrong(given, got, f"only the {player.name} changes", why)
    for watch in player, other:
        watch.check_left(given)
    slope = player.slope()
    if not slope.any():
        got = f"the {player.name} did not move"
        why = """Nothing was learned. Was the step taken, and after the new gradient was there? Or
            was the graph cut (detach, no_grad) before the weights?"""
        raise Wrong(given, got, "one step down its gradient", why)
    if optimizer.count > 1:
        why = "One turn, one step: the second follows a gradient taken at weights that are gone."
        raise Wrong(given, f"{optimizer.count} steps of the optimizer", "1 step", why)
    if not torch.allclose(slope, right, rtol=1e-3, atol=1e-5):
        why = f"""The {player.name} moved, but not down the gradient of its loss by the optimizer
            that it was given."""
        if torch.allclose(slope, right + OLD, rtol=1e-2):
            why = """The old gradient was still there: PyTorch adds gradients up until they are
                cleared."""
        elif torch.allclose(slope, torch.full_like(right, OLD), rtol=1e-2):
            why = "It followed the old gradient. Was the new one computed before the step?"
        elif known := relation(slope, right, len(data[0])):
            why = f"It moved down another loss. {known}"
        cosine = torch.cosine_similarity(slope, right, dim=0).clamp(-1, 1)
        angle = f"{cosine.acos().rad2deg():.0f} degrees off"
        got = f"a step along a gradient of length {slope.norm():.2g}, {angle}"
        # A flat loss makes a tiny step, so steps are compared by direction and length, to 2 %.
        evidence = torch.cat([slope / slope.norm(), slope.norm().log()[None]]) / 20
        raise Wrong(given, got, f"length {right.norm():.2g}, 0 degrees off", why, evidence)
