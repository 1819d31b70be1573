"""What PyTorch makes of the functions that functional.test.ts applies by the same names: JSON on standard output.

For every function: its inputs, its outputs, and the gradients by its float inputs of the sum over all float outputs of output · (1, 2, 3, …).
"""

import base64
import json
import math
import sys

import torch
from torch.nn import functional as F

torch.manual_seed(5)
torch.set_num_threads(1)
kinds = {torch.float32: "float32", torch.int64: "int64", torch.bool: "bool"}


def packed(tensor):
    tensor = tensor.detach().contiguous()
    return {"dtype": kinds[tensor.dtype], "shape": list(tensor.shape), "data": base64.b64encode(tensor.numpy().tobytes()).decode()}


def rand(*shape):
    return torch.randn(*shape)


nan, inf = math.nan, math.inf
# Zeros of both signs, places where activations change, infinities and NaN.
special = torch.tensor([-inf, -4.0, -3.0, -1.0, -0.5, -0.0, 0.0, 0.5, 1.0, 3.0, 4.0, inf, nan])
a23, b23 = rand(2, 3), rand(2, 3)
a345 = rand(3, 4, 5)
tied = torch.tensor([[1.0, 2.0, 2.0], [3.0, 3.0, 3.0]])
where = torch.tensor([[True, False, True], [False, True, True]])
places = torch.tensor([[0, 2, 2], [1, 0, 1]])
q, k, v = rand(2, 2, 4, 8), rand(2, 2, 5, 8), rand(2, 2, 5, 6)
seen = torch.rand(4, 5) > 0.4
seen[:, 0] = True

