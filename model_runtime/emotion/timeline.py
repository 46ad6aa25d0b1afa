"""A timeline of prompts as one array: passages are laid over what the voice itself feels."""

import numpy as np

from model_runtime.emotion.labels import CONTROL, MOUTH, POINT


def passage_weight(T, fps, start, end, fade, fade_out=None):
    """-> [T] 0..1: how much a passage counts at each frame. Raised cosines of `fade` seconds centred on its two ends; of fade_out on the
    latter, if that is another."""
    time = np.arange(T) / fps
    comes, goes = (max(each, 1e-6) / 2 for each in (fade, fade if fade_out is None else fade_out))
    rise = np.clip((time - start + comes) / (2 * comes), 0, 1)
    fall = np.clip((end + goes - time) / (2 * goes), 0, 1)
    ease = lambda x: (1 - np.cos(np.pi * x)) / 2
    return (ease(rise) * ease(fall)).astype(np.float32)


def strength_at(T, fps, passage):
    """The strength of a Passage: a number, or [T] where it changes: straight between its points, level beyond them."""
    if not isinstance(passage.strength, tuple):
        return passage.strength
    times, values = zip(*passage.strength)
    return np.interp(np.arange(T) / fps, times, values).astype(np.float32)


def compose(T, fps, base, strength, passages, feelings, clips=None, mouth=0.0):
    """base [T, 130] (or [130]) is what holds without a prompt. strength: of the whole, base and passages; mouth: -1 to 1, added to the
    MOUTH of all.

    passages: contract.Passage; clips: {path: feeling [130]} of those that have a clip. Where passages overlap they blend by their weights,
    which are scaled to sum to 1 where they sum to more.
    A blend of two feelings is as strong as its parts: directions are blended, then lengths. How they show (labels.MANNER) blends as it is.
    Returns (Feeling [T, 130], prompted [T] 0..1).
    """
    base = scaled(np.broadcast_to(np.asarray(base, np.float32), (T, np.shape(base)[-1])), strength)
    weights = [passage_weight(T, fps, passage.start, passage.end, *passage.fades) for passage in passages]
    felt = lambda passage: clips[passage.clip] if passage.clip else feelings.prompt(passage.prompt)
    strengths = [strength_at(T, fps, passage) for passage in passages]
    wanted = [scaled(felt(passage), (how if np.isscalar(how) else 1.0) * strength) for passage, how in zip(passages, strengths)]
    for given in (base, *wanted):
        given[..., MOUTH] = np.clip(given[..., MOUTH] + mouth, -1, 1)
    if not weights:
        return base, np.zeros(T, np.float32)
    weights, wanted = np.stack(weights), np.stack(wanted).astype(np.float32)  # [P, T], [P, 130]
    total = weights.sum(0)
    weights = (weights / np.maximum(total, 1)).T  # [T, P]
    prompted = np.minimum(total, 1).astype(np.float32)
    rest = (1 - prompted)[:, None]
    out = weights @ wanted + rest * base
    if not all(map(np.isscalar, strengths)):  # by which frame, as scaled() does for all of them
        weights = weights * np.stack([np.ones(T, np.float32) if np.isscalar(how) else how for how in strengths], axis=1)
        for columns in (POINT, CONTROL):
            out[:, columns] = weights @ wanted[:, columns] + (rest * base)[:, columns]
    length = weights @ np.linalg.norm(wanted[:, POINT], axis=1) + rest[:, 0] * np.linalg.norm(base[:, POINT], axis=1)
    size = np.linalg.norm(out[:, POINT], axis=1)
    out[:, POINT] *= (length / np.maximum(size, 1e-6))[:, None]
    return out.astype(np.float32), prompted


def scaled(feeling, strength):
    """A Feeling [..., 130] of that share of its strength."""
    out = np.array(feeling, np.float32)
    out[..., POINT] *= np.float32(strength)
    out[..., CONTROL] *= np.float32(strength)
    return out
