"""What reads a prompt: which emotions, how much of them, held back or let go, or nothing of a feeling.

A network says all of it; which emotions is also a vote of the written phrases nearest to the prompt (k nearest neighbours).
"""

from typing import NamedTuple

import torch
from torch import nn
from torch.nn import functional as F

from model_runtime.emotion.labels import LABELS

NOTHING = len(LABELS)  # the class after the labels: says nothing of a feeling
CLASSES = len(LABELS) + 1
FEATURES = {"minilm": 384, "use": 512}  # of each sentence encoder that a network reads (words.py)
VOTERS = {"changed": 384, "use": 512}  # of each by which phrases are near; "changed" is MiniLM with what was learned added to it
WEIGHTS = {"changed": 0.5, "use": 1.0, "text": 1.0}  # of their cosines in the mean; "text" is an encoder of the artist's, which is alone
FORMAT = 3  # of words.safetensors
KEY = 128  # numbers of a phrase that are kept of each encoder: its principal components, in 127ths
NEAREST, SHARPNESS = 40, 25.0  # how many phrases vote, and how much more the nearer ones count
VOTE, SURER = 0.7, 2.0  # the vote's part of the shares; the power that makes the mean as sure as the networks are
CHANGES = "minilm."  # what the names of changes of MiniLM's weights begin with in words.safetensors


def write_changes(changes):
    """{name of a weight: (down, up)} (words.SentenceEncoder) -> tensors {name: tensor}."""
    return {f"{CHANGES}{name}.{part}": x for name, pair in changes.items() for part, x in zip(("down", "up"), pair)}


def take_changes(tensors):
    """Take write_changes' tensors out of {name: tensor} -> {name of a weight: (down, up)}, float32."""
    names = {name.removeprefix(CHANGES).rpartition(".")[0] for name in tensors if name.startswith(CHANGES)}
    return {name: tuple(tensors.pop(f"{CHANGES}{name}.{part}").float() for part in ("down", "up")) for name in sorted(names)}


class Reading(NamedTuple):
    """What prompts say: shares [n, 9] of the labels and of nothing, which sum to 1; strength [n] and control [n], 0 to 1.

    control: 0 held back, 1 let go.
    """

    shares: torch.Tensor
    strength: torch.Tensor
    control: torch.Tensor


class Reader(nn.Module):
    """A network and remembered phrases for each sentence encoder. What they say is added up, so each package also reads alone."""

    def __init__(self, width=256, phrases=0, features=FEATURES, voters=VOTERS):
        """phrases: how many are remembered (`remember`); with none, the networks read alone. features, voters: {encoder: its size}."""
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
        self.features, self.voters = features, voters
        self.networks = nn.ModuleDict({name: network(size) for name, size in features.items()})
        for name, size in voters.items():
            self.register_buffer(f"components_{name}", torch.zeros(size, min(size, KEY)))
            self.register_buffer(f"keys_{name}", torch.zeros(phrases, min(size, KEY), dtype=torch.int8))
        self.register_buffer("votes", torch.zeros(phrases, CLASSES + 1))
        self.changes = {}  # what is added to MiniLM's weights to give "changed" (take_changes)

    def outputs(self, features):
        """{encoder: [n, its size]} -> [n, 11]: logits of the shares, of strength and of control."""
        found = [self.networks[name](x) for name, x in features.items() if name in self.networks]
        total = sum(found)
        return torch.cat([total[:, :CLASSES], total[:, CLASSES:] / len(found)], 1)

    def remember(self, features, shares, control):
        """Keep n phrases: features {encoder: [n, its size]}, of all voters; shares [n, 9] and control [n], as they were written."""
        self.votes = torch.cat([shares, control[:, None]], 1)
        for name in self.voters:
            x = F.normalize(features[name], dim=-1)
            setattr(self, f"components_{name}", torch.linalg.eigh(x.T @ x).eigenvectors[:, -KEY:].contiguous())
            setattr(self, f"keys_{name}", (127 * self._key(name, x)).round().to(torch.int8))

    def _key(self, name, x):
        """An encoder's [n, its size] -> [n, KEY] of length 1."""
        return F.normalize(F.normalize(x, dim=-1) @ getattr(self, f"components_{name}"), dim=-1)

    def vote(self, features):
        """{encoder: [n, its size]} -> shares and control [n, 10] of the nearest phrases, by the mean of the encoders' cosines."""
        names = [name for name in self.voters if name in features]
        cosines = (WEIGHTS[name] * self._key(name, features[name]) @ (getattr(self, f"keys_{name}").float() / 127).T for name in names)
        near = sum(cosines) / sum(WEIGHTS[name] for name in names)
        near, which = near.topk(min(NEAREST, len(self.votes)), dim=1)
        weights = (SHARPNESS * near).softmax(1)
        return (weights[..., None] * self.votes[which]).sum(1)

    def forward(self, features):
        out = self.outputs(features)
        shares, control = out[:, :CLASSES].softmax(-1), out[:, CLASSES + 1].sigmoid()
        if len(self.votes):
            voted = self.vote(features)
            shares = ((1 - VOTE) * shares + VOTE * voted[:, :CLASSES]) ** SURER
            shares = shares / shares.sum(-1, keepdim=True)
            control = (control + voted[:, CLASSES] - 0.5).clamp(0, 1)  # most phrases are plain, .5: what is not is added up
        return Reading(shares, out[:, CLASSES].sigmoid(), control)


def own_reader(size, phrases=0):
    """A Reader over a text encoder of the artist's (text_encoder.py), whose features have that size."""
    return Reader(phrases=phrases, features={"text": size}, voters={"text": size})
