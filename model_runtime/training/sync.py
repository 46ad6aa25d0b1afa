"""The sync expert: whether a mouth moves as the content says, learned by contrast.

Two small convolutional networks map a third of a second of Content and of the lips' motion to one unit sphere, as SyncNet does
with sound and pictures (Chung and Zisserman 2016; as a loss: Prajwal et al. 2020, Wav2Lip). What belongs together in time is drawn together
(InfoNCE, van den Oord et al. 2018); other moments of the same clip and other clips are pushed apart. Trained on the teacher's performances,
frozen afterwards: the generator learns from it (training/generator.py) and evaluation measures with it.

Measured (4,323 steps; `build.py train sync` prints it): mean confidence() of 40 teacher performances of speakers never
trained on, content as the encoder hears it: true .45, motion three frames late -.04, motion of another clip .08, mouth at a quarter of
its excursions .23. (Of the teacher before it was fitted to film: .72, -.03, .02, .40.)
"""

import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

from contract import CHANNELS, NECK, UtterError, say
from model_runtime import checkpoints
from model_runtime.flame import lbs
from model_runtime.speech.content import COLUMNS, MOUTH

PATH = Path(__file__).with_name("sync.safetensors")
FORMAT = 1  # of the checkpoint
LIPS = ("lip_inner_upper_mid", "lip_inner_lower_mid", "lip_outer_upper_mid", "lip_outer_lower_mid", "lip_corner_left", "lip_corner_right")
REACH = 5  # frames on either side that an embedding sees: 11 frames, .37 s
APART = range(2, 16)  # frames: offsets that count as wrong (one frame off is hardly wrong)
SOUND = [
    column for column in range(COLUMNS) if not MOUTH.start <= column < MOUTH.stop
]  # of Content: with mouth curves it would judge by these
SEED, MINUTES, CLIPS, LENGTH, RATE = 5, 4.0, 24, 60, 2e-3


class Expert(nn.Module):
    """Content and lips -> points on the unit sphere, frame by frame; both lose REACH frames at either end."""

    def __init__(self, width=96, size=64):
        super().__init__()

        def tower(inputs):
            return nn.Sequential(nn.Conv1d(inputs, width, 5), nn.GELU(), nn.Conv1d(width, width, 5), nn.GELU(), nn.Conv1d(width, size, 3))

        self.content, self.motion = tower(len(SOUND)), tower(3 * len(LIPS))
        self.register_buffer("mean", torch.zeros(3 * len(LIPS)))
        self.register_buffer("std", torch.ones(3 * len(LIPS)))
        self.sharpness = nn.Parameter(torch.tensor(2.3))  # log of 1 / temperature

    def hear(self, content):
        """content [B, T, 59] at 30 fps -> [B, T - 10, 64] unit."""
        return F.normalize(self.content(content[..., SOUND].transpose(1, 2)), dim=1).transpose(1, 2)

    def see(self, lips):
        """lips [B, T, 18] from lip_motion -> [B, T - 10, 64] unit."""
        return F.normalize(self.motion(((lips - self.mean) / self.std).transpose(1, 2)), dim=1).transpose(1, 2)


def lip_tensors(head, device="cpu"):
    """What lip_motion reads of a head."""
    return lbs.tensors(head, [head.landmark(name) for name in LIPS], device)


def lip_motion(tensors, values, beta):
    """values [B, T, 65], beta [B, 300] -> [B, T, 18]: the lips' displacement from that identity's rest, millimetres, with the head
    still."""
    still = torch.ones(CHANNELS, device=values.device)
    still[NECK] = 0
    rest = lbs.pose_torch(tensors, values.new_zeros(len(values), 1, CHANNELS), beta)
    return ((lbs.pose_torch(tensors, values * still, beta) - rest) * 1000).flatten(2)


def likeness(expert, content, lips):
    """Cosine of each content with the lips of its own frame, [B, T - 10]."""
    return (expert.hear(content) * expert.see(lips)).sum(-1)


@torch.no_grad()
def confidence(expert, content30, values, head, beta=None):
    """How much better Content [T, 59] at 30 fps fits the lips of its own frame than those 2 to 15 frames off: the mean difference
    of cosines (about 0 for motion that has nothing to do with it, at most 2). values [T, 65] in head's basis; beta [300] or None.

    UtterError for fewer than 28 frames.
    """
    content, values = (torch.from_numpy(np.array(x, np.float32))[None] for x in (content30, values))
    if content.shape[1] != values.shape[1] or content.shape[1] < 2 * REACH + APART.stop + 2:
        raise UtterError("Sync needs Content and Motion of the same length, at least one second.", f"{content.shape}, {values.shape}")
    beta = torch.from_numpy(np.array(np.zeros(300) if beta is None else beta, np.float32))[None]
    cosine = (expert.hear(content) @ expert.see(lip_motion(lip_tensors(head), values, beta)).transpose(1, 2))[0]
    frames = torch.arange(len(cosine))
    wrong = ((frames[:, None] - frames).abs()[..., None] == torch.tensor(APART)).any(-1)
    return float((cosine.diagonal() - (cosine * wrong).sum(1) / wrong.sum(1)).mean())


