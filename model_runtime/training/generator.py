"""Training the generator on the teacher's performances.

The recipe, in the order of this file: windows of the dataset, feelings drawn from labels and phrases, pins of many kinds (some of
them edits), doubts of the encoder, conditions dropped, the losses, Muon and AdamW, a moving average of the weights.

Writes blender_assets/models/generator.safetensors every few minutes, so a run can be stopped at any time.
"""

import time
from pathlib import Path

import numpy as np
import torch
from scipy.interpolate import PchipInterpolator
from torch.nn import functional as F

from contract import CHANNELS, EXPRESSION, EYES, JAW, LIDS, NECK, TONGUE, UtterError
from model_runtime.diffusion.generator import PATH, STEPS, WINDOW, Denoiser, Generator, load, save
from model_runtime.diffusion.sampler import schedule
from model_runtime.emotion import LABELS, POINT
from model_runtime.emotion.labels import feeling as as_feeling
from model_runtime.flame import lbs
from model_runtime.flame.teeth import incisors
from model_runtime.speech.content import COLUMNS as CONTENT
from model_runtime.speech.content import CURVES, MOUTH, SHIPPED
from model_runtime.training import sync
from model_runtime.training.carry import carried
from model_runtime.training.dataset import load_dataset
from model_runtime.training.together import agree, half, rank, world

SEED = 3
MINUTES = 35.0
BATCH = 16
RATE = 1.5e-3  # AdamW, for all but the blocks' matrices
MUON_RATE = 0.02  # Muon (Jordan et al. 2024), for the blocks' matrices
EMA = 0.998
SPOKEN = 0.5  # share of windows whose content is what was said, the others hear the encoder; where its words fit, both have the same times
DOUBT = 0.45  # the largest share of what is heard that is replaced
DROP_CONTENT, DROP_FEELING, DROP_CURVES = 0.08, 0.15, 0.1
EDITS = {"all": 0.4, "group": 0.6, "channels": 0.6}  # share of sparse keys that lie off the curve
APART = 0.12  # of the gap at jawOpen 1: lips that are so far apart are open
GROUPS = (EXPRESSION, JAW, NECK, EYES, LIDS, TONGUE)  # channels that an artist edits together
# How much each part of the loss counts. Channels are normalised; landmarks are in millimetres; the gap in openings.
VELOCITY, LANDMARKS, GAP, BITE, WIDTH, SMOOTH = 1.0, 0.15, 60.0, 60.0, 20.0, 0.1
NEAR = 10.0  # of 1 / opening: how fast a gap, or the way from lip to teeth, counts less as it widens
SYNC, FEELS = 1.0, 1.0  # the experts' losses, in cosines
CHANNEL_WEIGHT = np.ones(CHANNELS, np.float32)
CHANNEL_WEIGHT[20:50] = 0.5  # small components of the face
CHANNEL_WEIGHT[JAW] = 2.0
CHANNEL_WEIGHT[TONGUE] = 0.5


class Batches:
    """Draws training windows: content [B, L, 59], clean [B, L, 65] normalised, feeling [B, L, 130], beta [B, 300]."""

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
            parts.append(
                (
                    content.astype(np.float32),
                    (values - self.mean) / self.std,
                    self.feeling(share, strength, self.data.manners(number, start, length)),
                    self.data.betas[number],
                )
            )
        return [torch.from_numpy(np.stack(column)) for column in zip(*parts)]

    def feeling(self, share, strength, manner):
        """As timeline.compose makes it: directions are blended, then scaled to the strength; control is as strong as the feeling."""
        points = np.stack([group[self.rng.integers(len(group))] for group in self.bank])
        direction = share.astype(np.float32) @ points
        direction /= np.linalg.norm(direction, axis=1, keepdims=True) + 1e-6
        control, mouth = manner.astype(np.float32).T
        return as_feeling(direction * strength[:, None], control * strength, mouth)


