"""What PyTorch makes of the layers, losses and optimisers that pytorch.test.ts builds by the same names: JSON on standard output.

For every layer: its state dict, inputs, outputs, the gradients of mse(output, target) by inputs and parameters, the state after three steps of SGD, and the
first output in eval mode. Arrays are base64 of their bytes.
"""

import base64
import json
import sys

import torch
from torch import nn, optim

torch.manual_seed(1)
torch.set_num_threads(1)


def packed(tensor):
    tensor = tensor.detach().contiguous()
    kind = {torch.float32: "float32", torch.int64: "int64", torch.bool: "bool"}[tensor.dtype]
    return {"dtype": kind, "shape": list(tensor.shape), "data": base64.b64encode(tensor.numpy().tobytes()).decode()}


def state(module):
    return {name: packed(value) for name, value in module.state_dict().items()}


def flat(value):
    if isinstance(value, torch.Tensor):
        return [value]
    return [tensor for item in value if item is not None for tensor in flat(item)]


def padding(*rows):
    return torch.tensor(rows, dtype=torch.bool)


class Call(nn.Module):
    """A module applied with keywords, under its own names."""

    def __init__(self, module, apply):
        super().__init__()
        self.apply_to = apply
        self.__dict__["inner"] = module

    def __getattr__(self, name):
        return getattr(self.__dict__["inner"], name)

    def forward(self, *inputs):
        return self.apply_to(self.__dict__["inner"], *inputs)

    def state_dict(self):
        return self.__dict__["inner"].state_dict()

    def parameters(self):
        return self.__dict__["inner"].parameters()

    def named_parameters(self):
        return self.__dict__["inner"].named_parameters()

    def eval(self):
        self.__dict__["inner"].eval()


class Tied(nn.Module):
    """Parts whose results are concatenated, each under its own name."""

    def __init__(self, **parts):
        super().__init__()
        for name, part in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return torch.cat([part(x).flatten() for part in self.children()])


class Folded(nn.Module):
    """Parts that see the same elements, each in a shape of its own."""

    def __init__(self, **parts):
        super().__init__()
        self.shapes = {name: shape for name, (_, shape) in parts.items()}
        for name, (part, _) in parts.items():
            self.add_module(name, part)

    def forward(self, x):
        return torch.cat([part(x.reshape(self.shapes[name])).flatten() for name, part in self.named_children()])


def rand(*shape):
    return torch.rand(*shape) * 2 - 1


def ints(high, *shape):
    return torch.randint(0, high, shape)


hidden = padding([0, 0, 0, 1, 1], [0, 0, 1, 0, 0])
future = torch.triu(torch.ones(5, 5, dtype=torch.bool), 1)
slopes = torch.linspace(-1, 1, 15).reshape(3, 5)
quiet = {"dropout": 0.0}

