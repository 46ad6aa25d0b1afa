"""The tools that show a performance: sample voices, renderer, film, contact sheet, and the demo as a whole."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]
VOICES = ROOT / "blender_assets" / "voices"
ENOUGH = 300  # seconds


def run(*command):
    done = subprocess.run([sys.executable, *map(str, command)], cwd=ROOT, capture_output=True, text=True, timeout=ENOUGH)
    assert done.returncode == 0, done.stdout + done.stderr
    return done


@pytest.fixture(scope="module")
def seen(tmp_path_factory):
    """What stand_in.py saw."""
    folder = tmp_path_factory.mktemp("stand_in")
    run("-m", "tests.tools.stand_in", folder)
    return json.loads((folder / "seen.json").read_text())


@pytest.mark.parametrize("name", ["moon", "pie", "door"])
def test_sample_voices_say_their_phones_where_they_claim(name):
    samples, rate = soundfile.read(VOICES / f"{name}.flac")
    assert rate == 16000 and samples.ndim == 1 and 0.5 < np.abs(samples).max() < 0.9
    spoken = np.zeros(len(samples), bool)
    end = 0.0
    for line in (VOICES / f"{name}.phones").read_text().splitlines():
        start, stop, phone = line.split()
        assert end <= float(start) < float(stop) <= len(samples) / rate
        end = float(stop)
        spoken[round(float(start) * rate) : round(end * rate)] = phone != "pau"
    loud = lambda mask: np.sqrt((samples[mask] ** 2).mean())
    assert loud(spoken) > 5 * loud(~spoken)
    assert (VOICES / f"{name}.txt").read_text().strip() in (VOICES / "README.md").read_text()


@pytest.mark.blender
def test_the_camera_faces_the_head_and_sees_it_move(seen):
    assert seen["nose"] and 0.3 < seen["nose"][0] < 0.8, "the nose is on the side that the camera sees"
    first, last = seen["red"]
    assert first[1] - last[1] > 0.1, "what rises in the scene rises in the picture"
    assert max(seen["corner"]) < 0.5, "the backdrop is calm"


@pytest.mark.blender
def test_the_film_holds_every_frame_and_the_voice(seen):
    assert [seen["film_frames"], seen["film_fps"], *seen["film_size"]] == [12, 24, 80, 100]
    assert seen["sound_start"] < 0.05 < 0.3 < seen["sound_end"], "silence first, then the tone, as in the voice"
    assert seen["scenes"] == 1, "the film's scene is gone"


@pytest.mark.blender
def test_the_contact_sheet_shows_frames_words_and_waveform(seen):
    height, width = seen["sheet"]
    assert height > 2 * 300 and width > 6 * 240
    assert seen["wave_left"] <= 3 < 50 < seen["wave_right"], "flat where the voice is silent, high where it is loud"
    assert seen["title_ink"] > 20


@pytest.mark.blender
def test_a_caption_wider_than_its_picture_goes_on_below_it(seen):
    assert seen["long_caption_ink"] > 20 and seen["beside_short_caption_ink"] == 0


@pytest.mark.blender
@pytest.mark.parametrize(
    "tool, words",
    [
        ("tools.demo", ["nobody.wav"]),
        ("tools.bake", ["nobody.wav", "--out", "here.blend"]),
        ("tools.bake", ["nobody.blend", "a.wav", "--out", "here.blend"]),
    ],
)
def test_tools_say_in_a_sentence_what_is_wrong(tool, words, tmp_path):
    done = subprocess.run(
        [sys.executable, "-m", tool, *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=ENOUGH,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 2 and words[0] in done.stderr and "Traceback" not in done.stderr
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.mark.blender
def test_demo_makes_a_talking_head(tmp_path):
    run("-m", "tools.demo", VOICES / "pie.flac", "--quality", "draft", "--no-video", "--pictures", 4, "--out", tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {"demo.blend", "demo.png"}
    script = (
        "import bpy, sys; from tools.demo import measure_lips;"
        "bpy.ops.wm.open_mainfile(filepath=sys.argv[1]); scene = bpy.context.scene;"
        "head = next(o for o in scene.objects if 'utter_head' in o); gap = measure_lips(scene, head, range(1, 70));"
        "print('GAP', gap.min() * 1000, gap.max() * 1000, bpy.data.sounds[0].packed_file is not None)"
    )
    narrow, wide, packed = run("-c", script, tmp_path / "demo.blend").stdout.partition("GAP")[2].split()
    # Millimetres: the lips touch, and they part. Subdivision rounds off the lips' edges, which touch on the mesh below it.
    assert float(narrow) < 1.3 and float(wide) > 4.0 and packed == "True"
