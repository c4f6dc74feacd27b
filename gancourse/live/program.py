"""A network as a program for the engine in the book's pages (book/assets/live/engine.js).

`torch.export` lists what a network computes, operation by operation. Here each becomes one of the
engine's, what depends on weights alone is computed now, and a BatchNorm becomes part of the layer
before it. The engine has one picture at a time and no gradient, so that little is left.
"""

from __future__ import annotations

import operator
import warnings
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import torch
from torch import Tensor, nn
from torch.fx import Node

from gancourse.files import CourseError
from gancourse.layers import JoinedConv2d, JoinedConvTranspose2d, Noise, join

aten = torch.ops.aten


@dataclass
class Operation:
    """One line of a program.

    Attributes:
        name: what the engine calls it.
        given: what it reads: values by number, inputs first, or tensors.
        tensors: its weights, by the engine's names.
        numbers: all else it needs, as JSON can hold it.
    """

    name: str
    given: list[int | Tensor]
    tensors: dict[str, Tensor] = field(default_factory=dict)
    numbers: dict = field(default_factory=dict)


@dataclass
class Program:
    """What a network computes. Value i is input i, or else what operation i - len(inputs) makes.

    Attributes:
        inputs: names and shapes; -1 is any size.
        operations: in order.
        output: the number of the value that is the answer.
    """

    inputs: dict[str, tuple[int, ...]]
    operations: list[Operation]
    output: int

    def readers(self) -> list[list[int]]:
        """For each value, the operations that read it."""
        found: list[list[int]] = [[] for _ in range(len(self.inputs) + len(self.operations))]
        for i, operation in enumerate(self.operations):
            for value in operation.given:
                if isinstance(value, int):
                    found[value].append(i)
        return found


def program(
    network: nn.Module,
    inputs: dict[str, Tensor],
    free: dict[str, Sequence[int]] | None = None,
) -> Program:
    """The program of a network in eval mode.

    Args:
        inputs: one example of each input by name, a batch of one, in the order that `forward`
            takes them. Of several outputs the first is the program's.
        free: dimensions of inputs that may have any size, such as {"low": (2, 3)}.

    Raises:
        CourseError: the network has an operation that the engine lacks.
    """
    free = free or {}
    shapes = {
        name: tuple(-1 if d in free.get(name, ()) else n for d, n in enumerate(value.shape))
        for name, value in inputs.items()
    }
    with warnings.catch_warnings(), torch.no_grad(), plain(network):
        warnings.simplefilter("ignore")  # what the exporter says of its own parts
        exported = torch.export.export(network.eval(), tuple(inputs.values()))
        graph = exported.run_decompositions({}).graph_module.graph
        held = dict(exported.state_dict) | dict(exported.constants)
        signature = exported.graph_signature
        named = {
            **signature.inputs_to_parameters,
            **signature.inputs_to_buffers,
            **signature.inputs_to_lifted_tensor_constants,
        }
        answer = next(node for node in graph.nodes if node.op == "output").args[0][0]
        needed, writer = behind(answer), Writer()
        for node in graph.nodes:
            if node.op == "placeholder":
                of_network = named.get(node.name)
                writer.known[node] = writer.new_input() if of_network is None else held[of_network]
            elif node in needed:
                writer.write(node)
    return Program(shapes, writer.operations, writer.known[answer])


def behind(answer: Node) -> set[Node]:
    """The nodes on which an answer depends, and itself."""
    found, waiting = {answer}, [answer]
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node not in found:
                found.add(node)
                waiting.append(node)
    return found


@contextmanager
def plain(network: nn.Module):
    """Let layers compute what they mean, in place of the faster forms for a batch.

    A joined layer joins; `Noise` is dropout.
    """
    forms = {
        JoinedConv2d: lambda self, x, condition: nn.Conv2d.forward(self, join(x, condition)),
        JoinedConvTranspose2d: lambda self, x, condition: nn.ConvTranspose2d.forward(
            self, join(x, condition)
        ),
        Noise: lambda self, x: aten.dropout(x, self.p, True) if self.p else x,
    }
    changed = [module for module in network.modules() if type(module) in forms]
    for module in changed:
        module.forward = partial(forms[type(module)], module)
    try:
        yield
    finally:
        for module in changed:
            del module.forward