layers = {
    "Linear": (nn.Linear(7, 5), [rand(3, 7)]),
    "Linear, no bias, 3 axes": (nn.Linear(7, 5, bias=False), [rand(2, 3, 7)]),
    "Conv1d": (nn.Conv1d(4, 6, 3, stride=2, padding=1, dilation=2, groups=2), [rand(2, 4, 13)]),
    "Conv2d": (nn.Conv2d(3, 5, (3, 2), stride=(1, 2), padding=(2, 1)), [rand(2, 3, 7, 6)]),
    "Conv2d, depthwise": (nn.Conv2d(6, 6, 3, padding=1, groups=6, bias=False), [rand(2, 6, 5, 7)]),
    "Conv2d, 3x3": (nn.Conv2d(8, 16, 3, padding=1), [rand(2, 8, 12, 12)]),
    "Conv2d, same": (nn.Conv2d(2, 3, (5, 4), padding="same", dilation=(1, 2)), [rand(1, 2, 9, 8)]),
    "Conv3d": (nn.Conv3d(2, 4, 3, padding=1, stride=2), [rand(1, 2, 5, 6, 7)]),
    "ConvTranspose2d": (nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), [rand(2, 4, 5, 4)]),
    "ConvTranspose2d, dilated": (nn.ConvTranspose2d(3, 2, (2, 3), dilation=2, bias=False), [rand(1, 3, 4, 4)]),
    "BatchNorm1d": (nn.BatchNorm1d(5), [rand(7, 5)]),
    "BatchNorm2d": (nn.BatchNorm2d(5, eps=1e-3, momentum=0.3), [rand(3, 5, 4, 3)]),
    "BatchNorm3d": (nn.BatchNorm3d(2), [rand(2, 2, 3, 3, 2)]),
    "LayerNorm": (nn.LayerNorm(9), [rand(4, 9)]),
    "LayerNorm, two axes": (nn.LayerNorm((3, 5), eps=1e-3), [rand(4, 3, 5)]),
    "GroupNorm": (nn.GroupNorm(3, 6), [rand(2, 6, 4, 3)]),
    "LocalResponseNorm": (nn.LocalResponseNorm(5, alpha=0.5, beta=0.6, k=2.0), [rand(2, 9, 3, 3)]),
    "LocalResponseNorm, even": (nn.LocalResponseNorm(4, alpha=2.0), [rand(2, 7, 3, 3)]),
    "Embedding": (nn.Embedding(11, 6), [ints(11, 3, 4)]),
    "Embedding, padding": (nn.Embedding(11, 6, padding_idx=2), [torch.tensor([[2, 1, 2], [0, 5, 10]])]),
    "activations": (
        Tied(
            relu=nn.ReLU(), sigmoid=nn.Sigmoid(), tanh=nn.Tanh(), gelu=nn.GELU(), rough=nn.GELU(approximate="tanh"), silu=nn.SiLU(),
            hardswish=nn.Hardswish(), softplus=nn.Softplus(), leaky=nn.LeakyReLU(), elu=nn.ELU(0.7), prelu=nn.PReLU(5),
            softmax=nn.Softmax(-1), logs=nn.LogSoftmax(1),
        ),
        [rand(3, 5, 2) * 5],
    ),
    "pools": (
        Tied(
            max=nn.MaxPool2d(3, stride=2, padding=1), ceil=nn.MaxPool2d(2, ceil_mode=True), mean=nn.AvgPool2d(3, stride=1, padding=1),
            inner=nn.AvgPool2d(3, stride=2, padding=1, count_include_pad=False), one=nn.AdaptiveAvgPool2d(1), odd=nn.AdaptiveAvgPool2d((3, 4)),
        ),
        [rand(2, 3, 7, 6)],
    ),
    "pools, 1 and 3 axes": (
        Folded(
            max1=(nn.MaxPool1d(3, stride=2, padding=1), (6, 7, 12)), mean1=(nn.AvgPool1d(2, count_include_pad=False), (6, 7, 12)),
            one=(nn.AdaptiveMaxPool1d(5), (6, 7, 12)), few=(nn.AdaptiveAvgPool1d(4), (6, 7, 12)),
            max3=(nn.MaxPool3d((2, 3, 2), stride=(1, 2, 2)), (2, 3, 7, 3, 4)), mean3=(nn.AvgPool3d((2, 2, 1)), (2, 3, 7, 3, 4)),
            max2=(nn.MaxPool2d((2, 3), stride=(1, 2), dilation=(2, 1)), (2, 3, 7, 12)), mean2=(nn.AvgPool2d((3, 2), padding=(1, 0)), (2, 3, 7, 12)),
            most=(nn.AdaptiveMaxPool2d((3, 5)), (2, 3, 7, 12)), third=(nn.AdaptiveAvgPool3d((3, 2, 4)), (2, 3, 7, 3, 4)),
        ),
        [rand(504)],
    ),
    "ConvTranspose1d": (nn.ConvTranspose1d(4, 6, 3, stride=2, padding=1, output_padding=1, groups=2), [rand(2, 4, 7)]),
    "ConvTranspose3d": (nn.ConvTranspose3d(2, 3, (2, 3, 1), stride=(1, 2, 2), bias=False), [rand(1, 2, 3, 4, 2)]),
    "Conv1d, reflected": (nn.Conv1d(3, 4, 5, padding=2, padding_mode="reflect"), [rand(2, 3, 9)]),
    "Conv2d, repeated edge": (nn.Conv2d(3, 4, (3, 5), padding=(1, 2), padding_mode="replicate"), [rand(2, 3, 5, 6)]),
    "Conv2d, circular": (nn.Conv2d(2, 3, 3, padding=(2, 1), stride=2, padding_mode="circular"), [rand(2, 2, 6, 5)]),
    "InstanceNorm1d": (nn.InstanceNorm1d(3, affine=True), [rand(2, 3, 7)]),
    "InstanceNorm2d": (nn.InstanceNorm2d(3, affine=True, track_running_stats=True, momentum=0.3, eps=1e-3), [rand(2, 3, 4, 5)]),
    "InstanceNorm3d": (nn.InstanceNorm3d(2), [rand(2, 2, 3, 2, 3)]),
    "shuffled pixels": (Tied(up=nn.PixelShuffle(2), down=nn.PixelUnshuffle(2)), [rand(2, 8, 4, 6)]),
    "upsampled": (
        Tied(
            nearest=nn.Upsample(scale_factor=2), linear=nn.Upsample(scale_factor=(2, 3), mode="bilinear"), corners=nn.Upsample(size=(7, 5), mode="bilinear", align_corners=True),
            cubic=nn.Upsample(size=(6, 9), mode="bicubic"),
        ),
        [rand(2, 3, 4, 3)],
    ),
    "RNN": (nn.RNN(4, 6), [rand(5, 3, 4)]),
    "RNN, relu, no bias": (nn.RNN(4, 6, nonlinearity="relu", bias=False, batch_first=True), [rand(3, 5, 4), rand(1, 3, 6)]),
    "RNN, stacked, bidirectional": (nn.RNN(4, 5, num_layers=2, bidirectional=True), [rand(5, 3, 4), rand(4, 3, 5)]),
    "LSTM": (nn.LSTM(4, 6, batch_first=True), [rand(3, 5, 4)]),
    "LSTM, stacked, bidirectional": (Call(nn.LSTM(4, 5, num_layers=2, bidirectional=True), lambda m, x, h, c: m(x, (h, c))), [rand(5, 3, 4), rand(4, 3, 5), rand(4, 3, 5)]),
    "GRU": (nn.GRU(4, 6, bias=False), [rand(5, 3, 4), rand(1, 3, 6)]),
    "GRU, stacked, bidirectional": (nn.GRU(4, 5, num_layers=2, bidirectional=True), [rand(5, 3, 4), rand(4, 3, 5)]),
    "LSTMCell": (Call(nn.LSTMCell(4, 6), lambda m, x, h, c: m(x, (h, c))), [rand(3, 4), rand(3, 6), rand(3, 6)]),
    "GRUCell": (nn.GRUCell(4, 6), [rand(3, 4), rand(3, 6)]),
    "RNNCell": (nn.RNNCell(4, 6, nonlinearity="relu"), [rand(3, 4), rand(3, 6)]),
    "MultiheadAttention": (Call(nn.MultiheadAttention(8, 2, batch_first=True), lambda m, x: m(x, x, x, key_padding_mask=hidden, need_weights=False)[0]), [rand(2, 5, 8)]),
    "MultiheadAttention, own sizes": (
        Call(nn.MultiheadAttention(8, 4, kdim=3, vdim=6, bias=False), lambda m, q, k, v: m(q, k, v, attn_mask=slopes, need_weights=False)[0]),
        [rand(3, 2, 8), rand(5, 2, 3), rand(5, 2, 6)],
    ),
    "TransformerEncoderLayer": (Call(nn.TransformerEncoderLayer(8, 2, 16, **quiet), lambda m, x: m(x, src_mask=future)), [rand(5, 2, 8)]),
    "TransformerEncoderLayer, norm first": (
        Call(nn.TransformerEncoderLayer(8, 4, 12, activation="gelu", norm_first=True, batch_first=True, **quiet), lambda m, x: m(x, src_key_padding_mask=hidden)),
        [rand(2, 5, 8)],
    ),
    "TransformerDecoderLayer": (
        Call(nn.TransformerDecoderLayer(8, 2, 16, batch_first=True, **quiet), lambda m, x, y: m(x, y, tgt_mask=future, memory_key_padding_mask=hidden)),
        [rand(2, 5, 8), rand(2, 5, 8)],
    ),
    "TransformerEncoder": (
        nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16, **quiet), 2, norm=nn.LayerNorm(8), enable_nested_tensor=False),
        [rand(5, 2, 8)],
    ),
}

