"""Public captures as recordings.py reads them: python -m model_runtime.training.captures FOLDER OUTPUT_FOLDER

FOLDER is facegood_mocap or grid_film.

grid_film (CC BY 4.0; films.py) holds what a face tracker saw of three talkers: put on the built-in head (model_runtime/capture), as
`python -m model_runtime capture` does it. recordings.py lets the teacher move the tongue, which no camera sees, and lips meet where the
encoder hears p, b or m. The sentences are read calmly, so the emotion of every second one is neutral; the others are felt as their voice,
as a performance without a prompt is (Feelings hear one of the voices as sad). What is held out for evaluation is marked `test`.

facegood_mocap (MIT; one woman, Mandarin) holds the weights of a film rig, in which 24 channels of the mouth move. RIG says which of
ARKit's actions each one looks like; jaw and lips only, so recordings.py lets the teacher do the rest. Two of the five takes are
marked `test`: evaluation measures the jaw on them.
"""

import csv
import shutil
import sys
from pathlib import Path

import numpy as np

from contract import ACTIONS, FPS, UtterError
from model_runtime.audio import RATE
from model_runtime.capture import fit, neutral_of
from model_runtime.flame.load import load_head
from model_runtime.motion import read_npz, save_motion, write_npz
from model_runtime.training import films
from model_runtime.training.teacher import layout

RIG = {  # channel -> {action: share}; a channel's side stands at its end, as an action's does
    "mouth_stretch_c": {"jawOpen": 1.0},
    "mouth_funnel_dl": {"mouthFunnel": 0.25},
    "mouth_funnel_dr": {"mouthFunnel": 0.25},
    "mouth_funnel_ul": {"mouthFunnel": 0.25},
    "mouth_funnel_ur": {"mouthFunnel": 0.25},
    "mouth_pucker_l": {"mouthPucker": 0.5},
    "mouth_pucker_r": {"mouthPucker": 0.5},
    "mouth_oh_c": {"mouthFunnel": 0.5},
    "mouth_oo_c": {"mouthPucker": 0.7},
    "mouth_lipCornerPull_l": {"mouthSmileLeft": 1.0},
    "mouth_lipCornerPull_r": {"mouthSmileRight": 1.0},
    "mouth_lipStretch_l": {"mouthStretchLeft": 1.0},
    "mouth_lipStretch_r": {"mouthStretchRight": 1.0},
    "mouth_lowerLipDepress_l": {"mouthLowerDownLeft": 1.0},
    "mouth_lowerLipDepress_r": {"mouthLowerDownRight": 1.0},
    "mouth_upperLipRaise_l": {"mouthUpperUpLeft": 1.0},
    "mouth_upperLipRaise_r": {"mouthUpperUpRight": 1.0},
    "mouth_press_l": {"mouthPressLeft": 1.0},
    "mouth_press_r": {"mouthPressRight": 1.0},
    "mouth_suck_dl": {"mouthRollLower": 0.5},
    "mouth_suck_dr": {"mouthRollLower": 0.5},
    "mouth_suck_ul": {"mouthRollUpper": 0.5},
    "mouth_suck_ur": {"mouthRollUpper": 0.5},
    "mouth_chinRaise_u": {"mouthShrugUpper": 1.0},
}
TEST_TAKES = ("1114_2_04", "1114_3_15")


def convert(source, output, report=print):
    """A public capture's folder -> a folder for --recordings; returns the number of takes. UtterError if it holds none."""
    source, output = Path(source), Path(output)
    if (source / "bs").is_dir():
        return facegood(source, output)
    return filmed(films.films(source), output, report)


def filmed(clips, output, report=print):
    """[films.Film] -> the same; a speaker's neutral face is looked for in all of his clips."""
    output.mkdir(parents=True, exist_ok=True)
    head = load_head()
    neutrals = {
        speaker: neutral_of([clip.track for clip in clips if clip.speaker == speaker])
        for speaker in dict.fromkeys(clip.speaker for clip in clips)
    }
    for number, clip in enumerate(clips):
        motion = fit(clip.track, neutrals[clip.speaker], head, -(-round(clip.seconds * RATE) * FPS // RATE))
        save_motion(motion, output / f"{clip.name}.npz")
        shutil.copyfile(clip.sound, output / clip.sound.name)
        if clip.text:
            (output / f"{clip.name}.txt").write_text(clip.text + "\n", encoding="utf-8")
        if number % 100 == 0:
            report(f"{number} of {len(clips)} films put on the head")
    splits = {clip.name: "train" if clip.split == "train" else "test" for clip in clips}
    write_index(output, splits, {clip.name: "neutral" for clip in clips[::2]})
    return len(clips)


def facegood(source, output):
    """facegood_mocap's folder -> the same."""
    takes = sorted((source / "bs").glob("*.npz"))
    if not takes:
        raise UtterError(f"{source} holds no takes; name the folder facegood_mocap.")
    output.mkdir(parents=True, exist_ok=True)
    for take in takes:
        actions, moved, fps = rigged(take)
        kept = sorted(moved)
        write_npz(output / take.name, weights=actions[:, kept], names=np.array([ACTIONS[k] for k in kept]), fps=np.float64(fps))
        shutil.copyfile(source / "audio" / f"{take.stem}.opus", output / f"{take.stem}.opus")
    write_index(output, {take.stem: "test" if take.stem in TEST_TAKES else "train" for take in takes})
    return len(takes)


def rigged(take):
    """A take of facegood_mocap -> (actions float32 [T, 52], columns that it moves, fps)."""
    with read_npz(take) as arrays:
        weights, names, fps = arrays["weights"], list(arrays["names"]), arrays["fps"].item()
    actions = np.zeros((len(weights), len(ACTIONS)), np.float32)
    moved = set()
    for channel, shares in RIG.items():
        for action, share in shares.items():
            column = layout.INDEX[action]
            actions[:, column] = np.minimum(actions[:, column] + share * np.clip(weights[:, names.index(channel)], 0, 1), 1)
            moved.add(column)
    return actions, moved, fps


def write_index(output, splits, emotions=None):
    """index.csv of {clip: split}; emotions: {clip: emotion} of those of whom it is known."""
    with open(output / "index.csv", "w", newline="", encoding="utf-8") as stream:
        rows = csv.writer(stream)
        rows.writerow(("clip", "split", "emotion"))
        rows.writerows((clip, split, (emotions or {}).get(clip, "")) for clip, split in splits.items())


if __name__ == "__main__":
    try:
        print(f"{convert(*sys.argv[1:])} takes")
    except (UtterError, TypeError) as error:
        sys.exit(f"captures: {error}")
