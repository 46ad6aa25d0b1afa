"""The shipped speech encoder: Whisper's, which has heard 680,000 hours of speech, under two small heads that say what the mouth does.

Log-mel bands at 100 Hz as Whisper reads them -> its two convolutions (the second halves the rate) and its first LAYERS layers
(Radford et al. 2022, "Robust Speech Recognition via Large-Scale Weak Supervision", section 2.2), unchanged -> the hidden states after
the layers HEARD, side by side -> residual blocks of a dilated depthwise convolution and a two-layer perceptron (Liu et al. 2022, "A
ConvNet for the 2020s", section 2) -> logits of 40 phones and 12 articulatory facts at 50 Hz, and beside them, by a smaller head of the
same kind, the mouth curves.

Whisper pads every voice to 30 s. Here its table of positions is cut to the longest window, and a short voice costs what it lasts. A
long one is heard in windows that overlap by EDGE on either side.
"""

from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from contract import UtterError
from model_runtime import checkpoints
from model_runtime.audio import RATE
from model_runtime.cores import spread
from model_runtime.speech import features
from model_runtime.speech.content import ARTICULATORY, COLUMNS, CURVES, FPS, HOP, MOUTH, NAMES, PHONES, PROSODY, SHIPPED, frames_of

WEIGHTS = Path(__file__).resolve().parents[2] / "blender_assets" / "models" / "encoder.safetensors"
FORMAT = 1
VERSION = "3"
EARLY = 128  # samples: the network hears closures begin so early (dev speakers: 9 ms by EmoDB's hand labels, 4 in synthetic voices)
CHUNK, EDGE = 8 * FPS, 1 * FPS  # Content frames heard at once, and beside them
BANDS, FFT, STEP = 80, 400, HOP // 2  # Whisper's: windows of 25 ms every 10 ms; mel frame j is centred on j / 100 s
LOUD = -20.0  # dB: the level that a voice's loud moments are brought to, before ...
FLOOR = -7.2  # ... powers (log10) below this are silence, as for Whisper all that is 80 dB under the loudest
WIDTH, HEAD, LAYERS, HEARD = 512, 64, 4, (2, 3, 4)  # of Whisper's encoder
READ = len(HEARD) * WIDTH + 2 * BANDS  # what the head reads of a frame
KERNEL, DILATIONS = 5, (1, 2, 4)  # of both heads ...
PHONETIC, MOUTHED = (256, 0.1), (128, 0.4)  # ... their widths, and dropout: the mouth's learns from two people