layers |= {
    "more activations": (
        Tied(
            six=nn.ReLU6(), hard=nn.Hardtanh(-0.5, 1.5), rough=nn.Hardsigmoid(), mish=nn.Mish(), selu=nn.SELU(), celu=nn.CELU(0.6), sign=nn.Softsign(),
            logs=nn.LogSigmoid(), tanhs=nn.Tanhshrink(), soft=nn.Softshrink(0.3), none=nn.Hardshrink(1.0), least=nn.Threshold(0.2, -3.0), glu=nn.GLU(1),
            least1=nn.Softmin(1),
        ),
        [rand(3, 6, 2) * 8],
    ),
    "padding of 1 axis": (
        Tied(zero=nn.ConstantPad1d((1, 2), 0.0), number=nn.ConstantPad1d(2, 0.5), mirror=nn.ReflectionPad1d((2, 1)), edge=nn.ReplicationPad1d(3)),
        [rand(2, 3, 5)],
    ),
    "padding of 2 axes": (
        Tied(zero=nn.ZeroPad2d((1, -1, 2, 0)), number=nn.ConstantPad2d((0, 1, 1, 0), -2.0), mirror=nn.ReflectionPad2d((1, 2, 3, 0)), edge=nn.ReplicationPad2d(1)),
        [rand(2, 2, 4, 5)],
    ),
    "padding of 3 axes": (
        Tied(number=nn.ConstantPad3d((0, 1, 1, 0, 2, 1), 3.0), mirror=nn.ReflectionPad3d((1, 0, 1, 1, 0, 1)), edge=nn.ReplicationPad3d((1, 2, 3, 0, 1, 1))),
        [rand(1, 2, 3, 4, 3)],
    ),
    "other shapes": (
        Tied(apart=nn.Unflatten(1, (2, 2)), columns=nn.Unfold((2, 3), padding=(0, 1), stride=2)),
        [rand(2, 4, 5, 6)],
    ),
    "Fold": (nn.Fold((4, 5), (2, 3), padding=(1, 0), stride=(1, 2)), [rand(2, 12, 10)]),
    "Bilinear": (nn.Bilinear(3, 4, 5), [rand(6, 3), rand(6, 4)]),
    "CosineSimilarity": (nn.CosineSimilarity(2), [rand(2, 3, 4), rand(2, 3, 4)]),
    "PairwiseDistance": (nn.PairwiseDistance(p=1, keepdim=True), [rand(5, 4), rand(5, 4)]),
}