def feeling_bank(feelings, per_emotion=200, seed=SEED):
    """For each emotion, the points that can stand for it: [n, 128] of its label, of phrases, and each of them moved a
    little."""
    from model_runtime.emotion.words import SentenceEncoder
    from model_runtime.training.emotion import read_phrases

    rng = np.random.default_rng(seed)
    phrases, _ = read_phrases()
    texts = [text for text, share in phrases if share.max() == 1]
    owner = np.array([share.argmax() for _, share in phrases if share.max() == 1])
    with torch.inference_mode():
        points = feelings.space.words(SentenceEncoder()(texts)).numpy()
    bank = []
    for k, name in enumerate(LABELS):
        own = np.concatenate([np.tile(feelings.label(name)[POINT], (20, 1)), points[owner == k]])
        own = own[rng.integers(0, len(own), per_emotion)]
        own = own + rng.normal(0, 0.15 / np.sqrt(own.shape[1]), own.shape) * rng.integers(0, 3, (per_emotion, 1))
        bank.append((own / np.linalg.norm(own, axis=1, keepdims=True)).astype(np.float32))
    return bank


def draw_pins(clean, rng, actions, parted):
    """Pins of many kinds for a batch clean [B, L, 65] -> (clean, mask [B, L, 65]).

    None, sparse keys of everything or of one group or channel, whole spans, whole groups. Some sparse keys are edits: the clean
    Motion itself is bent through them, so the denoiser learns that a key off the curve moves the curve, not only one frame of it.
    actions [52, 65]: normalised Motion of each face action, which artists pose by. parted [B, L] 0 to 1: how far lips are from shut;
    where they are shut an edit leaves the mouth alone.
    """
    bent, mask = clean.clone(), torch.zeros_like(clean)
    B, L, _ = clean.shape
    for b in range(B):
        kind = rng.choice(["none", "keys", "span", "group"], p=[0.4, 0.35, 0.15, 0.1])
        if kind == "none":
            continue
        group = GROUPS[rng.integers(len(GROUPS))]
        chosen = rng.choice(["all", "group", "channels"])
        channels = (
            np.arange(CHANNELS)
            if chosen == "all"
            else np.arange(CHANNELS)[group]
            if chosen == "group"
            else rng.choice(CHANNELS, rng.integers(1, 4), replace=False)
        )
        if kind == "keys":
            frames = np.sort(rng.choice(L, rng.integers(1, 7), replace=False))
            if rng.random() < EDITS[chosen]:
                offset = bend(L, frames, offsets(clean, b, frames, channels, rng, actions), rng)
                mouth = np.isin(channels, np.r_[EXPRESSION, JAW])
                offset[:, mouth] *= parted[b].numpy()[:, None]
                bent[b][:, channels] += torch.from_numpy(offset)
        elif kind == "span":
            start = rng.integers(0, L - 10)
            frames = np.arange(start, min(L, start + rng.integers(8, L)))
        else:
            frames = np.arange(L)
            if chosen == "all":
                channels = np.arange(CHANNELS)[group]
        mask[b, frames[:, None], channels] = 1
    return bent, mask


def offsets(clean, b, frames, channels, rng, actions):
    """How far keys at those frames lie off clean[b], [K, channels]: by a few face actions, towards another face of the batch, or each
    channel for itself; some pull all the same way."""
    kind = rng.random() if len(channels) > 3 else 1.0
    if kind < 0.4:
        chosen = rng.choice(len(actions), rng.integers(1, 4), replace=False)
        off = rng.uniform(-0.3, 1, (len(frames), len(chosen))) @ actions[chosen][:, channels]
    elif kind < 0.75:
        other = clean[rng.integers(len(clean), size=len(frames)), rng.integers(clean.shape[1], size=len(frames))][:, channels].numpy()
        off = rng.uniform(0.3, 1.2) * (other - clean[b, frames][:, channels].numpy())
    else:
        off = rng.normal(0, 1.2, (len(frames), len(channels)))
    return np.tile(off[:1], (len(frames), 1)) if rng.random() < 0.5 else off


def bend(L, frames, off, rng):
    """A smooth curve [L, K] through those offsets [n, K] at those frames, which goes back to 0 beside them: over a few frames at each key,
    or, as a gesture that is held, from the first to the last."""
    t, reach = np.arange(L), rng.uniform(3, 14)
    if rng.random() < 0.4:
        out = np.exp(-0.5 * ((t[:, None] - frames) / (0.7 * reach)) ** 2) @ off
    else:
        nothing = np.zeros_like(off[:1])
        knots = np.r_[frames[0] - 2 * reach, frames, frames[-1] + 2 * reach]
        out = PchipInterpolator(knots, np.concatenate([nothing, off, nothing]))(np.clip(t, knots[0], knots[-1]))
    return out.astype(np.float32)


