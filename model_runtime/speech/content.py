"""Content: what the mouth must say, float32 [Tc, 59] at 50 Hz; frame i is centred on i / 50 s of the voice.

Posteriors of 40 phones and of 12 articulatory facts; four mouth curves, how people on film move their mouths to such a sound: lip gap,
mouth width, jaw and protrusion of the lips, in standard deviations from a speaker's mean in talk (all four 0: not known); then prosody:
`energy` (log, 0..1), `voicing` (0..1) and `f0` (octaves from the speaker's median, 0 where unvoiced). A voice of N samples at 16 kHz has
frames_of(N) = N // 320 + 1 of them.
"""

import numpy as np

from model_runtime.motion import write_npz
from model_runtime.speech import phones

FPS = 50
HOP = 320  # samples of 16 kHz between frames
SHIPPED = "utter"  # the kind of the speech encoder that is shipped

CURVES = ("gap", "width", "jaw", "protrusion")  # as capture.measures names them
NAMES = (*phones.PHONES, *phones.ARTICULATORY, *CURVES, "energy", "voicing", "f0")
COLUMNS = len(NAMES)
PHONES = slice(0, 40)
ARTICULATORY = slice(40, 52)
MOUTH = slice(52, 56)
PROSODY = slice(56, 59)

BRIEF = [NAMES.index(name) for name in ("bilabial", "labiodental", "P", "B", "M", "F", "V")]  # contacts too short to be averaged


def frames_of(samples):
    """How many frames a voice of that many samples has."""
    return samples // HOP + 1


def resample(content, fps, frames):
    """Content [Tc, 59] at 50 Hz -> float32 [frames, 59] at fps, frame i at i / fps s; past the end the last frame holds.
    Columns other than Content's (hidden states) are interpolated linearly.

    Linear in time, except for lip contacts: a frame takes the highest of those within half a frame of it, so that a closure
    shorter than a frame stays as strong as it was heard. Phone posteriors are scaled to sum to one again.
    """
    content = np.asarray(content, np.float32)
    time = np.minimum(np.arange(frames) * (FPS / fps), len(content) - 1)
    left = np.floor(time).astype(int)
    right = np.minimum(left + 1, len(content) - 1)
    weight = (time - left)[:, None].astype(np.float32)
    out = content[left] * (1 - weight) + content[right] * weight
    if out.shape[1] != COLUMNS:
        return out
    reach = FPS / fps / 2
    for shift in range(-int(np.ceil(reach)), int(np.ceil(reach)) + 1):
        near = np.clip(np.round(time).astype(int) + shift, 0, len(content) - 1)
        close = np.abs(near - time) <= reach + 1e-6
        out[:, BRIEF] = np.where(close[:, None], np.maximum(out[:, BRIEF], content[near][:, BRIEF]), out[:, BRIEF])
    out[:, PHONES] /= np.maximum(out[:, PHONES].sum(1, keepdims=True), 1e-6)
    return out


def visemes(content):
    """Posteriors [Tc, 15] of phones.VISEMES: the phones that share a mouth shape, added up."""
    sums = np.zeros((len(phones.PHONES), len(phones.VISEMES)), np.float32)
    for column, phone in enumerate(phones.PHONES):
        sums[column, phones.VISEMES.index(phones.VISEME_OF[phone])] = 1
    return content[:, PHONES] @ sums


def spoken(content, fps):
    """The phones of Content [T, 59] at fps, in order of time, as contract Words (text: ARPAbet; confidence: the mean posterior): runs of
    frames in which a phone is the likeliest, silence left out. Of hidden states nothing is known: ()."""
    if content.shape[1] != COLUMNS:
        return ()
    posteriors = content[:, PHONES]
    likeliest = posteriors.argmax(1)
    edges = [0, *(np.flatnonzero(np.diff(likeliest)) + 1), len(likeliest)]
    runs = [(first, last, phones.PHONES[likeliest[first]]) for first, last in zip(edges, edges[1:]) if last > first]
    return tuple(
        {
            "start": round(max(first - 0.5, 0) / fps, 3),  # a frame is centred on its time
            "end": round((last - 0.5) / fps, 3),
            "text": phone,
            "confidence": round(float(posteriors[first:last, phones.PHONES.index(phone)].mean()), 3),
        }
        for first, last, phone in runs
        if phone != "sil"
    )


def names_of(content):
    """What the columns are called: NAMES, or those of hidden states [Tc, D + 3] (plugin.py)."""
    hidden = content.shape[1] - len(NAMES[PROSODY])
    return NAMES if content.shape[1] == COLUMNS else (*(f"hidden_{number:04d}" for number in range(hidden)), *NAMES[PROSODY])


def save_content(content, path):
    """Write .npz: `content` [Tc, 59], `names`, `fps`."""
    write_npz(path, content=np.asarray(content, np.float32), names=np.array(names_of(content)), fps=np.float64(FPS))