@cache
def mel_filters():
    """Whisper's triangular filters, torch [FFT // 2 + 1, BANDS]."""
    from transformers.audio_utils import mel_filter_bank

    filters = mel_filter_bank(FFT // 2 + 1, BANDS, 0.0, RATE / 2, RATE, norm="slaney", mel_scale="slaney")
    return torch.from_numpy(filters.astype(np.float32))


def log_mel(samples, level=LOUD):
    """What Whisper reads of torch [..., N] samples whose loud moments have that level (dB): [..., (N - FFT) // STEP + 1, BANDS].

    The first window begins with the samples, so its frame is the moment FFT / 2 samples later (`around` cuts pieces for it). The level
    is the whole voice's, so that a window of it looks the same as all of it.
    """
    windows = samples.unfold(-1, FFT, STEP) * torch.hann_window(FFT, device=samples.device)
    power = torch.fft.rfft(windows).abs().square() @ mel_filters().to(samples.device)
    return (power.clamp(min=1e-20).log10() + (LOUD - level) / 10).clamp(min=FLOOR) / 4 + 1


def around(samples, start, stop, before=0):
    """The samples of which log_mel makes the 2 (stop - start) mel frames of the Content frames from start to before stop; before: so many
    samples earlier."""
    return features.cut(samples, start * HOP - FFT // 2 - before, stop * HOP - STEP + FFT // 2 - before)


class Block(nn.Module):
    """[B, T, width] -> the same."""

    def __init__(self, width, dilation):
        super().__init__()
        self.mix = nn.Conv1d(width, width, KERNEL, padding=KERNEL // 2 * dilation, dilation=dilation, groups=width)
        self.norm = nn.LayerNorm(width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x):
        y = self.mix(x.transpose(1, 2)).transpose(1, 2)  # [B, T, width]
        return x + self.down(F.gelu(self.up(self.norm(y))))


class Head(nn.Module):
    """What Network.listen gives [B, T, READ] -> [B, T, columns]."""

    def __init__(self, columns, width, dropout):
        super().__init__()
        self.read = nn.Linear(READ, width)
        self.blocks = nn.ModuleList(Block(width, dilation) for dilation in DILATIONS)
        self.norm, self.drop = nn.LayerNorm(width), nn.Dropout(dropout)
        self.out = nn.Linear(width, columns)

    def forward(self, x):
        x = self.read(self.drop(x))
        for block in self.blocks:
            x = block(x)
        return self.out(self.drop(self.norm(x)))


class Attention(nn.Module):
    """Every frame of a window with all of them: [B, T, width] -> the same."""

    def __init__(self, width):
        super().__init__()
        self.q_proj, self.v_proj, self.out_proj = (nn.Linear(width, width) for _ in range(3))
        self.k_proj = nn.Linear(width, width, bias=False)

    def forward(self, x):
        heads = (project(x).unflatten(-1, (-1, HEAD)).transpose(1, 2) for project in (self.q_proj, self.k_proj, self.v_proj))
        return self.out_proj(F.scaled_dot_product_attention(*heads).transpose(1, 2).flatten(2))


class Layer(nn.Module):
    """One of Whisper's: [B, T, width] -> the same."""

    def __init__(self, width):
        super().__init__()
        self.self_attn_layer_norm, self.final_layer_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.self_attn = Attention(width)
        self.fc1, self.fc2 = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.self_attn(self.self_attn_layer_norm(x))
        return x + self.fc2(F.gelu(self.fc1(self.final_layer_norm(x))))


class Whisper(nn.Module):
    """The beginning of Whisper's encoder: log_mel [B, 2 T, BANDS] -> the hidden states after each layer, [B, T, width] each.

    Its parts have the names that transformers' WhisperEncoder gives them. Importing that one takes longer than all the rest of loading.
    """

    def __init__(self, width=WIDTH, layers=LAYERS):
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, stride=2, padding=1)  # output i is centred on mel frame 2 i
        self.embed_positions = nn.Embedding(CHUNK + 2 * EDGE, width)
        self.layers = nn.ModuleList(Layer(width) for _ in range(layers))

    def forward(self, mel):
        x = F.gelu(self.conv2(F.gelu(self.conv1(mel.transpose(1, 2))))).transpose(1, 2)
        x = x + self.embed_positions.weight[: x.shape[1]]
        states = []
        for layer in self.layers:
            x = layer(x)
            states.append(x)
        return states


class Network(nn.Module):
    """log_mel [B, 2 T, BANDS], T at most CHUNK + 2 EDGE -> (logits [B, T, 52], mouth curves [B, T, 4]). Only the heads learn."""

    def __init__(self):
        super().__init__()
        self.whisper = Whisper().requires_grad_(False)
        self.head, self.mouth = Head(ARTICULATORY.stop, *PHONETIC), Head(len(CURVES), *MOUTHED)

    def listen(self, mel):
        """What the head reads, [B, T, READ]: hidden states, each frame's normalised, and the sound itself."""
        states = self.whisper(mel)
        heard = [F.layer_norm(states[number - 1], states[0].shape[-1:]) for number in HEARD]
        return torch.cat([*heard, mel.reshape(*states[0].shape[:2], -1)], -1)

    def forward(self, mel):
        heard = self.listen(mel)
        return self.head(heard), self.mouth(heard)


class Encoder:
    """The trained network on a device (torch.device)."""

    kind = SHIPPED  # what a generator is told that it learned from

    def __init__(self, network, device):
        self.network, self.device = network.eval().to(device), device

    def listen(self, samples, read):
        """What the network's parts make of float32 [N] at 16 kHz, window by window on the cores that are free: (first, last, what
        read(beside, own) gives) of the Content frames from first to before last; beside [1, n, READ] is what the heads read of the window,
        own the slice of it that these frames are."""
        samples = np.ascontiguousarray(samples, np.float32)
        frames = frames_of(len(samples))
        level = features.loud_level(features.loudness(samples))

        @torch.inference_mode()
        def window(first):
            last = min(first + CHUNK, frames)
            start, stop = max(first - EDGE, 0), min(last + EDGE, frames)
            piece = torch.from_numpy(around(samples, start, stop, EARLY)).to(self.device)
            return first, last, read(self.network.listen(log_mel(piece, level)[None]), slice(first - start, last - start))

        yield from spread(window, range(0, frames, CHUNK), self.device.type == "cpu")

    @torch.inference_mode()
    def hear(self, samples, progress=lambda fraction: None, hand=None):
        """What encode() gives without prosody, float32 [frames_of(N), 56], of float32 [N] at 16 kHz."""
        network, heard = self.network, np.zeros((frames_of(len(samples)), MOUTH.stop), np.float32)
        read = lambda beside, own: (network.head(beside)[0, own], network.mouth(beside)[0, own], beside[0, own] if hand else None)
        for first, last, (logits, mouth, beside) in self.listen(samples, read):
            heard[first:last, PHONES] = logits[:, PHONES].softmax(-1).cpu().numpy()
            heard[first:last, ARTICULATORY] = logits[:, ARTICULATORY].sigmoid().cpu().numpy()
            heard[first:last, MOUTH] = mouth.cpu().numpy()
            if hand:
                hand(beside)
            progress(last / len(heard))
        return heard

    def encode(self, samples, progress=lambda fraction: None, hand=None):
        """Content float32 [frames_of(N), 59] of float32 [N] at 16 kHz, any length, in bounded memory. progress hears 0..1; hand(heard
        [n, READ]) hears what the heads read, window by window, so that who wants it, too, does not listen again."""
        samples = np.ascontiguousarray(samples, np.float32)
        content = np.empty((frames_of(len(samples)), COLUMNS), np.float32)
        content[:, : MOUTH.stop] = self.hear(samples, progress, hand)
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