def run_layer(module, inputs):
    for parameter in module.parameters():
        # What begins with zeros or ones shows nothing.
        if parameter.dim() == 1:
            parameter.data.uniform_(-1, 1)
    leaves = [x.clone().requires_grad_() if x.is_floating_point() else x for x in inputs]
    before = state(module)
    optimizer = optim.SGD(module.parameters(), lr=0.1, momentum=0.9) if list(module.parameters()) else None
    result = {"inputs": [packed(x) for x in inputs], "state": before}
    for step in range(3):
        outputs = flat(module(*leaves))
        if step == 0:
            targets = [rand(*y.shape) for y in outputs]
        loss = sum(nn.functional.mse_loss(y, target) for y, target in zip(outputs, targets))
        if optimizer:
            optimizer.zero_grad()
        loss.backward()
        if step == 0:
            result["outputs"] = [packed(y) for y in outputs]
            result["targets"] = [packed(y) for y in targets]
            result["inputGradients"] = [packed(x.grad) if x.is_floating_point() else None for x in leaves]
            result["gradients"] = {name: packed(p.grad) for name, p in module.named_parameters()}
        if optimizer:
            optimizer.step()
    result["after"] = state(module)
    module.eval()
    with torch.no_grad():
        result["evaluated"] = packed(flat(module(*inputs))[0])
    return result


