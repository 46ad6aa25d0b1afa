"""The recordings to learn from, split by speaker.

Reads the folders of --data as their README.md and index.csv describe them. A speaker belongs to one split only. EmoDB's
speakers 03 and 10, three LibriSpeech speakers and two of the filmed ones (films.HELD_OUT) are for testing and never trained on; the
sealed heldout.bin is not read.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from contract import beside, read_table, read_text

TEST_SPEAKERS = {"emodb_03", "emodb_10", "libri_1998", "libri_2609", "libri_3005", "grid_s26", "grid_s31"}
DEV_SPEAKERS = {"emodb_12", "libri_1688", "libri_2033", "libri_2414", "arctic_axb", "vctk_p226"}


@dataclass(frozen=True)
class Clip:
    """One recording. kind says what is known of it: `phones` (hand or aligner's times), `text`, or `sound` alone."""

    name: str  # "emodb/03a01Fa"
    path: Path
    speaker: str  # unique over all folders
    language: str  # "en", "de", ...
    kind: str
    text: str = ""
    emotion: str = ""  # acted emotion where the corpus names one

    @property
    def split(self):
        return "test" if self.speaker in TEST_SPEAKERS else "dev" if self.speaker in DEV_SPEAKERS else "train"


def clips(data="../shared/data", most=None):
    """Every clip of that folder, [Clip, ...] in a fixed order; of each corpus at most `most`, spread over it. Missing folders
    are left out."""
    return [clip for folder in FOLDERS for clip in spread(list(FOLDERS[folder](Path(data) / folder)), most) if clip.path.exists()]


def spread(items, most=None):
    """At most that many of a list, spread over it; None: all."""
    if most is None or len(items) <= most:
        return items
    return [items[at] for at in np.linspace(0, len(items) - 1, most).round().astype(int)]


def rows(folder):
    """The rows of a folder's index.csv as dicts; none without one."""
    index = folder / "index.csv"
    if not index.exists():
        return []
    table = [row for row in read_table(index, strict=False) if row]
    return [dict(zip(table[0], row)) for row in table[1:]]


def librispeech(folder):
    for row in rows(folder):
        yield Clip(
            f"librispeech/{row['clip']}",
            folder / row["subset"] / f"{row['clip']}.opus",
            f"libri_{row['speaker']}",
            "en",
            "text" if row["text"] else "sound",
            row["text"],
        )


def emodb(folder):
    for row in rows(folder):
        yield Clip(
            f"emodb/{row['clip']}",
            folder / "audio" / f"{row['clip']}.opus",
            f"emodb_{row['speaker']}",
            "de",
            "phones" if row["has_phones"] == "1" else "sound",
            row["text"],
            EMOTIONS.get(row["emotion"], row["emotion"]),
        )


def ljspeech(folder):
    for row in rows(folder):
        timed = (folder / "textgrid_for_audio" / f"{row['clip']}.TextGrid").exists()
        yield Clip(
            f"ljspeech/{row['clip']}",
            folder / "audio" / f"{row['clip']}.opus",
            "ljspeech",
            "en",
            "phones" if timed else "text",
            row["text"],
        )


def listed(folder):
    """dbspeech, kerstin_de, speech_commands, misc_cc, picovoice_*: audio/ and an index of clip, speaker, language, text."""
    for row in rows(folder):
        text = "" if row["text"].startswith("[slots]") else row["text"]
        name = row["clip"].removesuffix(".opus")
        speaker = f"{folder.name}_{name}" if row["speaker"] == "unknown" else row["speaker"]
        emotion = name.removeprefix("thorsten_") if name.removeprefix("thorsten_") in THORSTEN else ""
        yield Clip(
            f"{folder.name}/{name}",
            folder / "audio" / row["clip"],
            speaker,
            row["language"],
            "text" if text else "sound",
            text,
            EMOTIONS.get(emotion, emotion),
        )


def vctk(folder):
    for row in rows(folder):
        yield Clip(f"vctk/{row['clip']}", folder / "audio" / f"{row['clip']}.opus", f"vctk_{row['speaker']}", "en", "sound")


def austen(folder):
    """pocketsphinx_librivox: sentences with a .txt beside them."""
    for path in sorted(folder.glob("*.flac")):
        text = path.with_suffix(".txt")
        if text.exists():
            yield Clip(f"{folder.name}/{path.stem}", path, "librivox_austen", "en", "text", read_text(text).strip())


def odd_voices(folder):
    for path in sorted(folder.glob("wav/*.opus")):
        yield Clip(f"odd_voices/{path.stem}", path, "odd_voices", "en", "sound")


def emogator(folder):
    for row in rows(folder):
        emotion = row["emotion"].lower()
        yield Clip(
            f"emogator/{row['clip'].removesuffix('.opus')}",
            folder / "audio" / row["clip"],
            f"emogator_{row['speaker']}",
            "en",
            "sound",
            emotion=EMOTIONS.get(emotion, emotion),
        )


def grid_film(folder):
    """Sentences of a few words, put together of the words with their times."""
    said = {}
    for row in read_table(folder / "words.csv", strict=False)[1:] if (folder / "words.csv").exists() else []:
        if row and row[3] not in ("sil", "sp"):
            said.setdefault(row[0], []).append(row[3])
    for row in rows(folder):
        text = " ".join(said.get(row["clip"], []))
        path = folder / "audio" / f"{row['clip']}.opus"
        yield Clip(f"grid_film/{row['clip']}", path, f"grid_{row['speaker']}", "en", "text" if text else "sound", text)


def singing(folder):
    for path in sorted(folder.glob("*.flac")):
        yield Clip(f"singing/{path.stem}", path, "vocadito", "en", "sound")


def facegood(folder):
    for path in sorted(folder.glob("audio/*.opus")):
        yield Clip(f"facegood_mocap/{path.stem}", path, "facegood_shirley", "zh", "sound")


def jfk(folder):
    yield Clip(
        "jfk/jfk",
        folder / "jfk.flac",
        "jfk",
        "en",
        "text",
        "And so my fellow Americans ask not what your country can do for you ask what you can do for your country",
    )


# The corpora's words -> our labels; words that are none of ours (boredom, drunk, whisper...) stay as they are.
EMOTIONS = {"happiness": "happy", "amused": "happy", "sadness": "sad", "anger": "angry", "fear": "afraid", "disgust": "disgusted"}
THORSTEN = {"amused", "angry", "disgusted", "drunk", "neutral", "sleepy", "surprised", "whisper"}

FOLDERS = {
    "emodb": emodb,
    "ljspeech": ljspeech,
    "librispeech": librispeech,
    "pocketsphinx_librivox": austen,
    "jfk": jfk,
    "vctk": vctk,
    "misc_cc": listed,
    "kerstin_de": listed,
    "dbspeech": listed,
    "speech_commands": listed,
    "picovoice_keywords": listed,
    "picovoice_coffee": listed,
    "odd_voices": odd_voices,
    "facegood_mocap": facegood,
    "emogator": emogator,
    "grid_film": grid_film,
    "singing": singing,
}


def sound(name, path, cache=".cache/training"):
    """A clip's samples, int16 [N] at 16 kHz; decoded once and kept in the cache."""
    kept = Path(cache) / "sound" / f"{name}.npy"
    if not kept.exists():
        samples, rate = soundfile.read(str(path), dtype="int16")
        assert rate == 16000 and samples.ndim == 1, f"{path} is not 16 kHz mono"
        with beside(kept) as part, open(part, "wb") as stream:
            np.save(stream, samples)
    return np.load(kept)
