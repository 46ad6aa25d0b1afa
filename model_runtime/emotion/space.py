"""The networks that lead into the one space of feelings: [.., n] -> [.., 128] on the unit sphere."""

import torch
from torch import nn
from torch.nn import functional as F

from contract import CHANNELS
from model_runtime.emotion.labels import LABELS, SIZE
from model_runtime.emotion.voice import FEATURES

SENTENCE = 384  # all-MiniLM-L6-v2


class Adapter(nn.Sequential):
    """Three layers from an encoder's features to a point of the unit sphere."""

    def __init__(self, features, hidden=256, dropout=0.1):
        super().__init__(
            nn.Linear(features, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(hidden, SIZE),
        )

    def forward(self, x):
        return F.normalize(super().forward(x), dim=-1)


class VoiceEncoder(nn.Module):
    """Voice features [B, N, FEATURES] at 100 Hz -> points [B, N/4, 128] at 25 Hz, each heard over the 2 s around it."""

    window = 51  # frames at 25 Hz

    def __init__(self, width=64):
        super().__init__()
        self.register_buffer("mean", torch.zeros(FEATURES))
        self.register_buffer("std", torch.ones(FEATURES))
        self.conv = nn.Sequential(
            nn.Conv1d(FEATURES, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(width, width, 5, stride=2, padding=2),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Conv1d(width, width, 5, padding=2),
            nn.GELU(),
        )
        self.adapter = Adapter(3 * width, 128, dropout=0.3)

    def pooled(self, features):
        """-> [B, N/4, 3 * width]: mean, standard deviation and maximum over the window."""
        x = self.conv(((features - self.mean) / self.std).transpose(1, 2))  # [B, width, n]
        half = self.window // 2
        average = lambda y: F.avg_pool1d(y, self.window, 1, half, count_include_pad=False)
        mean = average(x)
        spread = (average(x * x) - mean * mean).clamp(min=1e-6).sqrt()
        return torch.cat([mean, spread, F.max_pool1d(x, self.window, 1, half)], 1).transpose(1, 2)

    def forward(self, features):
        return self.adapter(self.pooled(features))


class MotionEncoder(nn.Module):
    """Motion values [B, T, 65] -> points [B, 128]: every frame through a small network, then the maximum over time."""

    def __init__(self, width=128):
        super().__init__()
        self.register_buffer("mean", torch.zeros(CHANNELS))
        self.register_buffer("std", torch.ones(CHANNELS))
        self.frame = nn.Sequential(nn.Linear(CHANNELS, width), nn.GELU(), nn.Dropout(0.1), nn.Linear(width, width), nn.GELU())
        self.adapter = Adapter(2 * width, 128, dropout=0.2)

    def forward(self, values):
        x = self.frame((values - self.mean) / self.std)
        return self.adapter(torch.cat([x.amax(1), x.mean(1)], -1))


class Space(nn.Module):
    """The networks that lead into the space, and the label points that read it: probabilities = softmax(cosine / temperature)."""

    def __init__(self):
        super().__init__()
        self.words = Adapter(SENTENCE, dropout=0.2)
        self.voice = VoiceEncoder()
        self.motion = MotionEncoder()
        self.points = nn.Parameter(torch.randn(len(LABELS), SIZE))
        self.sharpness = nn.Parameter(torch.tensor(2.3))  # log of 1 / temperature

    def labels(self):
        """-> [8, 128] unit."""
        return F.normalize(self.points, dim=-1)

    def logits(self, points):
        """points [.., 128] unit -> [.., 8]."""
        return points @ self.labels().T * self.sharpness.exp()