functions = {
    "clip": (lambda x: x.clip(-0.5, 0.5), [a23]),
    "clip, low": (lambda x: x.clip(min=0), [a23]),
    "clip, special": (lambda x: x.clip(-3, 3), [special]),
    "maximum": (torch.maximum, [a23, b23]),
    "maximum, ties": (torch.maximum, [tied, tied.flip(1)]),
    "maximum, ties, broadcast": (torch.maximum, [tied, torch.tensor([2.0])]),
    "minimum, ties": (torch.minimum, [tied, tied.flip(1)]),
    "where": (torch.where, [where, a23, b23]),
    "maskedFill": (lambda x, m: x.masked_fill(m, 7.0), [a23, where]),
    "eq": (torch.eq, [tied, tied.flip(1)]),
    "ne": (torch.ne, [tied, tied.flip(1)]),
    "lt": (torch.lt, [tied, tied.flip(1)]),
    "le": (torch.le, [tied, tied.flip(1)]),
    "gt": (torch.gt, [tied, tied.flip(1)]),
    "ge": (torch.ge, [tied, tied.flip(1)]),
    "gt, number": (lambda x: x > 0, [a23]),
    "eq, whole numbers": (lambda x: x == 2, [places]),
    "logicalAnd": (torch.logical_and, [where, ~where.flip(1)]),
    "logicalOr": (torch.logical_or, [where, where.flip(1)]),
    "logicalXor": (torch.logical_xor, [where, where.flip(1)]),
    "logicalNot": (torch.logical_not, [where]),
    "isnan": (torch.isnan, [special]),
    "isinf": (torch.isinf, [special]),
    "isfinite": (torch.isfinite, [special]),
    "cast, int64": (lambda x: (x * 3).to(torch.int64), [a23]),
    "cast, float32": (lambda x: x.to(torch.float32), [places]),
    "round": (torch.round, [a23 * 3]),
    "floor": (torch.floor, [a23 * 3]),
    "ceil": (torch.ceil, [a23 * 3]),
    "sign": (torch.sign, [a23]),
    "fmod": (lambda x, y: torch.fmod(x, y), [a23 * 5, b23]),
    "remainder": (lambda x, y: torch.remainder(x, y), [a23 * 5, b23]),
    "argmax": (lambda x: x.argmax(), [a345]),
    "argmax, axis": (lambda x: x.argmax(1), [a345]),
    "argmax, kept": (lambda x: x.argmax(-1, keepdim=True), [a345]),
    "argmin, axis": (lambda x: x.argmin(0), [a345]),
    "amax": (lambda x: x.amax(1), [tied]),
    "amin, all": (lambda x: x.amin(), [tied]),
    "prod": (lambda x: x.prod(1), [a345]),
    "logsumexp": (lambda x: x.logsumexp((0, 2)), [a345]),
    "logsumexp, kept": (lambda x: x.logsumexp(1, keepdim=True), [a345]),
    "logsumexp, -inf": (lambda x: x.logsumexp(1), [torch.tensor([[-inf, 1.0], [2.0, 3.0]])]),
    "logsumexp, inf": (lambda x: x.logsumexp(1), [torch.tensor([[1.0, inf], [0.0, 1.0]])]),
    "norm": (lambda x: x.norm(dim=1), [a345]),
    "norm, 0": (lambda x: x.norm(dim=1), [torch.tensor([[0.0, 0.0], [3.0, 4.0]])]),
    "std": (lambda x: x.std((0, 2)), [a345]),
    "std, equal": (lambda x: x.std(1), [tied]),
    "std, population": (lambda x: x.std(1, unbiased=False, keepdim=True), [a345]),
    "var": (lambda x: x.var(1), [a345]),
    "var, all": (lambda x: x.var(), [a345]),
    "cumsum": (lambda x: x.cumsum(1), [a345]),
    "cumprod": (lambda x: x.cumprod(-1), [a345]),
    "topk": (lambda x: x.topk(2, 1), [a345]),
    "topk, smallest": (lambda x: x.topk(3, largest=False), [a345]),
    "sort": (lambda x: x.sort(1), [a345]),
    "sort, descending": (lambda x: x.sort(-1, descending=True), [a345]),
    "argsort": (lambda x: x.argsort(1), [a345]),
    "normalize": (lambda x: F.normalize(x, dim=2), [a345]),
    "cosineSimilarity": (lambda x, y: F.cosine_similarity(x, y), [a23, b23]),
    "gather": (lambda x, i: x.gather(1, i), [a23, places]),
    "indexSelect": (lambda x, i: x.index_select(2, i), [a345, torch.tensor([4, 0, 0])]),
    "scatter": (lambda x, i, y: x.scatter(1, torch.tensor([[0, 2], [1, 0]]), y), [a23, places, rand(2, 2)]),
    "scatter, add": (lambda x, i, y: x.scatter_add(1, i, y), [a23, places, b23]),
    "nonzero": (lambda x: x.nonzero().t(), [where]),
    "pad": (lambda x: F.pad(x, (1, 2, 0, 1), value=3.0), [a345]),
    "pad, negative": (lambda x: F.pad(x, (-1, 1)), [a345]),
    "pad, reflect": (lambda x: F.pad(x, (2, 1), mode="reflect"), [a345]),
    "pad, replicate": (lambda x: F.pad(x, (2, 1), mode="replicate"), [a345]),
    "pad, circular": (lambda x: F.pad(x, (2, 1), mode="circular"), [a345]),
    "stack": (lambda x, y: torch.stack([x, y], 1), [a23, b23]),
    "stack, last": (lambda x, y: torch.stack([x, y], -1), [a23, b23]),
    "cat": (lambda x, y: torch.cat([x, y], 1), [a23, b23]),
    "split": (lambda x: x.split(2, 1), [a23]),
    "split, sizes": (lambda x: x.split([1, 3], 1), [a345]),
    "chunk": (lambda x: x.chunk(2, 2), [a345]),
    "flip": (lambda x: x.flip(0, 2), [a345]),
    "repeat": (lambda x: x.repeat(2, 3), [a23]),
    "oneHot": (lambda i: F.one_hot(i, 4).to(torch.float32), [places]),
    "tril": (lambda x: x.tril(), [a345]),
    "tril, above": (lambda x: x.tril(1), [a345]),
    "triu, below": (lambda x: x.triu(-1), [a345]),
    "arange": (lambda: torch.arange(5), []),
    "arange, steps": (lambda: torch.arange(2, 9, 3), []),
    "arange, fractions": (lambda: torch.arange(1, 0, -0.25), []),
    "zerosLike": (torch.zeros_like, [a23]),
    "onesLike": (torch.ones_like, [places]),
    "einsum": (lambda x, y: torch.einsum("ij,kj->ik", x, y), [a23, b23]),
    "matmul": (torch.matmul, [a345, rand(5, 2)]),
    "conv1d": (lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1), [rand(2, 4, 9), rand(3, 4, 3), rand(3)]),
    "conv2d": (lambda x, w, b: F.conv2d(x, w, b, padding=1), [rand(2, 4, 6, 5), rand(3, 4, 3, 3), rand(3)]),
    "conv2d, groups": (lambda x, w: F.conv2d(x, w, stride=(2, 1), dilation=(1, 2), groups=2), [rand(2, 4, 7, 8), rand(6, 2, 3, 2)]),
    "conv3d": (lambda x, w: F.conv3d(x, w), [rand(1, 2, 4, 5, 4), rand(3, 2, 2, 2, 3)]),
    "convTranspose": (lambda x, w: F.conv_transpose2d(x, w, stride=2, padding=1, output_padding=1), [rand(1, 3, 4, 5), rand(3, 2, 3, 3)]),
    "maxPool1d": (lambda x: F.max_pool1d(x, 3, stride=2), [rand(2, 3, 9)]),
    "maxPool2d": (lambda x: F.max_pool2d(x, 2), [rand(2, 3, 6, 4)]),
    "maxPool2d, padded": (lambda x: F.max_pool2d(x, 3, stride=2, padding=1, ceil_mode=True), [rand(2, 3, 6, 7)]),
    "maxPool3d": (lambda x: F.max_pool3d(x, 2), [rand(1, 2, 4, 4, 4)]),
    "avgPool1d": (lambda x: F.avg_pool1d(x, 2), [rand(2, 3, 8)]),
    "avgPool2d": (lambda x: F.avg_pool2d(x, (3, 2), stride=2, padding=(1, 0)), [rand(2, 3, 6, 6)]),
    "avgPool2d, padding left out": (lambda x: F.avg_pool2d(x, 3, padding=1, count_include_pad=False), [rand(2, 3, 6, 6)]),
    "avgPool3d": (lambda x: F.avg_pool3d(x, 2), [rand(1, 2, 4, 4, 4)]),
    "layerNorm": (lambda x, w, b: F.layer_norm(x, (5,), w, b), [a345, rand(5), rand(5)]),
    "layerNorm, plain": (lambda x: F.layer_norm(x, (4, 5), eps=1e-3), [a345]),
    "attention": (lambda q, k, v: torch.softmax(q @ k.mT / math.sqrt(8), -1) @ v, [q, k, v]),
    "attention, mask": (lambda q, k, v, m: torch.softmax((q @ k.mT / math.sqrt(8)).masked_fill(~m, -inf), -1) @ v, [q, k, v, seen]),
    "attention, causal, scale": (
        lambda q, k, v: torch.softmax((q @ k.mT * 0.3).masked_fill(torch.ones(5, 5).triu(1).bool(), -inf), -1) @ v,
        [rand(2, 2, 5, 8), k, v],
    ),
    "attention, no heads": (lambda q, k, v: torch.softmax(q @ k.mT / math.sqrt(8), -1) @ v, [q[0], k[0], v[0]]),
    "interpolate": (lambda x: F.interpolate(x, scale_factor=2), [rand(1, 2, 3, 4)]),
    "interpolate, size": (lambda x: F.interpolate(x, size=(5, 3)), [rand(1, 2, 3, 4)]),
    "interpolate, bilinear": (lambda x: F.interpolate(x, scale_factor=(2, 1.5), mode="bilinear"), [rand(1, 2, 3, 4)]),
    "interpolate, corners": (lambda x: F.interpolate(x, size=(5, 7), mode="bilinear", align_corners=True), [rand(1, 2, 3, 4)]),
    "interpolate, bicubic": (lambda x: F.interpolate(x, size=(6, 8), mode="bicubic"), [rand(1, 2, 3, 4)]),
    "interpolate, linear": (lambda x: F.interpolate(x, size=7, mode="linear"), [rand(1, 2, 4)]),
    "interpolate, trilinear": (lambda x: F.interpolate(x, scale_factor=2, mode="trilinear"), [rand(1, 2, 2, 3, 2)]),
    "prelu, special": (lambda x, w: F.prelu(x, w), [special, torch.tensor([0.25])]),
    "pow": (torch.pow, [torch.tensor([0.0, 2.0, 2.0, 0.0, -2.0]), torch.tensor([2.0, 0.0, 3.0, 0.0, 2.0])]),
}
activations = {
    "abs": torch.abs,
    "celu": lambda x: F.celu(x, 0.7),
    "elu": F.elu,
    "elu, alpha": lambda x: F.elu(x, 0.4),
    "hardsigmoid": F.hardsigmoid,
    "hardswish": F.hardswish,
    "leakyRelu": lambda x: F.leaky_relu(x, 0.1),
    "relu": F.relu,
    "selu": F.selu,
    "softplus": F.softplus,
    "sqrt": torch.sqrt,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "silu": F.silu,
    "floor": torch.floor,
}
for name, apply in activations.items():
    functions[f"{name}, special"] = (apply, [special])

