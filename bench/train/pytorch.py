"""Training steps in PyTorch on one thread: a line with a name of a step builds it, an empty line makes one step and answers with milliseconds, loss and
the most megabytes that the process has held since the step was built, beyond what it held after importing PyTorch."""
import ctypes, gc, re, sys, time

try:
    import torch
except ImportError:
    print("absent", flush=True)
    sys.exit(0)
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)
clock = time.process_time if sys.argv[1] == "cpu" else time.perf_counter
cross_entropy = nn.functional.cross_entropy


class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[1][0][0])


class LanguageModel(nn.Module):
    def __init__(self, size, layers):
        super().__init__()
        self.embedding = nn.Embedding(5000, size)
        self.position = nn.Parameter(torch.zeros(64, size), requires_grad=False)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(size, 4, 4 * size, 0.0, "gelu", batch_first=True) for _ in range(layers)
        )
        self.head = nn.Linear(size, 5000)
        self.register_buffer("mask", torch.full((64, 64), float("-inf")).triu(1))

    def forward(self, x):
        x = self.embedding(x) + self.position
        for layer in self.layers:
            x = layer(x, self.mask)
        return self.head(x.reshape(-1, x.shape[-1]))


class HouseNumberReader(nn.Module):
    def __init__(self):
        super().__init__()
        blocks, sizes = [], [1, 16, 32, 64]
        for inputs, outputs in zip(sizes, sizes[1:]):
            # PyTorch divides alpha by the size.
            norm = nn.LocalResponseNorm(11, alpha=0.1 * 11, beta=0.75, k=1.0)
            blocks += [nn.Conv2d(inputs, outputs, 4, padding="same"), nn.ReLU(), norm, nn.MaxPool2d(2)]
        dense, sizes = [nn.Flatten()], [1024, 128, 64, 16]
        for inputs, outputs in zip(sizes, sizes[1:]):
            dense += [nn.Linear(inputs, outputs), nn.ReLU(), nn.Dropout(0.2)]
        self.features = nn.Sequential(*blocks, *dense)
        self.heads = nn.ModuleList(nn.Linear(16, classes) for classes in [7, 10, 10, 10, 10, 10])

    def forward(self, x):
        features = self.features(x)
        return [head(features) for head in self.heads]


class Captioner(nn.Module):
    def __init__(self, decoder, words):
        super().__init__()
        self.begin = nn.Linear(1280, 512)
        self.embedding = nn.Embedding(words, 256)
        self.decoder = decoder(256, 512, batch_first=True)
        self.head = nn.Linear(512, words)

    def forward(self, features, tokens):
        h = self.begin(features).unsqueeze(0)
        state = (h, torch.zeros_like(h)) if isinstance(self.decoder, nn.LSTM) else h
        return self.head(self.decoder(self.embedding(tokens), state)[0]).flatten(0, 1)


class AttentionCaptioner(nn.Module):
    """i, f, o, g = x W_x + h W_h + a W_attn + b, where a is the mean of A weighted by softmax(h · A / sqrt(H))."""

    def __init__(self, words):
        super().__init__()
        self.project = nn.Linear(1280, 512)
        self.embedding = nn.Embedding(words, 256)
        self.input = nn.Linear(256, 4 * 512)
        self.recurrent = nn.Linear(512, 4 * 512, bias=False)
        self.attended = nn.Linear(512, 4 * 512, bias=False)
        self.head = nn.Linear(512, words)

    def forward(self, features, tokens):
        places = self.project(features)
        h = c = places.mean(1)
        states = []
        for x in self.input(self.embedding(tokens)).unbind(1):
            weights = torch.softmax(torch.bmm(places, h.unsqueeze(2)).squeeze(2) / 512**0.5, 1)
            context = torch.bmm(weights.unsqueeze(1), places).squeeze(1)
            i, f, o, g = (x + self.recurrent(h) + self.attended(context)).chunk(4, 1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            states.append(h)
        return self.head(torch.stack(states, 1)).flatten(0, 1)


def sequences(batch, length, words):
    tokens = torch.randint(0, words, (batch, length + 1))
    return tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)


def classifier(model, x, labels):
    return model, lambda: cross_entropy(model(x), labels)


def captioner(model, batch, length, words, *places):
    features = torch.rand(batch, *places, 1280)
    tokens, labels = sequences(batch, length, words)
    return model, lambda: cross_entropy(model(features, tokens), labels, ignore_index=0)


def build(key):
    x = torch.rand(100, 784)
    labels = torch.randint(0, 10, (100,))
    if key == "mlp":
        layers = [nn.Linear(784, 256), nn.Sigmoid(), nn.Linear(256, 256), nn.Sigmoid(), nn.Linear(256, 10)]
        return classifier(nn.Sequential(*layers), x, labels)
    if key == "cnn":
        layers = [nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2)]
        layers += [nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Linear(1024, 10)]
        return classifier(nn.Sequential(*layers), x.reshape(100, 1, 28, 28), labels)
    if key == "lstm":
        return classifier(Rows(), x.reshape(100, 28, 28), labels)
    if key == "lm":
        return classifier(LanguageModel(128, 2), *sequences(32, 64, 5000))
    if key == "lm-256":
        return classifier(LanguageModel(256, 4), *sequences(32, 64, 5000))
    if key in ["house", "house-generated"]:
        model, x = HouseNumberReader(), torch.rand(100, 1, 32, 32)
        targets = [torch.randint(0, classes, (100,)) for classes in [7, 10, 10, 10, 10, 10]]
        return model, lambda: sum(cross_entropy(scores, target) for scores, target in zip(model(x), targets))
    if key == "caption-rnn":
        return captioner(Captioner(nn.RNN, 1004), 50, 17, 1004)
    if key == "caption-lstm":
        return captioner(Captioner(nn.LSTM, 1004), 50, 17, 1004)
    if key == "caption-attention":
        return captioner(AttentionCaptioner(1004), 50, 17, 1004, 16)
    if key == "caption-attention-3000":
        return captioner(AttentionCaptioner(3000), 64, 20, 3000, 16)
    raise ValueError(key)


def megabytes(field):
    with open("/proc/self/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(field)) / 1000


def blas():
    """The library that multiplies matrices: Debian's reference one is many times slower than OpenBLAS."""
    torch.mm(torch.ones(8, 8), torch.ones(8, 8))
    with open("/proc/self/maps") as maps:
        found = re.findall(r"/lib(openblas|blis|mkl_core|blas)[^/]*$", maps.read(), re.MULTILINE)
    return next((name for name in ["openblas", "blis", "mkl_core"] if name in found), "reference BLAS")


print(f"ready {torch.__version__} ({blas()})", flush=True)
imported = megabytes("VmRSS")
for line in sys.stdin:
    key = line.strip()
    if key:
        model = loss_of = optimizer = loss = None
        gc.collect()
        ctypes.CDLL("libc.so.6").malloc_trim(0)
        # The high-water mark begins anew.
        with open("/proc/self/clear_refs", "w") as file:
            file.write("5")
        model, loss_of = build(key)
        optimizer = torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3)
        print("built", flush=True)
        continue
    start = clock()
    loss = loss_of()
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    value = loss.item()
    took = (clock() - start) * 1000
    print(took, value, megabytes("VmHWM") - imported, flush=True)
