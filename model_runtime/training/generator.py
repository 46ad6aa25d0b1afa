"""Training the generator on the teacher's performances.

The recipe, in order of appearance: windows of the dataset, feelings drawn from everything that can name them, pins of many
kinds (some of them edits), doubts of the ears, conditions dropped, five losses, Muon and AdamW, a moving average of the weights.

Writes blender_assets/models/generator.safetensors every few minutes, so a run can be stopped at any time.
"""
import time

import numpy as np
import torch
from torch.nn import functional as F

from model_runtime.diffusion.generator import PATH, STEPS, WINDOW, Denoiser, Generator, save
from model_runtime.diffusion.sampler import schedule
from model_runtime.emotion import LABELS
from model_runtime.motion import CHANNELS, EXPRESSION, EYES, JAW, LIDS, NECK, TONGUE
from model_runtime.training.dataset import load_dataset
from model_runtime.training.together import agree, rank, world

SEED = 3
MINUTES = 35.0
BATCH = 16
RATE = 1.5e-3              # AdamW, of what is no matrix of a block
MUON_RATE = 0.02           # Muon (Jordan et al. 2024), of the blocks' matrices
EMA = 0.998
SPOKEN = 0.75              # of the windows say what was said, which the teacher's phone times fit better than what the ears heard
DOUBT = 0.45               # at most so much of what is heard is something else
DROP_CONTENT, DROP_FEELING = 0.08, 0.15
GROUPS = (EXPRESSION, JAW, NECK, EYES, LIDS, TONGUE)  # what an artist edits together
# How much each part of the loss counts. Channels are normalised; landmarks are in millimetres; the gap in openings.
VELOCITY, LANDMARKS, GAP, SMOOTH = 1.0, 0.15, 60.0, 0.1
CHANNEL_WEIGHT = np.ones(CHANNELS, np.float32)
CHANNEL_WEIGHT[20:50] = 0.5    # small components of the face
CHANNEL_WEIGHT[JAW] = 2.0
CHANNEL_WEIGHT[TONGUE] = 0.5