F = nn.functional
weights = torch.tensor([0.5, 2.0, 1.0, 0.25])
losses = {
    "cross entropy": lambda x, t: F.cross_entropy(x, t),
    "cross entropy, sum": lambda x, t: F.cross_entropy(x, t, reduction="sum"),
    "cross entropy, weights": lambda x, t: F.cross_entropy(x, t, weight=weights),
    "cross entropy, ignored": lambda x, t: F.cross_entropy(x, t, ignore_index=2),
    "cross entropy, weights, ignored": lambda x, t: F.cross_entropy(x, t, weight=weights, ignore_index=1),
    "cross entropy, smooth": lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2),
    "cross entropy, smooth, weights": lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2, weight=weights),
    "cross entropy, smooth, ignored": lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2, ignore_index=0),
    "cross entropy, smooth, weights, ignored": lambda x, t: F.cross_entropy(x, t, label_smoothing=0.1, weight=weights, ignore_index=0),
    "cross entropy, smooth, none": lambda x, t: F.cross_entropy(x, t, label_smoothing=0.2, weight=weights, reduction="none"),
    "nll": lambda x, t: F.nll_loss(F.log_softmax(x, 1), t),
    "multi margin": lambda x, t: F.multi_margin_loss(x, t, margin=0.8) if x.dim() == 2 else F.cross_entropy(x, t),
    "multi margin, squares": lambda x, t: F.multi_margin_loss(x, t, p=2, reduction="sum") if x.dim() == 2 else F.cross_entropy(x, t),
    "nll, weights, ignored": lambda x, t: F.nll_loss(F.log_softmax(x, 1), t, weight=weights, ignore_index=3),
}
dense = {
    "dense cross entropy": lambda x, y: F.cross_entropy(x, y),
    "dense cross entropy, smooth, weights": lambda x, y: F.cross_entropy(x, y, label_smoothing=0.1, weight=weights),
    "mse": lambda x, y: F.mse_loss(x, y),
    "mse, sum": lambda x, y: F.mse_loss(x, y, reduction="sum"),
    "l1": lambda x, y: F.l1_loss(x, y),
    "bce": lambda x, y: F.binary_cross_entropy_with_logits(x, y),
    "bce, weights": lambda x, y: F.binary_cross_entropy_with_logits(x, y, weight=weights, pos_weight=weights, reduction="sum"),
    "bce, weight": lambda x, y: F.binary_cross_entropy_with_logits(x, y, weight=weights),
    "soft margin": lambda x, y: F.soft_margin_loss(x, torch.sign(y - 0.25)),
    "multi-label soft margin": lambda x, y: F.multilabel_soft_margin_loss(x, y, weight=weights, reduction="none"),
    "bce of probabilities": lambda x, y: F.binary_cross_entropy(torch.sigmoid(x), y),
    "Huber": lambda x, y: F.huber_loss(x, y, delta=0.7),
    "smooth l1": lambda x, y: F.smooth_l1_loss(x, y, beta=0.6, reduction="sum"),
    "smooth l1, 0": lambda x, y: F.smooth_l1_loss(x, y, beta=0.0),
    "KL": lambda x, y: F.kl_div(F.log_softmax(x, 1), y, reduction="batchmean"),
    "KL, logarithms": lambda x, y: F.kl_div(F.log_softmax(x, 1), F.log_softmax(y, 1), log_target=True),
    "margin ranking": lambda x, y: F.margin_ranking_loss(x, 3 * y, torch.sign(y - 0.25), margin=0.3),
    "hinge embedding": lambda x, y: F.hinge_embedding_loss(x, torch.sign(y - 0.25), margin=1.5),
    "cosine embedding": lambda x, y: F.cosine_embedding_loss(x, y, torch.sign(y[:, 0] - 0.25), margin=0.2, reduction="none"),
    "triplet": lambda x, y: F.triplet_margin_loss(x, y, y.flip(0), margin=2.0),
    "triplet, p 1, swapped": lambda x, y: F.triplet_margin_loss(x, y, y.flip(0), margin=3.0, p=1, swap=True, reduction="sum"),
    "Poisson": lambda x, y: F.poisson_nll_loss(x, y),
    "Gauss": lambda x, y: F.gaussian_nll_loss(x, y, y * y),
}
spoken = {
    "CTC": lambda x, t: F.ctc_loss(F.log_softmax(x, 2), t, lengths, counts),
    "CTC, sum, blank last": lambda x, t: F.ctc_loss(F.log_softmax(x, 2), t - 1, lengths, counts, blank=4, reduction="sum"),
    "CTC, none, no infinity": lambda x, t: F.ctc_loss(F.log_softmax(x, 2), t, torch.tensor([9, 2, 6]), counts, reduction="none", zero_infinity=True),
}
lengths, counts = torch.tensor([9, 7, 8]), torch.tensor([3, 4, 1])


def run_loss(apply, x, target):
    x = x.clone().requires_grad_()
    loss = apply(x, target)
    loss.sum().backward()
    return {"x": packed(x), "target": packed(target), "loss": packed(loss), "gradient": packed(x.grad)}


