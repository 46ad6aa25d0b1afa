"""Which voices are measured, what is known of them, and what is heard in them.

English: LibriSpeech, read; the labels are PocketSphinx's times for the clip's text (training/align.py), an aligner's and sometimes
wrong. German: EmoDB, acted; labelled by hand, but its ten sentences are known from training by other speakers. All speakers are of
corpus.TEST_SPEAKERS or DEV_SPEAKERS.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from scipy.signal import resample_poly

from contract import FPS, UtterError
from model_runtime.listener import frame_count
from model_runtime.speech.content import resample
from model_runtime.speech.phones import bare
from model_runtime.speech.script import Cue, sharpen
from model_runtime.speech.transcript import use
from model_runtime.training import align, corpus
from tools.evaluate import closures

RATE = 16000
SNR = 10  # dB
LANGUAGES = {"English": ("librispeech", "timit"), "German": ("emodb", "emodb")}  # folder, spelling of its labels
QUIET = "voice only"
TRANSCRIPT, WORDS = "with its transcript", "with its words"  # the words found out by Utter, and those that were written down
CONDITIONS = {
    "voice": QUIET,
    "transcript": TRANSCRIPT,
    "words": WORDS,
    "noise": f"{QUIET}, noise",
    "transcript-noise": f"{TRANSCRIPT}, noise",
    "words-noise": f"{WORDS}, noise",
}


@dataclass(frozen=True, eq=False)
class Voice:
    """A clip to be measured on. record: training/align.py's, with the phones; units: closures.units of its labels."""

    name: str
    language: str
    text: str
    samples: np.ndarray  # float32 [N] at 16 kHz
    record: dict
    units: dict
    heard: dict = field(default_factory=dict)  # what hear() found

    @property
    def seconds(self):
        return len(self.samples) / RATE

    @property
    def frames(self):
        return frame_count(len(self.samples))


def voices(split, data, cache, most=None, report=print):
    """The clips of a split's speakers, [Voice]; most: at most so many of each language, spread over them."""
    known = {record["clip"]: record for record in align.load(cache, split)}
    every = [clip for clip in corpus.clips(data) if clip.split == split]
    aligner, found = None, []
    for language, (folder, kind) in LANGUAGES.items():
        clips = [clip for clip in every if clip.name.startswith(f"{folder}/") and clip.kind != "sound"]
        if most and len(clips) > most:
            clips = [clips[i] for i in np.linspace(0, len(clips) - 1, most).astype(int)]
        for clip in clips:
            if folder == "emodb":
                record = {"clip": clip.name, **align.read_emodb(clip)}
                labels = closures.read_emodb(clip.path.parent.parent / "phones" / f"{clip.path.stem}.tsv")
            else:
                record = known.get(clip.name)
                if record is None:
                    report(f"aligning {clip.name}")
                    aligner = aligner or align.Aligner()
                    record = aligner.align(clip)
                    if record is None or not align.sane(record["phones"]):
                        report(f"{clip.name} is left out: its text cannot be aligned")
                        continue
                    record = {"clip": clip.name, **record}
                labels = closures.from_arpabet(record["phones"])
            samples = corpus.sound(clip.name, clip.path, cache).astype(np.float32) / 32768
            units = closures.units(kind, labels, len(samples) / RATE)
            found.append(Voice(clip.name, language, clip.text, samples, record, units))
    if not found:
        raise UtterError(f"There are no recordings of the {split} speakers in {data}; name their folder with --data.")
    return found


# ---- noise


def noises(data):
    """{name: float32 [N] or None for white noise} of what voices are mixed with."""
    import soundfile

    found = {}
    for path in sorted(Path(data).glob("noise_rir/noise/*.wav")):
        samples, rate = soundfile.read(str(path), dtype="float32", always_2d=True)
        found[path.stem] = resample_poly(samples.mean(1), RATE, rate).astype(np.float32)
    return found | {"white": None}


def disturbed(voice, noise, seed):
    """The voice's samples with a noise (None: white) SNR dB under the power of its spoken parts."""
    rng = np.random.default_rng(seed)
    N = len(voice.samples)
    if noise is None:
        noise = rng.standard_normal(N)
    else:
        noise = np.roll(np.resize(noise, max(N, len(noise))), rng.integers(len(noise)))[:N]
    spoken = np.concatenate(
        [voice.samples[int(start * RATE) : int(end * RATE)] for start, end, phone in voice.record["phones"] if bare(phone) != "sil"]
    )
    scale = np.sqrt(np.mean(spoken**2) / (np.mean(noise**2) + 1e-12) * 10 ** (-SNR / 10))
    return (voice.samples + scale * noise).astype(np.float32)


# ---- listening


@dataclass(frozen=True, eq=False)
class Heard:
    """One voice in one condition: Content at 50 Hz and at 30 fps, and the feeling in the voice [T, 130]."""

    content: np.ndarray
    content30: np.ndarray
    feeling: np.ndarray


def hear(performer, voice, condition, seed, noise, number):
    """What the encoder hears; kept with the voice, because it is the same for every model. number: of the voice, so that noises take turns.

    With its words the text is given as a studio would, with its language; with its transcript neither is."""
    kind = list(noise)[(number + seed) % len(noise)] if "noise" in condition else ""
    key = condition, kind
    if key not in voice.heard:
        base = CONDITIONS["noise" if kind else "voice"], kind
        if base not in voice.heard:
            samples = disturbed(voice, noise[kind], number) if kind else voice.samples
            content = performer.models.encoder.encode(samples)
            feeling = performer.models.feelings.voice(samples, voice.frames)
            voice.heard[base] = Heard(content, resample(content, FPS, voice.frames), feeling)
        if key != base:
            first = voice.heard[base]
            if condition.startswith(TRANSCRIPT):
                samples = disturbed(voice, noise[kind], number) if kind else voice.samples
                lines = performer.models.transcriber(None).transcribe(samples, first.content)
                content, *_ = use(first.content, [], lambda: lines)
            else:
                code = "de" if voice.language == "German" else "en"
                content, _ = sharpen(first.content, [Cue(voice.text)], code)
            voice.heard[key] = Heard(content, resample(content, FPS, voice.frames), first.feeling)
    return voice.heard[key]