class Losses:
    """x0, velocity and smoothness in normalised channels; on the head itself landmarks of mouth, chin, brows and lids, the lip gap, the
    lower lip's place where it comes near the upper teeth (f, v), and the mouth's width (rounded vowels); and what two frozen experts
    say of the predicted Motion: whether the lips fit the content (sync.py) and the face the Feeling (emotion/space.py).

    An expert never asks for more than the teacher's own Motion gives (a hinge), so nothing is won by fooling it. Its loss is
    weighted by sqrt(alpha_bar), because from noise alone no timing can be right.
    """

    def __init__(self, head, mean, std, device="cpu", expert=None, feels=None):
        """expert: sync.Expert or None; feels: space.MotionEncoder or None."""
        names = [n for n in head.landmark_names if str(n).startswith(("lip_", "brow_", "lid_")) or n == "chin"]
        ring = [*head.lip_inner_upper[::2], *head.lip_inner_lower[::2]]
        self.tensors = lbs.tensors(head, [*(head.landmark(n) for n in names), *ring], device)
        place = [str(n) for n in names].index
        self.pair = [place("lip_inner_upper_mid"), place("lip_inner_lower_mid")]
        self.corners, self.lips = [place("lip_corner_left"), place("lip_corner_right")], [place(n) for n in sync.LIPS]
        self.opening = float(head.jaw_open_gap)
        self.front = [torch.from_numpy(np.array(x, np.float32)).to(device) for x in incisors(head)]
        self.mean, self.std = torch.from_numpy(mean).to(device), torch.from_numpy(std).to(device)
        self.weight = torch.from_numpy(CHANNEL_WEIGHT / CHANNEL_WEIGHT.mean()).to(device)
        self.still = torch.ones(CHANNELS, device=device)
        self.still[NECK] = 0
        self.expert, self.feels = expert, feels
        self.actions = np.asarray(head.actions_motion, np.float32) / std  # what an artist poses by

    def landmarks(self, values, beta):
        return lbs.pose_torch(self.tensors, values * self.still, beta)

    @torch.no_grad()
    def parted(self, clean, beta):
        """How far the lips of clean [B, L, 65] are from shut, 0 to 1, [B, L] on the CPU."""
        device = self.weight.device
        seen = self.landmarks(clean.to(device) * self.std + self.mean, beta.to(device))
        gap = (seen[..., self.pair[1], :] - seen[..., self.pair[0], :]).norm(dim=-1) / self.opening
        return (gap / APART).clamp(0, 1).square().cpu()

    def edge(self, beta):
        """Height and depth of the upper teeth's edge on each identity, [B, 2] metres (teeth.teeth_edge)."""
        points, shapes = self.front
        y, z = (points + (beta @ shapes).unflatten(-1, points.shape))[..., 1:].unbind(-1)
        height = y.amin(-1, keepdim=True)
        return torch.stack([height[:, 0], torch.where(y < height + 0.002, z, -1.0).amax(-1)], -1)

    def __call__(self, seen, clean, beta, content, feeling, certain, hears, feels):
        """-> {name: scalar}; seen, clean [B, L, 65] normalised; certain [B]: sqrt(alpha_bar) of the step; hears, feels [B] bool."""
        error = seen - clean
        speed = error.diff(dim=1)
        calm = seen.diff(n=2, dim=1)[..., NECK].square().mean() + seen.diff(n=2, dim=1)[..., EYES].square().mean() * 0.05
        values, true_values = seen * self.std + self.mean, clean * self.std + self.mean
        here, there = self.landmarks(values, beta), self.landmarks(true_values, beta)
        apart = lambda p, pair: (p[..., pair[1], :] - p[..., pair[0], :]).square().sum(-1).add(1e-10).sqrt() / self.opening
        gap, true_gap = apart(here, self.pair), apart(there, self.pair)
        lower, true_lower = here[..., self.pair[1], 1:], there[..., self.pair[1], 1:]
        bite = (true_lower - self.edge(beta)[:, None]).norm(dim=-1) / self.opening
        slip = (lower - true_lower).square().sum(-1) / self.opening**2
        losses = {
            "x0": (error.square() * self.weight).mean(),
            "velocity": VELOCITY * (speed.square() * self.weight).mean(),
            "landmarks": LANDMARKS * (here - there).square().sum(-1).mean() * 1e6,
            "gap": GAP * (torch.exp(-NEAR * true_gap) * (gap - true_gap).square()).mean(),
            "bite": BITE * (torch.exp(-NEAR * bite) * slip).mean(),
            "width": WIDTH * (apart(here, self.corners) - apart(there, self.corners)).square().mean(),
            "smooth": SMOOTH * calm,
        }
        if self.expert is not None:
            rest = self.landmarks(torch.zeros_like(values[:, :1]), beta)
            lips = lambda p: ((p - rest)[..., self.lips, :] * 1000).flatten(2)
            with torch.no_grad():
                heard, goal = self.expert.hear(content), sync.likeness(self.expert, content, lips(there))
            short = F.relu(goal - (heard * self.expert.see(lips(here))).sum(-1)).mean(1)
            losses["sync"] = SYNC * (short * certain * hears).mean()
        if self.feels is not None:
            asked = feeling[..., POINT].mean(1)
            with torch.no_grad():
                goal = (self.feels(true_values) * F.normalize(asked, dim=-1)).sum(-1)
            short = F.relu(goal - (self.feels(values) * F.normalize(asked, dim=-1)).sum(-1))
            losses["feels"] = FEELS * (short * asked.norm(dim=-1) * certain * feels).mean()
        return losses


