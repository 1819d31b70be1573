"""Training steps in PyTorch on one thread: a line with a name of a step builds it, an empty line makes one step and answers with milliseconds and loss."""
import sys, time

try:
    import torch
except ImportError:
    print("absent", flush=True)
    sys.exit(0)
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)
clock = time.process_time if sys.argv[1] == "cpu" else time.perf_counter


class Rows(nn.Module):
    def __init__(self):
        super().__init__()
        self.lstm = nn.LSTM(28, 128, batch_first=True)
        self.head = nn.Linear(128, 10)

    def forward(self, x):
        return self.head(self.lstm(x)[1][0][0])


class LanguageModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(5000, 128)
        self.position = nn.Parameter(torch.zeros(64, 128), requires_grad=False)
        self.layers = nn.ModuleList(
            nn.TransformerEncoderLayer(128, 4, 512, 0.0, "gelu", batch_first=True) for _ in range(2)
        )
        self.head = nn.Linear(128, 5000)
        self.register_buffer("mask", torch.full((64, 64), float("-inf")).triu(1))

    def forward(self, x):
        x = self.embedding(x) + self.position
        for layer in self.layers:
            x = layer(x, self.mask)
        return self.head(x.reshape(-1, 128))


def build(key):
    x = torch.rand(100, 784)
    labels = torch.randint(0, 10, (100,))
    if key == "mlp":
        model = nn.Sequential(nn.Linear(784, 256), nn.Sigmoid(), nn.Linear(256, 256), nn.Sigmoid(), nn.Linear(256, 10))
    elif key == "cnn":
        x = x.reshape(100, 1, 28, 28)
        model = nn.Sequential(
            nn.Conv2d(1, 32, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(32, 64, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2),
            nn.Flatten(), nn.Linear(3136, 1024), nn.ReLU(), nn.Linear(1024, 10),
        )
    elif key == "lstm":
        x = x.reshape(100, 28, 28)
        model = Rows()
    else:
        tokens = torch.randint(0, 5000, (32, 65))
        x, labels = tokens[:, :-1].contiguous(), tokens[:, 1:].reshape(-1)
        model = LanguageModel()
    return model, torch.optim.Adam([p for p in model.parameters() if p.requires_grad], 1e-3), x, labels


print(f"ready {torch.__version__}", flush=True)
step = None
for line in sys.stdin:
    key = line.strip()
    if key:
        step = build(key)
        print("built", flush=True)
        continue
    model, optimizer, x, labels = step
    start = clock()
    loss = nn.functional.cross_entropy(model(x), labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad()
    value = loss.item()
    print((clock() - start) * 1000, value, flush=True)
