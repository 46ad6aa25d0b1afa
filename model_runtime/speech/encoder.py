"""The shipped speech encoder: a small network that hears phones in any voice.

Log-mel bands at 100 Hz -> two convolutions (the second halves the rate) -> residual blocks of a dilated depthwise convolution
and a two-layer perceptron (Liu et al. 2022, "A ConvNet for the 2020s", section 2) -> two gated recurrent layers that read forwards
and backwards -> logits of 40 phones and 12 articulatory facts at 50 Hz. A long voice is heard in chunks that overlap by EDGE on
either side. What lies further away hardly counts: in chunks of 5 s with 4 s beside them a posterior of six dev clips moved by 0.1 at
most, in 99 frames of 100 by less than 0.04.
"""

from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.speech import features
from model_runtime.speech.content import ARTICULATORY, COLUMNS, FPS, HOP, NAMES, PHONES, PROSODY, SHIPPED, frames_of

WEIGHTS = Path(__file__).resolve().parents[2] / "blender_assets" / "models" / "encoder.safetensors"
FORMAT = 1
VERSION = "2"
WIDTH, KERNEL, DILATIONS = 256, 5, (1, 2, 4)
MEMORY, DROPOUT = 256, 0.2  # of the recurrent layers, each way
CHUNK, EDGE = 60 * FPS, 5 * FPS  # Content frames heard at once, and beside them


class Block(nn.Module):
    """[B, T, WIDTH] -> the same."""

    def __init__(self, dilation):
        super().__init__()
        self.mix = nn.Conv1d(WIDTH, WIDTH, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation, groups=WIDTH)
        self.norm = nn.LayerNorm(WIDTH)
        self.up, self.down = nn.Linear(WIDTH, 2 * WIDTH), nn.Linear(2 * WIDTH, WIDTH)

    def forward(self, x):
        y = self.mix(x.transpose(1, 2)).transpose(1, 2)  # [B, T, WIDTH]
        return x + self.down(F.gelu(self.up(self.norm(y))))


class Network(nn.Module):
    """Log-mel [B, 2 T, BANDS], already levelled -> logits [B, T, 52]."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(features.BANDS, 192, 5, padding=2)
        self.second = nn.Conv1d(192, WIDTH, 5, stride=2, padding=2)  # output i is centred on mel frame 2 i
        self.blocks = nn.ModuleList(Block(dilation) for dilation in DILATIONS)
        self.norm = nn.LayerNorm(WIDTH)
        self.context = nn.GRU(WIDTH, MEMORY, 2, batch_first=True, dropout=DROPOUT, bidirectional=True)
        self.drop = nn.Dropout(DROPOUT)
        self.out = nn.Linear(WIDTH + 2 * MEMORY, ARTICULATORY.stop)

    def forward(self, mel):
        x = F.gelu(self.first(mel.transpose(1, 2)))  # [B, 192, 2 T]
        x = F.gelu(self.second(x)).transpose(1, 2)  # [B, T, WIDTH]
        for block in self.blocks:
            x = block(x)
        x = self.drop(self.norm(x))
        around, _ = self.context(x)  # [B, T, 2 MEMORY]
        return self.out(torch.cat([x, self.drop(around)], -1))  # [B, T, 52]


def levelled(mel, level):
    """Log-mel of a voice whose loud moments have that level (dB): shifted so that every voice is equally loud, and scaled.

    The floor is about 85 dB below that, so that digital silence between takes looks like the silence of a studio.
    """
    return ((mel - level * (np.log(10) / 10) - 3.0) / 4.0).clamp(min=-5.0)


class Encoder:
    """The trained network on a device (torch.device)."""

    kind = SHIPPED  # what a generator is told that it learned from

    def __init__(self, network, device):
        self.network, self.device = network.eval().to(device), device

    @torch.inference_mode()
    def hear(self, samples, progress=lambda fraction: None):
        """Posteriors float32 [frames_of(N), 52], phones and articulatory facts, of float32 [N] at 16 kHz: what encode()
        gives, without prosody."""
        samples = np.ascontiguousarray(samples, np.float32)
        heard = np.zeros((frames_of(len(samples)), ARTICULATORY.stop), np.float32)
        level = features.loud_level(features.loudness(samples))
        for first in range(0, len(heard), CHUNK):
            last = min(first + CHUNK, len(heard))
            start, stop = max(first - EDGE, 0), min(last + EDGE, len(heard))
            piece = torch.from_numpy(samples[start * HOP : stop * HOP]).to(self.device)
            mel = features.log_mel(piece)[None, : 2 * (stop - start)]
            logits = self.network(levelled(mel, level))[0, first - start : last - start]
            heard[first:last, PHONES] = logits[:, PHONES].softmax(-1).cpu().numpy()
            heard[first:last, ARTICULATORY] = logits[:, ARTICULATORY].sigmoid().cpu().numpy()
            progress(last / len(heard))
        return heard

    def encode(self, samples, progress=lambda fraction: None):
        """Content float32 [frames_of(N), 55] of float32 [N] at 16 kHz, any length, in bounded memory. progress hears 0..1."""
        samples = np.ascontiguousarray(samples, np.float32)
        content = np.empty((frames_of(len(samples)), COLUMNS), np.float32)
        content[:, : ARTICULATORY.stop] = self.hear(samples, progress)
        content[:, PROSODY] = features.prosody(samples)
        return content


def load_encoder(device="cpu", path=WEIGHTS):
    """The Encoder with the shipped weights, or those of path. UtterError if the file is missing, damaged or of another kind."""
    path = Path(path)
    weights, about = checkpoints.read(path, FORMAT, "install Utter again or run `python build.py train speech`")
    if about.get("names") != " ".join(NAMES) or about.get("version") != VERSION:
        raise UtterError(f"{path.name} belongs to another version of Utter; install Utter again.", str(about)[:500])
    network = Network()
    checkpoints.load_into(network, {name: value.float() for name, value in weights.items()}, path.name)
    return Encoder(network, torch.device(device))


def save_network(network, path, **about):
    """Write the weights in half precision as safetensors, with what load_encoder checks and `about` (strings) as metadata."""
    weights = {name: tensor.detach().cpu().half().contiguous() for name, tensor in network.state_dict().items()}
    checkpoints.write(weights, path, FORMAT, {"names": " ".join(NAMES), "fps": str(FPS), "version": VERSION, **about})
