"""The denoiser: a transformer that predicts clean Motion from noisy Motion, and the checkpoint that holds it.

Shapes: B windows of T frames. Motion inside is normalised per channel (mean and std travel in the checkpoint).
"""

import json
import math
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from contract import CHANNEL_NAMES as NAMES
from contract import CHANNELS, COEFFICIENTS, FPS, UtterError
from model_runtime import checkpoints
from model_runtime.emotion import MANNER, POINT, SIZE
from model_runtime.speech.content import COLUMNS as CONTENT
from model_runtime.speech.content import SHIPPED

PATH = Path(__file__).parents[2] / "blender_assets" / "models" / "generator.safetensors"
STEPS = 1000  # of the diffusion, as trained
WINDOW = 120  # frames that attention sees at once: four seconds
WIDTH, DEPTH, HEADS = 128, 5, 4
TOKENS = 8  # in which motion and feeling are fused
IDENTITY = COEFFICIENTS
FORMAT = 1  # of checkpoints
STATISTICS = ("mean", "std", "spread")


def rotate(x):
    """Rotary positions (Su et al. 2021, eq. 34): x [B, heads, T, n], each pair of features turned by its frame's angle."""
    half = x.shape[-1] // 2
    speed = 200.0 ** (-torch.arange(half, device=x.device) / half)  # a turn in 6 frames to one in 40 seconds
    angle = torch.arange(x.shape[-2], device=x.device)[:, None] * speed
    sin, cos = angle.sin().to(x.dtype), angle.cos().to(x.dtype)
    first, second = x.chunk(2, -1)
    return torch.cat([first * cos - second * sin, first * sin + second * cos], -1)


def split(x, heads):
    """[B, n, width] -> [B, heads, n, width / heads]."""
    return x.unflatten(-1, (heads, -1)).transpose(1, 2)


def join(x):
    """[B, heads, n, width / heads] -> [B, n, width]."""
    return x.transpose(1, 2).flatten(2)


def attend(q, k, v):
    """Attention of [B, heads, n, width / heads] -> [B, n, width]. A CPU's backward pass of it is nine times slower in bfloat16
    (torch 2.13), so training there does this in float32."""
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        with torch.autocast("cpu", enabled=False):
            return join(F.scaled_dot_product_attention(q.float(), k.float(), v.float())).to(q.dtype)
    return join(F.scaled_dot_product_attention(q, k, v))


class SelfAttention(nn.Module):
    """Every frame of the window looks at every other."""

    def __init__(self, width=WIDTH, heads=HEADS):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)

    def forward(self, x):
        q, k, v = self.qkv(x).unflatten(-1, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)  # each [B, heads, T, n]
        return self.out(attend(rotate(q), rotate(k), v))


class AlignedAttention(nn.Module):
    """Content-aware attention whose mask lets a frame see only its own content.

    A softmax over one key is 1 for any query and key, so the whole attention is this linear map of the frame's value:
    exact, and no T x T matrix. (The tests compare it with the masked form.)
    """

    def __init__(self, width=WIDTH):
        super().__init__()
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)

    def forward(self, content):
        return self.out(self.value(content))


class CrossAttention(nn.Module):
    """Content-aware attention without the alignment mask: every frame looks at the content of the whole window (for ablation)."""

    def __init__(self, width=WIDTH, heads=HEADS):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.pair = nn.Linear(width, 2 * width)  # key and value
        self.out = nn.Linear(width, width)

    def forward(self, x, content):
        """x [B, T, width], content [B, T, width] -> [B, T, width]."""
        key, value = self.pair(content).chunk(2, -1)
        return self.out(attend(rotate(split(self.query(x), self.heads)), rotate(split(key, self.heads)), split(value, self.heads)))


class PairAttention(nn.Module):
    """Fusion tokens that attend to all pairs (motion_i, feeling_j) of concatenated features (LSF-Animation, HIFB).

    Key and value are linear in the pair, so its logit is a sum a_i + b_j: the softmax over all T x T pairs is the product of a
    softmax over i and one over j, and what it reads is the sum of two ordinary attentions. Exact, and linear in T. (The tests compare
    it with the pairs.)
    """

    def __init__(self, width=WIDTH, heads=HEADS):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.of_motion = nn.Linear(width, 2 * width)  # key and value
        self.of_feeling = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, tokens, motion, feeling):
        """tokens [B, K, width], motion, feeling [B, T, width] -> [B, K, width]."""
        q = split(self.query(tokens), self.heads)
        read = 0
        for stream, layer in ((motion, self.of_motion), (feeling, self.of_feeling)):
            key, value = layer(stream).chunk(2, -1)
            read = read + attend(q, split(key, self.heads), split(value, self.heads))
        return self.out(read)


