"""Filmed talkers that a face tracker saw: the folder grid_film of --data (its NOTE.txt says what it holds).

Speaker s1 is for learning, but for some of its sentences; s26 and s31 are never learned from: they are the dev split, with those sentences.
"""

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from contract import UtterError, read_number, read_table
from model_runtime.capture import Track
from model_runtime.capture.track import BLENDSHAPES, POINTS
from model_runtime.motion import read_npz

HELD_OUT = {"s26", "s31"}
PATTERN = (  # a sentence's six words, of whose letters the clip's name is made
    {"b": "bin", "l": "lay", "p": "place", "s": "set"},
    {"b": "blue", "g": "green", "r": "red", "w": "white"},
    {"a": "at", "b": "by", "i": "in", "w": "with"},
    {},
    dict(zip("z123456789", "zero one two three four five six seven eight nine".split())),
    {"a": "again", "n": "now", "p": "please", "s": "soon"},
)
SLICE = 20  # of the learned speaker's sentences one in so many is held out


@dataclass(frozen=True, eq=False)
class Film:
    name: str
    speaker: str
    split: str  # "train" or "dev"
    sound: Path
    seconds: float  # of the sound
    track: Track
    words: list  # [(start, end, word), ...] in seconds; none where their times are not known

    @property
    def text(self):
        return " ".join(word for _, _, word in self.words if word not in ("sil", "sp"))


def split_of(name, speaker):
    """Of a clip: a speaker that is held out whole, or a sentence of another, chosen by its name alone, is `dev`."""
    sentence = name.removeprefix(f"{speaker}_")
    return "dev" if speaker in HELD_OUT or zlib.crc32(sentence.encode()) % SLICE == 0 else "train"


def sentence(name):
    """The words of a clip: "s1_bbaf2n" -> ["bin", "blue", "at", "f", "two", "now"]."""
    return [words.get(letter, letter) for words, letter in zip(PATTERN, name.rpartition("_")[2])]


def films(folder, split=None):
    """The clips of that folder, [Film] in the order of its index; of one split, or of both. UtterError if it is no such folder."""
    folder = Path(folder)
    if not (folder / "index.csv").is_file():
        raise UtterError(f"{folder} holds no tracked films; name the folder grid_film.")
    rows = table(folder / "index.csv")
    said: dict[str, list] = {}
    for row in table(folder / "words.csv") if (folder / "words.csv").is_file() else ():
        said.setdefault(row["clip"], []).append((read_number(row["start"]), read_number(row["end"]), row["word"]))
    tracks = {speaker: read_tracks(folder / f"tracks_{speaker}.npz") for speaker in dict.fromkeys(row["speaker"] for row in rows)}
    found = []
    for row in rows:
        name, speaker = row["clip"], row["speaker"]
        if split in (None, split_of(name, speaker)) and name in tracks[speaker]:
            sound = folder / "audio" / f"{name}.opus"
            found.append(
                Film(name, speaker, split_of(name, speaker), sound, read_number(row["seconds"]), tracks[speaker][name], said.get(name, []))
            )
    return found


def table(path):
    names, *lines = [row for row in read_table(path, strict=False) if row]
    return [dict(zip(names, line)) for line in lines]


def read_tracks(path):
    """{clip: Track} of a file. UtterError if it holds other points or blendshapes than ours."""
    with read_npz(path) as kept:
        if tuple(kept["point_ids"]) != POINTS or tuple(map(str, kept["blendshape_names"])) != BLENDSHAPES:
            raise UtterError(f"{path.name} holds other points or blendshapes than MediaPipe's; track the films again.")
        clips, frames = kept["clips"], kept["frames"]
        arrays = [kept[name] for name in ("time", "points", "blendshapes", "matrix")]
    return {
        str(clip): Track(*(np.array(array[k, :count], float) for array in arrays)) for k, (clip, count) in enumerate(zip(clips, frames))
    }