class Writer:
    """Turns a graph's nodes into operations.

    `known` holds what each node is: the number of a value, a tensor if it depends on no input, or
    for a node of several results a list of them.
    """

    def __init__(self):
        self.operations: list[Operation] = []
        self.known: dict[Node, int | Tensor | list] = {}
        self.count = 0

    def new_input(self) -> int:
        """Its number."""
        self.count += 1
        return self.count - 1

    def add(self, name: str, *given, tensors: dict | None = None, **numbers) -> int:
        """Append an operation and return its value's number."""
        kept = {key: value for key, value in (tensors or {}).items() if value is not None}
        self.operations.append(Operation(name, list(given), kept, numbers))
        return self.count + len(self.operations) - 1

    def write(self, node: Node) -> None:
        given = torch.fx.map_arg((node.args, dict(node.kwargs)), self.known.__getitem__)
        arguments, options = given
        depends = [each for each in node.all_input_nodes if not constant(self.known[each])]
        if not depends:
            self.known[node] = node.target(*arguments, **options)
            return
        if node.target is operator.getitem:
            part = arguments[0][arguments[1]]
            self.known[node] = part() if callable(part) else part
            return
        if node.target not in OPERATIONS:
            raise CourseError(
                f"{layer_of(node)}: the engine of the pages has no {node.target}; use layers that "
                "it has (gancourse/live/program.py lists them), or export to ONNX."
            )
        self.known[node] = OPERATIONS[node.target](self, node, *arguments, **options)

    def lone(self, node: Node, names: Sequence[str]) -> Operation | None:
        """The operation that made a node's value, if it is one of `names` and nobody else reads
        it.
        """
        place = self.known[node] - self.count
        operation = self.operations[place] if place >= 0 else None
        fits = operation and operation.name in names and len(node.users) == 1
        return operation if fits else None


def constant(known) -> bool:
    return isinstance(known, Tensor) or (
        isinstance(known, (list, tuple)) and all(map(constant, known))
    )


def layer_of(node: Node) -> str:
    """The name of the layer that a node is part of, such as generator.blocks.2."""
    stack = node.meta.get("nn_module_stack") or {}
    names = [name for name, _ in stack.values() if name]
    return names[-1] if names else node.name


OPERATIONS: dict[Callable, Callable] = {}


def writes(*targets: Callable):
    """Register how a `torch.export` operation is written for the engine."""

    def register(function):
        OPERATIONS.update(dict.fromkeys(targets, function))
        return function

    return register