class TokenAttention(nn.Module):
    """Every frame reads the fusion tokens. Adds nothing before it is trained."""

    def __init__(self, width=WIDTH, heads=HEADS):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.pair = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)

    def forward(self, x, tokens):
        """x [B, T, width], tokens [B, K, width] -> [B, T, width]."""
        key, value = self.pair(tokens).chunk(2, -1)
        return self.out(attend(split(self.query(x), self.heads), split(key, self.heads), split(value, self.heads)))


def modulate(x, scale_shift):
    """Normalise each frame over its features, then scale and shift it: FiLM for the step, AdaIN for the feeling."""
    scale, shift = scale_shift.chunk(2, -1)
    return F.layer_norm(x, x.shape[-1:]) * (1 + scale) + shift


class Block(nn.Module):
    """fusion: whether motion and feeling meet in the fusion tokens here; aligned: whether content is read through the mask."""

    def __init__(self, width=WIDTH, heads=HEADS, fusion=False, aligned=True):
        super().__init__()
        self.attention = SelfAttention(width, heads)
        self.content = AlignedAttention(width) if aligned else CrossAttention(width, heads)
        self.aligned, self.fusion = aligned, fusion
        if fusion:
            self.fuse, self.read = PairAttention(width, heads), TokenAttention(width, heads)
        self.film = nn.Linear(width, 2 * width)  # diffusion step and identity, one for all frames
        self.adain = nn.Linear(width, 2 * width)  # third layer of the feeling's MLP, frame by frame
        self.feed = nn.Sequential(nn.Linear(width, 3 * width), nn.GELU(), nn.Linear(3 * width, width))
        for layer in (self.film, self.adain):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, x, tokens, content, feeling, clip):
        """x, content, feeling [B, T, width]; tokens [B, TOKENS, width]; clip [B, 1, width] -> (x, tokens)."""
        x = x + self.attention(modulate(x, self.film(clip)))
        x = x + (self.content(content) if self.aligned else self.content(F.layer_norm(x, x.shape[-1:]), content))
        if self.fusion:
            level = F.layer_norm(x, x.shape[-1:])
            tokens = tokens + self.fuse(F.layer_norm(tokens, tokens.shape[-1:]), level, feeling)
            x = x + self.read(level, F.layer_norm(tokens, tokens.shape[-1:]))
        return x + self.feed(modulate(x, self.adain(feeling))), tokens


