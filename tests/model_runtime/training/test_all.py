"""python build.py train all, from voices to a performance, on a handful of spoken sentences in a copy of the project."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

from model_runtime.motion import load_motion
from model_runtime.training import align, synthetic

ROOT = Path(__file__).resolve().parents[3]
ENCODER = "blender_assets/models/encoder.safetensors"  # made anew under the part that is Whisper's
WEIGHTS = (
    "blender_assets/models/feelings.safetensors",
    "blender_assets/models/generator.safetensors",
    "model_runtime/training/sync.safetensors",
)
ENGLISH = (
    ("1", "My mother may pay for the boat."),
    ("2", "Bob put a big map on the table."),
    ("1688", "Five boys fish from the pier."),
    ("1998", "Push the puppy over the bridge."),
)  # for dev, for testing
FELT = (("08", "happiness"), ("09", "anger"), ("11", "sadness"), ("03", "neutral"))


def speak(path, text, voice):
    samples, _ = synthetic.espeak(text, voice)
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, synthetic.resample_poly(samples / 32768, 320, 441), 16000, format="OGG", subtype="OPUS")


def index(folder, rows):
    with open(folder / "index.csv", "w", newline="") as stream:
        table = csv.DictWriter(stream, rows[0])
        table.writeheader()
        table.writerows(rows)


def corpora(folder):
    """What data/README.md describes, in small: four sentences of LibriSpeech, four of EmoDB."""
    for number, (_speaker, text) in enumerate(ENGLISH):
        speak(folder / "librispeech" / "dev" / f"{number}.opus", text, f"en-us+{'mf'[number % 2]}{number + 1}")
    index(
        folder / "librispeech",
        [{"clip": n, "subset": "dev", "speaker": speaker, "text": text} for n, (speaker, text) in enumerate(ENGLISH)],
    )
    for number, _ in enumerate(FELT):
        speak(folder / "emodb" / "audio" / f"{number}.opus", "Das will sie am Mittwoch abgeben.", f"de+m{number + 1}")
    index(
        folder / "emodb",
        [{"clip": n, "speaker": speaker, "emotion": emotion, "text": "", "has_phones": 0} for n, (speaker, emotion) in enumerate(FELT)],
    )


def run(tree, *arguments):
    alone = {**os.environ, "PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "PATH": ""}  # without flite and festival
    done = subprocess.run([sys.executable, "-m", *arguments], cwd=tree, capture_output=True, text=True, timeout=1500, env=alone)
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    return done.stdout


def test_training_runs_from_beginning_to_end(tmp_path):
    data, tree, cache = tmp_path / "data", tmp_path / "tree", tmp_path / "cache"
    corpora(data)
    for name in ("contract", "model_runtime", "blender_assets"):
        shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in WEIGHTS:
        (tree / name).unlink(missing_ok=True)
    for path in (tree / "model_runtime" / "training" / "phrases").glob("*.txt"):
        if path.stem not in ("first", "nothing"):  # enough, and minutes less
            path.unlink()
    shipped = (tree / ENCODER).read_bytes()
    run(tree, "model_runtime.training", "all", "--data", str(data), "--cache", str(cache), "--clips", "4", "--steps", "2")
    assert all((tree / name).stat().st_size > 1e4 for name in WEIGHTS) and (tree / ENCODER).read_bytes() != shipped
    assert len(align.load(cache)) == 4 and len(synthetic.load(cache)) > 1
    run(
        tree,
        "model_runtime",
        "perform",
        str(data / "librispeech" / "dev" / "0.opus"),
        "-o",
        str(tmp_path / "out.npz"),
        "--quality",
        "draft",
    )
    motion = load_motion(tmp_path / "out.npz").values
    assert np.isfinite(motion).all() and motion.std() > 0