def load_expert(path=PATH, device="cpu"):
    """The trained Expert, frozen. UtterError if it is missing or damaged."""
    tensors, _ = checkpoints.read(path, FORMAT, "run python build.py train sync")
    expert = Expert()
    checkpoints.load_into(expert, {name: value.float() for name, value in tensors.items()}, Path(path).name)
    return expert.eval().requires_grad_(False).to(device)


def save(expert, path=PATH):
    """Write the weights as float16, whole or not at all."""
    checkpoints.write({name: value.half().contiguous() for name, value in expert.state_dict().items()}, path, FORMAT, {})


class Windows:
    """Draws (content [B, L, 59], values [B, L, 65], beta [B, 300]) of the performances of one split or another."""

    def __init__(self, data, splits, rng):
        self.data, self.rng = data, rng
        self.numbers = [n for n, p in enumerate(data.performances) if p["split"] in splits and p["length"] >= LENGTH]

    def draw(self, size):
        parts = []
        for number in self.rng.choice(self.numbers, size):
            start = int(self.rng.integers(0, self.data.performances[number]["length"] - LENGTH + 1))
            content, values, _, _ = self.data.slices(number, start, LENGTH, spoken=self.rng.random() < 0.5)
            parts.append((content.astype(np.float32), np.array(values, np.float32), self.data.betas[number].astype(np.float32)))
        return [torch.from_numpy(np.stack(column)) for column in zip(*parts)]


def contrast(expert, content, lips):
    """InfoNCE both ways over all frames of all clips; neighbouring frames are neither right nor wrong."""
    heard, seen = expert.hear(content), expert.see(lips)
    B, T, _ = heard.shape
    logits = heard.flatten(0, 1) @ seen.flatten(0, 1).T * expert.sharpness.exp().clamp(max=50)
    clip, frame = torch.arange(B).repeat_interleave(T), torch.arange(T).repeat(B)
    distance = (frame[:, None] - frame).abs()
    near = (clip[:, None] == clip) & (distance > 0) & (distance < APART.start)
    logits = logits.masked_fill(near, -1e4)
    right = torch.arange(B * T)
    return (F.cross_entropy(logits, right) + F.cross_entropy(logits.T, right)) / 2


def train(data, head, minutes=MINUTES, steps=None, path=PATH, seed=SEED, report=print):
    """Train for that many minutes, or that many steps, and write path -> Expert."""
    torch.manual_seed(seed)
    windows, tensors, expert = Windows(data, ("train",), np.random.default_rng(seed)), lip_tensors(head), Expert()
    _, values, beta = windows.draw(200)
    lips = lip_motion(tensors, values, beta).flatten(0, 1)
    expert.mean.copy_(lips.mean(0))
    expert.std.copy_(lips.std(0).clamp(min=0.1))
    optimizer = torch.optim.AdamW(expert.parameters(), RATE, weight_decay=0.02)
    began, step, passed, level = time.monotonic(), 0, 0.0, None
    while passed < 1:
        optimizer.param_groups[0]["lr"] = RATE * min(1.0, (step + 1) / 50) * (0.02 + 0.98 * (1 + np.cos(np.pi * passed)) / 2)
        content, values, beta = windows.draw(CLIPS)
        loss = contrast(expert, content + 0.05 * torch.randn_like(content), lip_motion(tensors, values, beta))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        step += 1
        passed = step / steps if steps else (time.monotonic() - began) / (60 * minutes)
        level = loss.item() if level is None else 0.98 * level + 0.02 * loss.item()
        if step % 100 == 0:
            report(f"step {step} {time.monotonic() - began:.0f} s: contrast {level:.3f} of {np.log(CLIPS * (LENGTH - 2 * REACH)):.3f}")
    expert = expert.eval().requires_grad_(False)
    save(expert, path)
    report(f"{step} steps; {path}")
    return expert


def main(args):
    """build.py train sync."""
    from model_runtime.flame.load import load_head
    from model_runtime.training.dataset import ensure, load_dataset

    head = load_head()
    ensure(args.cache, head)
    data = load_dataset(args.cache)
    expert = train(data, head, args.minutes or MINUTES, args.steps, args.output or PATH, args.seed or SEED)
    for name, margin in measure(expert, data, head).items():
        say(f"{name}: {margin:.3f}")


def measure(expert, data, head, clips=40, seed=0):
    """Confidence of teacher performances of dev speakers: {"true", "shifted" by 3 frames, "shuffled" among clips, "flat" (the
    mouth's excursions cut to a quarter)}."""
    rng = np.random.default_rng(seed)
    numbers = rng.permutation([n for n, p in enumerate(data.performances) if p["split"] == "dev" and p["length"] >= LENGTH])[:clips]
    found = {"true": [], "shifted": [], "shuffled": [], "flat": []}
    for number, other in zip(numbers, np.roll(numbers, 1)):
        length = min(data.performances[number]["length"], data.performances[other]["length"])
        content, values, _, _ = data.slices(number, 0, length)
        beta = data.betas[number]
        found["true"].append(confidence(expert, content, values, head, beta))
        found["shifted"].append(confidence(expert, content[3:], values[:-3], head, beta))
        found["shuffled"].append(confidence(expert, content, data.slices(other, 0, length)[1], head, data.betas[other]))
        found["flat"].append(confidence(expert, content, values.mean(0) + (values - values.mean(0)) / 4, head, beta))
    return {name: float(np.mean(margins)) for name, margins in found.items()}