class Denoiser(nn.Module):
    """fusion: HIFB fusion tokens in every second block; aligned: content through the alignment mask; diffuses False: a regression
    of Motion from everything but noise, one forward pass (the ablation).
    content: number of columns of the content; 59, or another number for hidden states (speech/plugin.py)."""

    def __init__(self, width=WIDTH, depth=DEPTH, heads=HEADS, content=CONTENT, fusion=False, aligned=True, diffuses=True):
        super().__init__()
        self.size = {
            "width": width,
            "depth": depth,
            "heads": heads,
            "content": content,
            "fusion": fusion,
            "aligned": aligned,
            "diffuses": diffuses,
        }
        self.diffuses = diffuses
        self.motion_in = nn.Linear(3 * CHANNELS, width)
        self.content_in = nn.Sequential(nn.Conv1d(content, width, 7, padding=3), nn.GELU(), nn.Conv1d(width, width, 5, padding=2))
        self.feeling_in = nn.Sequential(nn.Linear(SIZE, width), nn.GELU(), nn.Linear(width, width), nn.GELU())
        self.manner_in = nn.Parameter(torch.zeros(MANNER.stop - MANNER.start, width))  # added to what the first layer of feeling_in gives
        self.identity_in = nn.Sequential(nn.Linear(IDENTITY, width), nn.GELU(), nn.Linear(width, width))
        self.step_in = nn.Sequential(nn.Linear(width, width), nn.GELU(), nn.Linear(width, width))
        self.no_content = nn.Parameter(torch.zeros(width))
        self.no_feeling = nn.Parameter(torch.zeros(width))
        if fusion:
            self.tokens = nn.Parameter(torch.randn(TOKENS, width))
        self.blocks = nn.ModuleList(Block(width, heads, fusion and number % 2 == 1, aligned) for number in range(depth))
        self.motion_out = nn.Linear(width, CHANNELS)

    def forward(self, noisy, step, content, feeling, beta, pins, mask, hears=None, feels=None):
        """-> clean Motion [B, T, 65].

        noisy, pins [B, T, 65] normalised, mask [B, T, 65] 0 or 1; step [B] of STEPS; content [B, T, C]; feeling [B, T, 130];
        beta [B, 300]; hears, feels [B] bool: False drops that condition (None: nothing dropped).
        """
        x = self.motion_in(torch.cat([noisy, pins * mask, mask], -1))
        content = self.content_in(content.transpose(1, 2)).transpose(1, 2)
        feeling = self.feeling_in[1:](self.feeling_in[0](feeling[..., POINT]) + feeling[..., MANNER] @ self.manner_in)
        if hears is not None:
            content = torch.where(hears[:, None, None], content, self.no_content.to(content.dtype))
        if feels is not None:
            feeling = torch.where(feels[:, None, None], feeling, self.no_feeling.to(feeling.dtype))
        width = x.shape[-1]
        speed = torch.exp(-math.log(10000) * torch.arange(width // 2, device=x.device) / (width // 2))
        angle = step.float()[:, None] * speed
        clip = self.step_in(torch.cat([angle.sin(), angle.cos()], -1)) + self.identity_in(beta)  # [B, width]
        tokens = self.tokens.to(x.dtype).expand(len(x), -1, -1) if self.size["fusion"] else None
        for block in self.blocks:
            x, tokens = block(x, tokens, content, feeling, clip[:, None])
        return self.motion_out(F.layer_norm(x, (width,)))


@dataclass
class Generator:
    """A trained denoiser with what is needed to use it. basis: of the head it moves; spread [65, 65]: how channels move together
    (normalised), which tells the cheapest way to shut the lips."""

    denoiser: Denoiser
    mean: torch.Tensor  # [65]
    std: torch.Tensor  # [65]
    spread: torch.Tensor  # [65, 65]
    basis: str
    device: object = "cpu"
    metadata: dict = field(default_factory=dict)

    @property
    def encoder(self):
        """The kind of speech encoder that it learned from: "utter" (the shipped one), "phones:..." or "hidden:..." (speech/plugin.py)."""
        return _shipped(self.metadata.get("encoder"))


def _shipped(kind):
    """The kind of encoder that a checkpoint names; the first ones had another word for the shipped one, or none."""
    return SHIPPED if kind in (None, "ears") else kind


def save(generator, path=PATH):
    """Write a checkpoint, whole or not at all: float16 weights, statistics, and the head and layout that they belong to."""
    tensors = {f"denoiser.{name}": value.half().cpu().contiguous() for name, value in generator.denoiser.state_dict().items()}
    tensors |= {name: getattr(generator, name).float().cpu().contiguous() for name in STATISTICS}
    layout = {"basis": generator.basis, "fps": str(FPS), "layout": json.dumps(NAMES), "size": json.dumps(generator.denoiser.size)}
    checkpoints.write(tensors, path, FORMAT, generator.metadata | layout)


def load(path=PATH, device="cpu", basis=None):
    """Read a checkpoint (safetensors, no pickle). basis: of the head it must fit; None: the built-in head's.

    UtterError if it is missing, damaged, of a newer format, not a generator's, or was trained for another head or layout.
    """
    path = Path(path)
    tensors, metadata = checkpoints.read(path, FORMAT)
    lacking = [name for name in ("size", "basis", "layout") if name not in metadata] + [name for name in STATISTICS if name not in tensors]
    if lacking:
        raise UtterError(f"{path.name} holds no generator: it lacks {lacking[0]}; choose one that build.py train generator wrote.")
    if basis is None:
        from model_runtime.flame.load import load_head

        basis = load_head().basis
    if metadata["basis"] != basis or metadata["layout"] != json.dumps(NAMES):
        raise UtterError(
            f"{path.name} was trained for another head; run python build.py train generator, or install the extension again.",
            f"checkpoint {metadata['basis']}, head {basis}",
        )
    try:
        denoiser = Denoiser(**json.loads(metadata["size"]))
    except (ValueError, TypeError) as error:
        raise UtterError(
            f"{path.name} is built in a way that this version of Utter does not know; install a newer Utter.", repr(error)
        ) from error
    prefix = "denoiser."
    weights = {name.removeprefix(prefix): value.float() for name, value in tensors.items() if name.startswith(prefix)}
    weights.setdefault("manner_in", torch.zeros_like(denoiser.manner_in))  # older weights: it counts for nothing
    checkpoints.load_into(denoiser, weights, path.name)
    statistics = (tensors[name].float().to(device) for name in STATISTICS)
    return Generator(denoiser.eval().to(device), *statistics, metadata["basis"], device, metadata)