def pair(value, dims: int = 2) -> list[int]:
    """(vertical, horizontal); a convolution along a line has a height of 1."""
    value = [value] * dims if isinstance(value, int) else list(value)
    return value * (dims // len(value)) if len(value) < dims else value


@writes(aten.linear.default)
def _linear(to: Writer, node, x, weight, bias=None):
    return to.add("dense", x, tensors={"weight": weight, "bias": bias})


@writes(aten.matmul.default, aten.mm.default)
def _matmul(to: Writer, node, x, weight):
    if not isinstance(weight, Tensor) or weight.dim() != 2:
        raise CourseError(f"{layer_of(node)}: the engine multiplies by fixed matrices only.")
    return to.add("dense", x, tensors={"weight": weight.t()})


@writes(aten.conv2d.default)
def _conv(to, node, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    if groups != 1:
        raise CourseError(f"{layer_of(node)}: groups={groups}: the engine knows no groups; use 1.")
    numbers = {"stride": pair(stride), "padding": pair(padding), "dilation": pair(dilation)}
    tensors = {"weight": weight, "bias": bias}
    return to.add("conv", x, tensors=tensors, **numbers)


@writes(aten.conv1d.default)
def _conv1d(to, node, x, weight, bias=None, stride=1, padding=0, dilation=1, groups=1):
    """A picture of one row."""
    flat = to.add("unsqueeze", x, dim=2)
    steps = [1, *pair(stride, 1)], [0, *pair(padding, 1)], [1, *pair(dilation, 1)]
    y = _conv(to, node, flat, weight[:, :, None], bias, *steps, groups)
    return to.add("reshape", y, shape=[1, weight.shape[0], -1])


@writes(aten.conv_transpose2d.input)
def _transposed(to, node, x, weight, bias=None, stride=1, padding=0, more=0, groups=1, dilation=1):
    if groups != 1 or pair(dilation) != [1, 1]:
        raise CourseError(
            f"{layer_of(node)}: groups={groups}, dilation={dilation}: the engine's transposed "
            "convolutions know neither; use 1."
        )
    if any(size < step for size, step in zip(weight.shape[2:], pair(stride), strict=True)):
        raise CourseError(
            f"{layer_of(node)}: kernel={list(weight.shape[2:])}, stride={pair(stride)}: the "
            "engine's transposed convolutions leave no gaps; take a kernel as large as the stride."
        )
    outputs_first = weight.transpose(0, 1)  # as a convolution's
    tensors = {"weight": outputs_first, "bias": bias}
    numbers = {"stride": pair(stride), "padding": pair(padding), "more": pair(more)}
    return to.add("conv_transposed", x, tensors=tensors, **numbers)


@writes(aten._native_batch_norm_legit_no_training.default)
def _batch_norm(to: Writer, node, x, weight, bias, mean, variance, momentum, eps):
    """A scale and an offset per channel, which the layer before can take over."""
    gain = (variance.double() + eps).rsqrt() * (1 if weight is None else weight.double())
    offset = (0 if bias is None else bias.double()) - mean.double() * gain
    layer = to.lone(node.args[0], ("conv", "conv_transposed", "dense"))
    if layer is None:
        return [to.add("affine", x, tensors={"gain": gain.float(), "bias": offset.float()})]
    own = layer.tensors["weight"].double()
    layer.tensors["weight"] = (own * gain.view(-1, *[1] * (own.dim() - 1))).float()
    before = layer.tensors.get("bias", torch.zeros_like(gain))
    layer.tensors["bias"] = (before.double() * gain + offset).float()
    return [x]


@writes(aten.group_norm.default)
def _group_norm(to, node, x, groups, weight=None, bias=None, eps=1e-5, cudnn=True):
    channels = node.args[0].meta["val"].shape[1]
    gain = torch.ones(channels) if weight is None else weight
    offset = torch.zeros(channels) if bias is None else bias
    tensors = {"gain": gain, "bias": offset}
    return to.add("group_norm", x, tensors=tensors, groups=groups, eps=eps)


@writes(aten.leaky_relu.default)
def _leaky_relu(to, node, x, slope=0.01):
    return to.add("leaky_relu", x, slope=slope)


@writes(aten.prelu.default)
def _prelu(to, node, x, weight):
    return to.add("prelu", x, tensors={"slope": weight})


def _elementwise(name: str):
    return lambda to, node, x: to.add(name, x)


for _name in ("relu", "tanh", "sigmoid", "exp"):
    OPERATIONS[getattr(aten, _name).default] = _elementwise(_name)


def _binary(name: str):
    def write(to: Writer, node, x, y):
        pairs = zip((x, y), node.args, strict=True)
        read = (v if isinstance(arg, Node) else torch.tensor(float(v)) for v, arg in pairs)
        return to.add(name, *read)

    return write


for _target, _name in (
    (aten.add.Tensor, "add"), (aten.sub.Tensor, "subtract"), (aten.mul.Tensor, "multiply"),
    (aten.div.Tensor, "divide"),
):  # fmt: skip
    OPERATIONS[_target] = _binary(_name)


@writes(aten.square.default)
def _square(to, node, x):
    return to.add("multiply", x, x)


@writes(aten.gt.Scalar)
def _above(to, node, x, bound):
    return to.add("above", x, bound=bound)


@writes(aten.clamp_min.default)
def _at_least(to, node, x, least):
    return to.add("at_least", x, least=least)


@writes(aten.cat.default)
def _cat(to, node, each, dim=0):
    return to.add("concat", *each, dim=positive(node, dim))


@writes(aten.slice.Tensor)
def _slice(to, node, x, dim=0, start=None, end=None, step=1):
    if step != 1:
        raise CourseError(f"{layer_of(node)}: step={step}: the engine takes slices without gaps.")
    size = node.args[0].meta["val"].shape[dim]
    last = 2**31 - 1  # the end, whatever the size
    start, end = (size + v if v < 0 else v for v in (start or 0, last if end is None else end))
    return to.add("slice", x, dim=positive(node, dim), start=start, end=min(end, last))


@writes(aten.split.Tensor, aten.split_with_sizes.default)
def _split(to, node, x, sizes, dim=0):
    total = node.args[0].meta["val"].shape[dim]
    if isinstance(sizes, int):
        sizes = [min(sizes, total - at) for at in range(0, total, sizes)]
    ends = torch.tensor(sizes).cumsum(0).tolist()
    dim = positive(node, dim)
    # Written when it is asked for: a part that nobody reads costs nothing.
    return [
        partial(to.add, "slice", x, dim=dim, start=end - size, end=end)
        for size, end in zip(sizes, ends, strict=True)
    ]


@writes(aten.view.default, aten._unsafe_view.default, aten.reshape.default)
def _reshape(to, node, x, shape):
    return to.add("reshape", x, shape=list(shape))


@writes(aten.unsqueeze.default)
def _unsqueeze(to, node, x, dim):
    rank = node.meta["val"].dim()
    return to.add("unsqueeze", x, dim=dim % rank)


@writes(aten.permute.default)
def _permute(to, node, x, dims):
    return to.add("permute", x, dims=[d % len(dims) for d in dims])


@writes(aten.transpose.int)
def _transpose(to, node, x, first, second):
    dims = list(range(node.meta["val"].dim()))
    dims[first], dims[second] = dims[second], dims[first]
    return to.add("permute", x, dims=dims)


@writes(aten.expand.default)
def _expand(to, node, x, shape, implicit=False):
    return to.add("expand", x, shape=list(shape))


@writes(aten.amax.default)
def _largest(to, node, x, dims, keepdim=False):
    y = to.add("largest", x, dim=positive(node, *dims))
    return to.add("unsqueeze", y, dim=positive(node, *dims)) if keepdim else y


@writes(aten.linalg_vector_norm.default)
def _length(to, node, x, order=2, dim=None, keepdim=False, dtype=None):
    if order != 2 or not keepdim:
        raise CourseError(
            f"{layer_of(node)}: the engine measures Euclidean lengths, and keeps the dimension."
        )
    return to.add("length", x, dim=positive(node, *dim))


@writes(aten.embedding.default)
def _embedding(to, node, table, x, *options):
    return to.add("look_up", x, tensors={"table": table})


@writes(aten.upsample_nearest2d.vec, aten.upsample_bilinear2d.vec)
def _upsample(to, node, x, size, *options):
    bilinear = node.target is aten.upsample_bilinear2d.vec
    if bilinear and options[0]:
        raise CourseError(f"{layer_of(node)}: align_corners=True: the engine aligns areas.")
    small, large = node.args[0].meta["val"].shape[2:], node.meta["val"].shape[2:]
    if any(b % a for a, b in zip(small, large, strict=True)):
        raise CourseError(
            f"{layer_of(node)}: {tuple(small)} to {tuple(large)}: the engine enlarges a whole "
            "number of times."
        )
    by = [b // a for a, b in zip(small, large, strict=True)]
    return to.add("bilinear" if bilinear else "nearest", x, by=by)


@writes(aten.pixel_shuffle.default)
def _pixel_shuffle(to, node, x, by):
    return to.add("pixel_shuffle", x, by=by)


@writes(aten.native_dropout.default)
def _noise(to, node, x, p, train):
    return [to.add("noise", x, p=p)]


@writes(aten.clone.default, aten.contiguous.default, aten._to_copy.default, aten.alias.default)
def _same(to, node, x, **options):
    return x


@writes(aten._assert_tensor_metadata.default)
def _nothing(to, node, *given, **options):
    return None


def positive(node: Node, dim: int) -> int:
    """A dimension counted from the front."""
    first = node.args[0][0] if isinstance(node.args[0], (list, tuple)) else node.args[0]
    return dim % first.meta["val"].dim()