optimizers = {
    "SGD": lambda p: optim.SGD(p, lr=0.1),
    "SGD, momentum": lambda p: optim.SGD(p, lr=0.1, momentum=0.9, dampening=0.3, weight_decay=0.01),
    "SGD, Nesterov": lambda p: optim.SGD(p, lr=0.1, momentum=0.8, nesterov=True),
    "Adam": lambda p: optim.Adam(p),
    "Adam, options": lambda p: optim.Adam(p, lr=0.02, betas=(0.8, 0.95), eps=1e-4, weight_decay=0.1),
    "Adam, amsgrad": lambda p: optim.Adam(p, lr=0.05, amsgrad=True),
    "AdamW": lambda p: optim.AdamW(p),
    "AdamW, options": lambda p: optim.AdamW(p, lr=0.02, weight_decay=0.3, amsgrad=True),
    "Adagrad": lambda p: optim.Adagrad(p),
    "Adagrad, options": lambda p: optim.Adagrad(p, lr=0.1, lr_decay=0.1, weight_decay=0.05, initial_accumulator_value=0.2, eps=1e-3),
    "RAdam": lambda p: optim.RAdam(p, lr=0.01),
    "RAdam, options": lambda p: optim.RAdam(p, lr=0.02, betas=(0.8, 0.6), eps=1e-3, weight_decay=0.1),
    "RMSprop": lambda p: optim.RMSprop(p),
    "RMSprop, options": lambda p: optim.RMSprop(p, lr=0.02, alpha=0.8, eps=1e-3, weight_decay=0.1, momentum=0.7, centered=True),
}
schedules = {
    "step": lambda o: optim.lr_scheduler.StepLR(o, 3, gamma=0.5),
    "milestones": lambda o: optim.lr_scheduler.MultiStepLR(o, [2, 5], gamma=0.3),
    "exponential": lambda o: optim.lr_scheduler.ExponentialLR(o, 0.8),
    "cosine": lambda o: optim.lr_scheduler.CosineAnnealingLR(o, 8, eta_min=0.01),
    "polynomial": lambda o: optim.lr_scheduler.PolynomialLR(o, 6, power=2.0),
    "warm restarts": lambda o: optim.lr_scheduler.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.01),
    "one cycle": lambda o: optim.lr_scheduler.OneCycleLR(o, max_lr=0.1, total_steps=9),
    "warm-up": lambda o: optim.lr_scheduler.LinearLR(o, start_factor=0.25, total_iters=4),
}


def run_optimizer(make, clip=None):
    torch.manual_seed(3)
    module = nn.Linear(6, 4)
    before = state(module)
    x, y = rand(5, 6), rand(5, 4)
    optimizer = make(module.parameters())
    norms = []
    for _ in range(5):
        optimizer.zero_grad()
        F.mse_loss(module(x), y).backward()
        if clip == "norm":
            norms.append(float(nn.utils.clip_grad_norm_(module.parameters(), 0.3)))
        elif clip == "value":
            nn.utils.clip_grad_value_(module.parameters(), 0.05)
        optimizer.step()
    return {"state": before, "x": packed(x), "y": packed(y), "after": state(module), "norms": norms}


def run_schedule(make):
    optimizer = optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1)
    schedule = make(optimizer)
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        schedule.step()
    return rates


scores, classes = rand(6, 4) * 3, ints(4, 6)
images, places = rand(2, 4, 3, 2) * 3, ints(4, 2, 3, 2)
soft = torch.softmax(rand(6, 4), 1)
steps, spelled = rand(9, 3, 5) * 2, torch.tensor([[1, 2, 2, 1], [3, 1, 4, 2], [4, 1, 1, 1]])
result = {
    "torch": torch.__version__,
    "layers": {name: run_layer(*layer) for name, layer in layers.items()},
    "losses": {
        **{name: run_loss(apply, scores, classes) for name, apply in losses.items()},
        **{f"{name}, images": run_loss(apply, images, places) for name, apply in losses.items()},
        **{name: run_loss(apply, scores, soft) for name, apply in dense.items()},
        **{name: run_loss(apply, steps, spelled) for name, apply in spoken.items()},
    },
    "optimizers": {
        **{name: run_optimizer(make) for name, make in optimizers.items()},
        "clipped norm": run_optimizer(optimizers["SGD"], "norm"),
        "clipped values": run_optimizer(optimizers["SGD"], "value"),
    },
    "schedules": {name: run_schedule(make) for name, make in schedules.items()},
}
json.dump(result, sys.stdout)