def train(
    data,
    head,
    feelings,
    minutes=MINUTES,
    steps=None,
    path=PATH,
    start=None,
    metadata=None,
    seed=SEED,
    rate=RATE,
    size=None,
    expert=None,
    felt=None,
    device="cpu",
    report=print,
):
    """Train for that many minutes of wall clock, or that many steps, and write path; the learning rate falls to the end of
    either.

    start: a Generator to go on from (layers that it lacks begin at zero); size: the denoiser's, where it is not the default;
    expert, felt: sync.Expert and space.MotionEncoder, frozen, or None for no such loss. Only a run by steps gives the same bits
    again.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng([seed, rank()])
    bank = feeling_bank(feelings)
    batches = Batches(data, bank, rng)
    if start is not None:  # its normalisation is part of what it learned
        batches.mean, batches.std = start.mean.numpy(), start.std.numpy()
    denoiser = Denoiser(**(start.denoiser.size if start else {}) | (size or {}) | {"content": data.content.shape[1]})
    if start is not None:
        carry_on(denoiser, start.denoiser)
    denoiser.to(device)
    average = {name: value.detach().clone() for name, value in denoiser.state_dict().items()}
    torch.manual_seed(seed + 1000 * rank())  # the same start, different noise
    losses = Losses(head, batches.mean, batches.std, device, expert, felt)
    kept = schedule("final").alphas_cumprod
    matrices = [p for p in denoiser.blocks.parameters() if p.ndim == 2]
    others = [p for p in denoiser.parameters() if all(p is not m for m in matrices)]
    optimizers = [
        torch.optim.Muon(matrices, lr=MUON_RATE, weight_decay=0.01, adjust_lr_fn="original"),
        torch.optim.AdamW(others, rate, betas=(0.9, 0.98), weight_decay=0.01),
    ]
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


def carry_on(denoiser, trained):
    """Give a Denoiser the weights of a trained one, which may lack some of its layers, and Content's mouth curves (these count for
    nothing at first). UtterError if it has others."""
    weights, first = trained.state_dict(), "content_in.0.weight"
    if denoiser.size["content"] == CONTENT == trained.size["content"] + len(CURVES):
        before, after = weights[first][:, : MOUTH.start], weights[first][:, MOUTH.start :]
        weights[first] = torch.cat([before, before.new_zeros(len(before), len(CURVES), before.shape[2]), after], 1)
    try:
        missing, others = denoiser.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise UtterError("The weights to start from are of another size; start from nothing.", str(error)) from error
    if others:
        raise UtterError("The weights to start from are of another variant; start from nothing.", ", ".join(others))


def one_batch(denoiser, batches, losses, kept, rng):
    said, clean, feeling, beta = batches.draw(BATCH)
    clean, mask = draw_pins(clean, rng, losses.actions, losses.parted(clean, beta))
    content = doubted(said)
    if denoiser.diffuses:
        t = torch.randint(0, STEPS, (len(clean),))
        share = kept[t]
        noisy = share.sqrt()[:, None, None] * clean + (1 - share).sqrt()[:, None, None] * torch.randn_like(clean)
        hears = torch.rand(len(clean)) >= DROP_CONTENT
        feels = (torch.rand(len(clean)) >= DROP_FEELING) & hears  # G(A, P), G(A), G()
    else:  # without diffusion: no noise, no guidance
        t, share, noisy = torch.full((len(clean),), STEPS - 1), torch.ones(len(clean)), torch.zeros_like(clean)
        hears = feels = torch.ones(len(clean), dtype=torch.bool)
    device = losses.weight.device
    noisy, t, content, said, feeling, beta, clean, mask, hears, feels, share = (
        x.to(device) for x in (noisy, t, content, said, feeling, beta, clean, mask, hears, feels, share)
    )
    with half(device):
        seen = denoiser(noisy, t, content, feeling, beta, clean, mask, hears, feels)
    return losses(seen.float(), clean, beta, said, feeling, share.sqrt(), hears, feels)


def doubted(content):
    """content [B, L, C], the last three prosody, as an encoder doubts: for moments, a part of what is heard belongs to another clip; and
    a little noise. Mouth curves stay, or are not known at all."""
    B, L, C = content.shape
    doubt = F.interpolate(torch.rand(B, 1, L // 4 + 2), size=L, mode="linear") * torch.rand(B, 1, 1) * DOUBT
    heard = torch.lerp(content[..., :-3], content.roll(1, 0)[..., :-3], doubt.transpose(1, 2))
    out = torch.cat([heard, content[..., -3:]], -1) + 0.03 * torch.randn_like(content)
    if C == CONTENT:
        curves = content[..., MOUTH]
        known = (curves != 0).any(-1, keepdim=True) & (torch.rand(B, 1, 1) >= DROP_CURVES)
        out[..., MOUTH] = torch.where(known, curves + 0.05 * torch.randn_like(curves), 0.0)
    return out


def finish(denoiser, average, batches, head, metadata, step, path):
    """Write the averaged weights."""
    windows = BATCH * world()
    best = Denoiser(**denoiser.size)
    best.load_state_dict({name: value.cpu() for name, value in average.items()})
    recipe = {"recipe": f"training/generator.py, {step} steps of {windows} windows", "seed": str(SEED)}
    save(
        Generator(
            best, *map(torch.from_numpy, (batches.mean, batches.std, batches.spread)), head.basis, metadata=recipe | (metadata or {})
        ),
        path,
    )


def main(args):
    """build.py train generator."""
    from model_runtime.emotion import load_feelings
    from model_runtime.flame.load import load_head
    from model_runtime.training.dataset import ensure
    from model_runtime.training.variants import variant

    head, made = load_head(), variant(args.variant)
    before = load_head(args.start_head) if args.start_head else head  # the head that `start` was trained on
    start = load(args.start, basis=before.basis) if args.start else None
    device = "cuda" if args.device != "cpu" and torch.cuda.is_available() else "cpu"
    encoder, path = None, PATH
    if args.encoder:
        from model_runtime.speech.plugin import load_plugin

        encoder, path = load_plugin(args.encoder, device, args.layer), Path(args.encoder) / PATH.name
    ensure(args.cache, head, encoder=encoder)
    kind = encoder.kind if encoder else SHIPPED
    data, feelings = load_dataset(args.cache, kind), load_feelings("cpu")
    if start and before.basis != head.basis:
        start = carried(start, before, head, data.values[:: max(1, len(data.values) // 200_000)])
    expert = sync.load_expert(device=device) if made.sync and data.content.shape[1] == CONTENT else None  # it hears no hidden states
    felt = feelings.space.motion.requires_grad_(False).to(device) if made.emotion else None
    train(
        data,
        head,
        feelings,
        args.minutes or MINUTES,
        args.steps,
        args.output or path,
        start,
        size=made.size,
        expert=expert,
        felt=felt,
        metadata={"encoder": kind, "variant": args.variant},
        seed=args.seed or SEED,
        device=device,
    )
