"""Train the mouth curves of the speech encoder (speech/encoder.py) on people on film: python build.py train mouth.

What the sound tells of lip gap, mouth width, jaw and protrusion, which a camera measured: in standard deviations from the mean of that
speaker's films, so that a wide mouth, or a camera that is near, is no other curve. Speakers are GRID's three (films.py; a face tracker's
points) and FACEGOOD's (captures.py; a film rig's weights, on the built-in head). Whisper's part is frozen and hears the films once, as
they are and disturbed (listening.py); a small head learns what each frame's mouth did. Loss: squared error, and that of the velocity.

Few people are on film, and one more helps others much: half a minute of s26 or s31 beside s1's 47 raised r of the other's width from .47 to
.56, or from .54 to .63. So the shipped head learns from all of them, and what it does for a stranger is measured by heads of the same
recipe that each leave one out; these stay in the cache, where evaluation finds them (`stranger`).
"""

import time
from pathlib import Path

import numpy as np
import torch
from scipy.stats import pearsonr

from contract import say
from model_runtime import checkpoints
from model_runtime.audio import RATE
from model_runtime.capture import measures, neutral_of
from model_runtime.capture.solve import lengths
from model_runtime.capture.track import in_face
from model_runtime.flame.load import load_head
from model_runtime.speech import features
from model_runtime.speech.content import CURVES, FPS, HOP, MOUTH
from model_runtime.speech.encoder import EARLY, FORMAT, LOUD, MOUTHED, VERSION, WEIGHTS, Head, load_encoder, save_network
from model_runtime.training import captures, corpus, films, listening
from model_runtime.training.together import half

EARS = f"mouth{VERSION}"  # the folders of the cache in which it is kept what Whisper's part heard
SHARDS = {"plain": 3, "disturbed": 3}  # of them: an hour each
SHARES = {"s1": 1.0, "s26": 0.25, "s31": 0.25, "facegood": 0.25}  # how often each speaker is drawn from
STEPS, LEARNING = 500, 1e-3
VELOCITY = 0.3  # how much the error of the velocity (a frame's change) counts


def main(args):
    clips = learned(args.data)
    if not clips:
        say(f"{args.data} holds no people on film to learn from: the mouth curves stay as they are.")
        return
    encoder = load_encoder("cpu")
    windows = Plain(clips, SHARES, args, np.random.default_rng(args.seed))
    listening.listen(windows, encoder.network, args, f"{EARS}_plain", SHARDS["plain"], EARLY)
    windows = listening.Windows(clips, SHARES, args, np.random.default_rng(args.seed))
    listening.listen(windows, encoder.network, args, f"{EARS}_disturbed", SHARDS["disturbed"], EARLY)
    _, about = checkpoints.read(WEIGHTS, FORMAT)
    about |= {"mouth": "model_runtime/training/mouth.py"}
    for left_out in (*sorted(films.HELD_OUT), None):
        torch.manual_seed(args.seed)
        encoder.network.mouth = Head(len(CURVES), *MOUTHED)
        fit(encoder.network.mouth, listening.Heard(Curves(windows, left_out), args, EARS), args.steps or STEPS)
        save_network(encoder.network, stranger(args.cache, left_out) if left_out else WEIGHTS, **about)
        for speaker, r in measure(encoder, args, {left_out} if left_out else set(SHARES) - films.HELD_OUT).items():
            say(f"{speaker}: " + ", ".join(f"{name} {x:.2f}" for name, x in zip(CURVES, r)))


def stranger(cache, speaker):
    """The path of an encoder to which that speaker is a stranger."""
    return Path(cache) / f"encoder{VERSION}_without_{speaker}.safetensors"