class Batches:
    """Draws training windows: content [B, L, 55], clean [B, L, 65] normalised, feeling [B, L, 128], beta [B, 300]."""

    def __init__(self, data, bank, rng):
        self.data, self.bank, self.rng = data, bank, rng
        self.lengths = np.array([p["length"] for p in data.performances])
        values = data.values[:: max(1, len(data.values) // 200_000)]
        self.mean = values.mean(0).astype(np.float32)
        self.std = np.maximum(values.std(0), 1e-3).astype(np.float32)
        self.spread = np.cov(((values - self.mean) / self.std).T).astype(np.float32)

    def draw(self, size):
        rng = self.rng
        length = min(int(rng.choice([WINDOW, WINDOW, WINDOW, 90, 60, 40])), self.lengths.max())
        long_enough = np.flatnonzero(self.lengths >= length)
        chance = self.lengths[long_enough].astype(float)
        parts = []
        for number in rng.choice(long_enough, size, p=chance / chance.sum()):
            start = int(rng.integers(0, self.lengths[number] - length + 1))
            content, values, share, strength = self.data.slices(number, start, length, spoken=rng.random() < SPOKEN)
            parts.append((content.astype(np.float32), (values - self.mean) / self.std, self.feeling(share, strength),
                          self.data.betas[number]))
        return [torch.from_numpy(np.stack(column)) for column in zip(*parts)]

    def feeling(self, share, strength):
        """As timeline.compose would write it: directions blended, then as long as the strength."""
        points = np.stack([group[self.rng.integers(len(group))] for group in self.bank])
        direction = share.astype(np.float32) @ points
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
        return (direction * strength[:, None]).astype(np.float32)


def feeling_bank(feelings, per_emotion=200, seed=SEED):
    """For each emotion, the points that can stand for it: [n, 128] of its label, of phrases, and each of them strayed a
    little."""
    from model_runtime.training.emotion import read_phrases
    rng = np.random.default_rng(seed)
    phrases, _ = read_phrases()
    texts = [text for text, share in phrases if share.max() == 1]
    owner = np.array([share.argmax() for _, share in phrases if share.max() == 1])
    with torch.inference_mode():
        points = feelings.space.words(feelings.sentence_encoder()(texts)).numpy()
    bank = []
    for k, name in enumerate(LABELS):
        own = np.concatenate([np.tile(feelings.label(name), (20, 1)), points[owner == k]])
        own = own[rng.integers(0, len(own), per_emotion)]
        own = own + rng.normal(0, 0.15 / np.sqrt(own.shape[1]), own.shape) * rng.integers(0, 3, (per_emotion, 1))
        bank.append((own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32))
    return bank


def draw_pins(clean, rng):
    """Pins of many kinds for a batch clean [B, L, 65] -> (clean, mask [B, L, 65]).

    None, sparse keys of everything or of one group or channel, whole spans, whole groups. Some sparse keys are edits: the clean
    Motion itself is bent smoothly where they sit, so the denoiser learns that a key off the curve moves the curve and not one
    frame of it.
    """
    clean, mask = clean.clone(), torch.zeros_like(clean)
    B, L, _ = clean.shape
    for b in range(B):
        kind = rng.choice(["none", "keys", "span", "group"], p=[0.4, 0.35, 0.15, 0.1])
        if kind == "none":
            continue
        group = GROUPS[rng.integers(len(GROUPS))]
        chosen = rng.choice(["all", "group", "channels"])
        channels = np.arange(CHANNELS) if chosen == "all" else np.arange(CHANNELS)[group] if chosen == "group" else \
            rng.choice(CHANNELS, rng.integers(1, 4), replace=False)
        if kind == "keys":
            frames = rng.choice(L, rng.integers(1, 7), replace=False)
            if chosen != "all" and rng.random() < 0.6:
                width, t = rng.uniform(2.5, 10), np.arange(L)
                bump = np.exp(-0.5 * ((t[:, None] - frames) / width) ** 2) @ rng.normal(0, 1.2, (len(frames), len(channels)))
                clean[b][:, channels] += torch.from_numpy(bump.astype(np.float32))
        elif kind == "span":
            start = rng.integers(0, L - 10)
            frames = np.arange(start, min(L, start + rng.integers(8, L)))
        else:
            frames = np.arange(L)
            if chosen == "all":
                channels = np.arange(CHANNELS)[group]
        mask[b, frames[:, None], channels] = 1
    return clean, mask


class Losses:
    """x0, velocity and smoothness in normalised channels; landmarks of mouth, brows and lids, and the lip gap, on the head
    itself."""

    def __init__(self, head, mean, std, device="cpu"):
        from model_runtime.flame import lbs
        pair = [head.landmark("lip_inner_upper_mid"), head.landmark("lip_inner_lower_mid")]
        names = [n for n in head.landmark_names if str(n).startswith(("lip_", "brow_", "lid_"))]
        ring = [*head.lip_inner_upper[::2], *head.lip_inner_lower[::2]]
        self.tensors = lbs.tensors(head, [*pair, *ring, *(head.landmark(n) for n in names)], device)
        self.opening, self.pose = float(head.jaw_open_gap), lbs.pose_torch
        self.mean, self.std = torch.from_numpy(mean).to(device), torch.from_numpy(std).to(device)
        self.weight = torch.from_numpy(CHANNEL_WEIGHT / CHANNEL_WEIGHT.mean()).to(device)
        self.still = torch.ones(CHANNELS, device=device)
        self.still[NECK] = 0

    def landmarks(self, normalised, beta):
        return self.pose(self.tensors, (normalised * self.std + self.mean) * self.still, beta)

    def __call__(self, seen, clean, beta):
        """-> {name: scalar}; seen, clean [B, L, 65] normalised."""
        error = seen - clean
        speed = error.diff(dim=1)
        calm = seen.diff(n=2, dim=1)[..., NECK].square().mean() + seen.diff(n=2, dim=1)[..., EYES].square().mean() * 0.05
        here, there = self.landmarks(seen, beta), self.landmarks(clean, beta)
        gap, true_gap = ((p[..., 1, :] - p[..., 0, :]).square().sum(-1).add(1e-10).sqrt() / self.opening for p in (here, there))
        moved = (here - there).square().sum(-1).mean() * 1e6
        return {"x0": (error.square() * self.weight).mean(), "velocity": VELOCITY * (speed.square() * self.weight).mean(),
                "landmarks": LANDMARKS * moved, "gap": GAP * (torch.exp(-10 * true_gap) * (gap - true_gap).square()).mean(),
                "smooth": SMOOTH * calm}


def train(data, head, feelings, minutes=MINUTES, steps=None, path=PATH, start=None, metadata=None, seed=SEED, rate=RATE,
          size=None, device="cpu", report=print):
    """Train for that many minutes of wall clock, or that many steps, and write path; the learning rate falls to the end of
    either.

    start: a Generator to go on from; size: the denoiser's, where it is not the default. Only a run by steps is repeatable to
    the bit.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, rank()])
    bank = feeling_bank(feelings)
    batches = Batches(data, bank, rng)
    if start is not None:  # its normalisation is part of what it learned
        batches.mean, batches.std = start.mean.numpy(), start.std.numpy()
        denoiser = start.denoiser.train()
    else:
        denoiser = Denoiser(**{"content": data.content.shape[1]} | (size or {}))
    denoiser.to(device)
    average = {name: value.detach().clone() for name, value in denoiser.state_dict().items()}
    torch.manual_seed(seed + 1000 * rank())  # the same start, other noise
    losses = Losses(head, batches.mean, batches.std, device)
    kept = schedule("final").alphas_cumprod
    matrices = [p for p in denoiser.blocks.parameters() if p.ndim == 2]
    others = [p for p in denoiser.parameters() if all(p is not m for m in matrices)]
    optimizers = [torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, adjust_lr_fn="original"),
                  torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.01)]
    full = [group["lr"] for optimizer in optimizers for group in optimizer.param_groups]
    began = saved = time.monotonic()
    step, sums, passed = 0, {}, 0.0
    first = rank() == 0
    report(f"{sum(p.numel() for p in denoiser.parameters()) / 1e6:.2f} M parameters, {len(data.performances)} performances")
    while passed < 1:
        share = min(1.0, (step + 1) / 50) * (0.02 + 0.98 * (1 + np.cos(np.pi * passed)) / 2)
        for group, rate in zip((group for optimizer in optimizers for group in optimizer.param_groups), full):
            group["lr"] = rate * share
        parts = one_batch(denoiser, batches, losses, kept, rng)
        denoiser.zero_grad(set_to_none=True)
        sum(parts.values()).backward()
        passed = agree(denoiser, (step + 1) / steps if steps else (time.monotonic() - began) / (60 * minutes))
        torch.nn.utils.clip_grad_norm_(denoiser.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        decay = min(EMA, (1 + step) / (20 + step))
        with torch.no_grad():
            for name, value in denoiser.state_dict().items():
                average[name].lerp_(value, 1 - decay)
        for name, value in parts.items():
            sums[name] = 0.98 * sums.get(name, value.item()) + 0.02 * value.item()
        if first and step % 50 == 0:
            report(f"step {step} {time.monotonic() - began:.0f} s: " + ", ".join(f"{k} {v:.4f}" for k, v in sums.items()))
        if first and time.monotonic() - saved > 150:
            saved = time.monotonic()
            finish(denoiser, average, batches, head, metadata, step, path)
    if first:
        finish(denoiser, average, batches, head, metadata, step, path)
        report(f"{step} steps; {path}")


def one_batch(denoiser, batches, losses, kept, rng):
    content, clean, feeling, beta = batches.draw(BATCH)
    clean, mask = draw_pins(clean, rng)
    content = doubted(content)
    t = torch.randint(0, STEPS, (len(clean),))
    share = kept[t][:, None, None]
    noisy = share.sqrt() * clean + (1 - share).sqrt() * torch.randn_like(clean)
    hears = torch.rand(len(clean)) >= DROP_CONTENT
    feels = (torch.rand(len(clean)) >= DROP_FEELING) & hears  # G(A, P), G(A), G()
    device = losses.weight.device
    noisy, t, content, feeling, beta, clean, mask, hears, feels = (
        x.to(device) for x in (noisy, t, content, feeling, beta, clean, mask, hears, feels))
    with torch.autocast(device.type, torch.bfloat16):
        seen = denoiser(noisy, t, content, feeling, beta, clean, mask, hears, feels)
    return losses(seen.float(), clean, beta)


def doubted(content):
    """content [B, L, C], the last three prosody, as ears doubt: for moments, a part of what is heard belongs to another clip; and a little noise."""
    B, L, _ = content.shape
    doubt = F.interpolate(torch.rand(B, 1, L // 4 + 2), size=L, mode="linear") * torch.rand(B, 1, 1) * DOUBT
    heard = torch.lerp(content[..., :-3], content.roll(1, 0)[..., :-3], doubt.transpose(1, 2))
    return torch.cat([heard, content[..., -3:]], -1) + 0.03 * torch.randn_like(content)


def finish(denoiser, average, batches, head, metadata, step, path):
    """Write the averaged weights."""
    windows = BATCH * world()
    best = Denoiser(**denoiser.size)
    best.load_state_dict({name: value.cpu() for name, value in average.items()})
    recipe = {"recipe": f"training/generator.py, {step} steps of {windows} windows", "seed": str(SEED)}
    save(Generator(best, *map(torch.from_numpy, (batches.mean, batches.std, batches.spread)), head.basis,
                   metadata=recipe | (metadata or {})), path)


def main(args):
    """build.py train generator."""
    from model_runtime.emotion import load_feelings
    from model_runtime.flame.head import load_head
    from model_runtime.training.dataset import ensure
    head = load_head()
    ensure(args.cache, head)
    device = "cuda" if args.device != "cpu" and torch.cuda.is_available() else "cpu"
    train(load_dataset(args.cache), head, load_feelings("cpu"), args.minutes or MINUTES, metadata={"encoder": "ears"},
          seed=args.seed or SEED, device=device)
