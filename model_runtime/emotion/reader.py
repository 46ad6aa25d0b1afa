"""The network that reads a prompt: which emotions, how much of them, held back or let go, or nothing of a feeling."""

from typing import NamedTuple

import torch
from torch import nn

from model_runtime.emotion.labels import LABELS

NOTHING = len(LABELS)  # the class after the labels: says nothing of a feeling
CLASSES = len(LABELS) + 1
FEATURES = {"minilm": 384, "use": 512}  # of each sentence encoder (words.py)
FORMAT = 1  # of words.safetensors


class Reading(NamedTuple):
    """What prompts say: shares [n, 9] of the labels and of nothing, which sum to 1; strength [n] and control [n], 0 to 1.

    control: 0 held back, 1 let go.
    """

    shares: torch.Tensor
    strength: torch.Tensor
    control: torch.Tensor


class Reader(nn.Module):
    """A network for each sentence encoder. What they say is added up, so each also reads alone where the other is not installed."""

    def __init__(self, width=256):
        super().__init__()
        network = lambda size: nn.Sequential(
            nn.Linear(size, width),
            nn.GELU(),
            nn.Dropout(0.4),
            nn.Linear(width, width),
            nn.GELU(),
            nn.Dropout(0.4),
            nn.Linear(width, CLASSES + 2),
        )
        self.networks = nn.ModuleDict({name: network(size) for name, size in FEATURES.items()})

    def outputs(self, features):
        """{encoder: [n, its size]} -> [n, 11]: logits of the shares, of strength and of control."""
        found = [self.networks[name](x) for name, x in features.items()]
        total = sum(found)
        return torch.cat([total[:, :CLASSES], total[:, CLASSES:] / len(found)], 1)

    def forward(self, features):
        out = self.outputs(features)
        return Reading(out[:, :CLASSES].softmax(-1), out[:, CLASSES].sigmoid(), out[:, CLASSES + 1].sigmoid())