class Plain(listening.Windows):
    """Draws clips as they are, from the beginning."""

    def window(self, frames):
        shares = np.array([self.shares[speaker] for speaker in self.folders])
        number = int(self.rng.choice(self.folders[self.rng.choice(list(self.folders), p=shares / shares.sum())]))
        clip = self.clips[number]
        samples = corpus.sound(clip["clip"], clip["path"], self.args.cache).astype(np.float32) / 32768
        samples = samples * 10 ** ((LOUD - max(features.loud_level(features.loudness(samples)), -60)) / 20)
        count = min(len(samples) // HOP, frames)
        return samples[: count * HOP].astype(np.float32), np.full(count, number, np.int32), np.arange(count, dtype=np.float32) / FPS

    def colour(self, mel):
        return mel


def learned(data):
    """What is learned from: dicts with `clip` (its speaker before a slash), `path`, `times` [N] s and `curves` [N, 4]; none without the
    folders."""
    data = Path(data)
    found = []
    if (data / "grid_film").is_dir():
        found += on_film([film for film in films.films(data / "grid_film") if film.split == "train" or film.speaker in films.HELD_OUT])
    head = load_head()
    takes = [take for take in sorted(data.glob("facegood_mocap/bs/*.npz")) if take.stem not in captures.TEST_TAKES]
    rigged = [captures.rigged(take) for take in takes]
    curves = standard([lengths(head, actions) for actions, _, _ in rigged])
    for take, (actions, _, fps), rows in zip(takes, rigged, curves):
        path = take.parents[1] / "audio" / f"{take.stem}.opus"
        found.append({"clip": f"facegood/{take.stem}", "path": str(path), "times": np.arange(len(actions)) / fps, "curves": rows})
    return found


def on_film(clips):
    """[films.Film] -> the same dicts."""
    by_speaker = {}
    for film in clips:
        by_speaker.setdefault(film.speaker, []).append(film)
    found = []
    for own in by_speaker.values():
        neutral = neutral_of([film.track for film in own])
        seen = [measures(in_face(film.track, neutral.points)) for film in own]
        for film, rows in zip(own, standard([np.stack([there[name] for name in CURVES], 1) for there in seen])):
            times = film.track.times[film.track.seen]
            found.append({"clip": f"{film.speaker}/{film.name}", "path": str(film.sound), "times": times, "curves": rows})
    return found


def standard(curves):
    """[[T, 4], ...] of one speaker in any unit -> the same in standard deviations from his mean."""
    if not curves:
        return []
    together = np.concatenate(curves)
    return [((rows - together.mean(0)) / np.maximum(together.std(0), 1e-6)).astype(np.float32) for rows in curves]


class Curves:
    """What listening.Heard asks for: the curves of any moments of any clips but those of a speaker who is left out."""

    def __init__(self, windows, left_out=None):
        self.number, self.clips, self.left_out = windows.number, windows.clips, left_out

    def told(self, source, moments):
        """(curves [T, 4], whether they are known [T]) of those moments (s) of those clips (numbers; -1 nobody speaks), both [T]."""
        out, known = np.zeros((len(source), len(CURVES)), np.float32), np.zeros(len(source), np.float32)
        for number in set(source.tolist()) - {-1}:
            clip, rows = self.clips[number], source == number
            if listening.folder_of(clip) == self.left_out:
                continue
            at, times = moments[rows], clip["times"]
            out[rows] = np.stack([np.interp(at, times, curve) for curve in clip["curves"].T], 1)
            known[rows] = (at >= times[0]) & (at <= times[-1])
        return out, known


def fit(head, heard, steps):
    """Train a Head for that many steps; it ends with averaged weights, in eval mode."""
    device = next(head.parameters()).device
    optimizer = torch.optim.AdamW(head.parameters(), LEARNING, weight_decay=0.05, betas=(0.9, 0.98))
    averaged = {name: tensor.detach().clone() for name, tensor in head.state_dict().items()}
    began, recent = time.monotonic(), []
    head.train()
    for step in range(1, steps + 1):
        for group in optimizer.param_groups:
            group["lr"] = LEARNING * min(1, step / 60) * (0.5 + 0.5 * np.cos(np.pi * step / steps)) + 1e-6
        x, curves, known = heard.batch(device)
        with half(device):
            error = head(x)
        error = (error.float() - curves) * known[..., None]
        loss = (error.square().sum() + VELOCITY * (error.diff(dim=1) * known[:, 1:, None]).square().sum()) / known.sum().clamp(min=1)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(head.parameters(), 1.0)
        optimizer.step()
        for name, tensor in head.state_dict().items():
            averaged[name].lerp_(tensor, max(0.005, 1 / step))
        recent.append(loss.item())
        if step % 100 == 0:
            print(f"step {step} {time.monotonic() - began:.0f} s: {np.mean(recent[-100:]):.3f}", flush=True)
    head.load_state_dict(averaged)
    head.eval()


def measure(encoder, args, speakers):
    """{speaker: mean r of each of CURVES over the films that are held out}, at no lag."""
    found = {}
    for film in films.films(Path(args.data) / "grid_film", "dev") if (Path(args.data) / "grid_film").is_dir() else ():
        if film.speaker not in speakers:
            continue
        (clip,) = on_film([film])
        samples = corpus.sound(clip["clip"], clip["path"], args.cache).astype(np.float32) / 32768
        curves, moments = encoder.hear(samples)[:, MOUTH], np.arange(len(samples) // (RATE // FPS)) / FPS
        moments = moments[(moments >= clip["times"][0]) & (moments <= clip["times"][-1])]
        ours = curves[np.round(moments * FPS).astype(int)]
        theirs = [np.interp(moments, clip["times"], curve) for curve in clip["curves"].T]
        found.setdefault(film.speaker, []).append([pearsonr(a, b).statistic for a, b in zip(ours.T, theirs)])
    return {speaker: np.mean(rows, 0) for speaker, rows in found.items()}