# Small, and where a logarithm or a power begins to be one.
tiny = torch.tensor([0.0, 1e-10, -1e-10, 1e-7, -3e-5, 1e-3, -0.02, 0.4, -0.6, 0.9999, 1.0, -0.9999])
within = torch.tensor([-0.999, -0.5, -1e-4, 0.0, 0.3, 0.9])
axes = torch.tensor([0.0, 1.0, -1.0, 2.0, -2.0, -0.0, 1e-20, -3.0])
unknown = torch.tensor([[1.0, nan, 3.0], [2.0, 0.0, -inf]])
a5, b4, c2 = rand(5), rand(4), rand(2)

functions.update({
    "clamp": (lambda x: x.clamp(min=-0.5), [a23]),
    "log1p": (torch.log1p, [special]),
    "log1p, small": (torch.log1p, [tiny]),
    "expm1": (torch.expm1, [special * 30]),
    "expm1, small": (torch.expm1, [tiny]),
    "log2": (torch.log2, [special]),
    "log10": (torch.log10, [special]),
    "exp2": (torch.exp2, [special]),
    "square": (torch.square, [special]),
    "rsqrt": (torch.rsqrt, [torch.tensor([4.0, 0.3, 1e-6])]),
    "trunc": (torch.trunc, [a345 * 3]),
    "frac": (torch.frac, [a345 * 3]),
    "acos": (torch.acos, [within]),
    "acosh": (torch.acosh, [torch.tensor([1.5, 2.0, 100.0])]),
    "asin": (torch.asin, [within]),
    "asinh": (torch.asinh, [a345 * 5]),
    "atanh": (torch.atanh, [within]),
    "cosh": (torch.cosh, [a345]),
    "sinh": (torch.sinh, [tiny]),
    "atan2": (torch.atan2, [a345, rand(3, 4, 5)]),
    "atan2, axes": (torch.atan2, [axes, torch.tensor([1.0, 0.0, 0.0, -2.0, -2.0, -1.0, -1.0, 3.0])]),
    "lerp": (lambda x, y: torch.lerp(x, y, 0.3), [a23, b23]),
    "lerp, weights": (torch.lerp, [a23, b23, torch.rand(2, 3)]),
    "logaddexp": (torch.logaddexp, [a345, rand(4, 1)]),
    "logaddexp, infinite": (torch.logaddexp, [torch.tensor([-inf, -inf, 100.0]), torch.tensor([1.0, 2.0, 101.0])]),
    "nanToNum": (torch.nan_to_num, [unknown]),
    "nanToNum, others": (lambda x: torch.nan_to_num(x, 1.0, 2.0, 3.0), [torch.tensor([nan, inf, -inf, 0.5])]),
    "isclose": (torch.isclose, [special, special + 1e-6]),
    "isclose, tolerance": (lambda x, y: torch.isclose(x, y, 0.1, 0.01), [a23, a23 * 1.09]),
    "softmin": (lambda x: F.softmin(x, 1), [a345]),
    "glu": (F.glu, [rand(3, 6)]),
    "glu, axis": (lambda x: F.glu(x, 1), [a345]),
    "roll": (lambda x: x.roll(1, 1), [a345]),
    "roll, far": (lambda x: x.roll(-7, -1), [a345]),
    "roll, axes": (lambda x: x.roll((2, -1), (0, 2)), [a345]),
    "roll, list": (lambda x: x.roll(5), [a345]),
    "unbind": (lambda x: x.unbind(), [a23]),
    "unbind, axis": (lambda x: x.unbind(-1), [a23]),
    "linspace": (lambda: torch.linspace(-1, 2, 7), []),
    "linspace, one": (lambda: torch.linspace(3, 5, 1), []),
    "zeros": (lambda: torch.zeros(2, 3), []),
    "ones": (lambda: torch.ones(2, dtype=torch.int64), []),
    "fullLike": (lambda x: torch.full_like(x, 2.5), [a23]),
    "eye": (lambda: torch.eye(3), []),
    "eye, columns": (lambda: torch.eye(2, 4, dtype=torch.int64), []),
    "meshgrid": (lambda x, y: torch.meshgrid(x, y, indexing="ij"), [a5, b4]),
    "meshgrid, xy": (lambda x, y, z: torch.meshgrid(x, y, z, indexing="xy"), [a5, b4, c2]),
    "permute": (lambda x: x.permute(2, 0, 1), [a345]),
    "swapaxes": (lambda x: x.swapaxes(0, -1), [a345]),
    "movedim": (lambda x: x.movedim(0, 2), [a345]),
    "broadcastTo": (lambda x: x.broadcast_to(4, 2, 3), [a23]),
    "tile": (lambda x: x.tile(2, 2), [a23]),
    "select": (lambda x: x.select(1, -1), [a345]),
    "narrow": (lambda x: x.narrow(1, 1, 2), [a345]),
    "unflatten": (lambda x: x.unflatten(1, (2, 2)), [a345]),
    "repeatInterleave": (lambda x: x.repeat_interleave(3, 1), [a345]),
    "diagonal": (lambda x: x.diagonal(1, 1, 2), [a345]),
    "diagonal, below": (lambda x: x.diagonal(-2, 0, 1), [a345]),
    "diag": (torch.diag, [a5]),
    "diag, above": (lambda x: x.diag(1), [a5]),
    "diag, below": (lambda x: x.diag(-2), [a5]),
    "diag, matrix": (lambda x: x.diag(1), [a23]),
    "take": (lambda x: x.take(torch.tensor([[0, 5], [3, 3]])), [a23]),
    "takeAlongDim": (lambda x, i: torch.take_along_dim(x, i, 1), [a23, places]),
    "maskedSelect": (torch.masked_select, [a23, where]),
    "indexAdd": (lambda x, i, y: x.index_add(1, i, y), [a23, torch.tensor([2, 0, 2, 1]), rand(2, 4)]),
    "diff": (lambda x: x.diff(), [a345]),
    "diff, axis": (lambda x: x.diff(dim=0), [a345]),
    "unfold": (lambda x: F.unfold(x, 2), [rand(2, 3, 4, 5)]),
    "unfold, options": (lambda x: F.unfold(x, (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1)), [rand(2, 2, 5, 6)]),
    "fold": (lambda x: F.fold(x, (4, 5), 2), [rand(2, 8, 12)]),
    "fold, options": (lambda x: F.fold(x, (5, 6), (3, 2), stride=(1, 2), padding=(2, 1), dilation=(2, 1)), [rand(2, 12, 20)]),
    "max": (torch.max, [a345]),
    "max, axis": (lambda x: x.max(1), [a345]),
    "max, NaN": (lambda x: x.max(0), [unknown]),
    "min": (torch.min, [a345]),
    "min, kept": (lambda x: x.min(-1, keepdim=True), [a345]),
    "min, NaN": (lambda x: x.min(0), [unknown]),
    "any": (lambda x: x.any(1), [torch.tensor([[0.0, 0.0], [0.0, 2.0], [nan, 0.0]])]),
    "any, all axes": (lambda x: x.any(), [where]),
    "all": (lambda x: x.all(0, keepdim=True), [where]),
    "all, NaN": (lambda x: x.all(), [torch.tensor([1.0, nan])]),
    "countNonzero": (lambda x: x.count_nonzero(1), [places]),
    "dot": (torch.dot, [a5, rand(5)]),
    "mv": (torch.mv, [a23, rand(3)]),
    "mm": (torch.mm, [a23, rand(3, 4)]),
    "bmm": (torch.bmm, [a345, rand(3, 5, 2)]),
    "outer": (torch.outer, [a5, b4]),
    "trace": (torch.trace, [a23]),
    "cross": (lambda x, y: torch.cross(x, y, dim=-1), [a23, b23]),
    "cross, axis": (lambda x, y: torch.cross(x, y, dim=0), [rand(3, 4), rand(3, 4)]),
    "cdist": (torch.cdist, [a345, rand(3, 2, 5)]),
    "cdist, 1": (lambda x, y: torch.cdist(x, y, 1), [a23, rand(4, 3)]),
    "cdist, itself": (lambda x: torch.cdist(x, x.detach()), [a23]),
    "pairwiseDistance": (F.pairwise_distance, [a345, rand(4, 5)]),
    "pairwiseDistance, 1, kept": (lambda x, y: F.pairwise_distance(x, y, p=1, keepdim=True), [a23, b23]),
    "softshrink": (F.softshrink, [special[:-1]]),
    "softshrink, amount": (lambda x: F.softshrink(x, 3.0), [special[:-1]]),
    "softsign": (F.softsign, [a345 * 3]),
    "einsum, dots": (lambda x, y: torch.einsum("...i,oij->...oj", x, y), [rand(2, 4, 3), rand(6, 3, 5)]),
    "einsum, stacks": (lambda x, y: torch.einsum("...ij,...kj->...ik", x, y), [a345, rand(3, 2, 5)]),
    "bilinear": (F.bilinear, [rand(2, 4, 3), rand(2, 4, 5), rand(6, 3, 5), rand(6)]),
})
more = {
    "hardtanh": F.hardtanh,
    "hardtanh, bounds": lambda x: F.hardtanh(x, -3.0, 0.5),
    "relu6": F.relu6,
    "logsigmoid": F.logsigmoid,
    "mish": F.mish,
    "tanhshrink": F.tanhshrink,
    "hardshrink": F.hardshrink,
    "threshold": lambda x: F.threshold(x, 0.5, -20.0),
}
for name, apply in more.items():
    functions[f"{name}, special"] = (apply, [special])



def flat(value):
    return [value] if isinstance(value, torch.Tensor) else list(value)


def run(apply, inputs):
    given = [x.clone().requires_grad_() if x.dtype == torch.float32 else x.clone() for x in inputs]
    outputs = flat(apply(*given))
    parts = [
        (output * torch.arange(1, output.numel() + 1).reshape(output.shape)).sum()
        for output in outputs
        if output.dtype == torch.float32 and output.requires_grad
    ]
    gradients = [None] * len(given)
    if parts:
        sum(parts).backward()
        gradients = [None if x.grad is None else packed(x.grad) for x in given]
    return {"inputs": [packed(x) for x in inputs], "outputs": [packed(y) for y in outputs], "gradients": gradients}


json.dump({name: run(apply, inputs) for name, (apply, inputs) in functions.items()}, sys.stdout)
