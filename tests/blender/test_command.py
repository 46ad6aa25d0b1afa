"""`--command utter perform` in bpy: a folder with a good and a bad voice, and input that cannot be used."""

import json
import re
import shutil
from pathlib import Path

import pytest

from tests.blender import blender

VOICE = blender.ROOT / "blender_assets" / "voices" / "pie.flac"

COMMANDS = """
    import contextlib, io, json, sys
    import bpy
    import addon
    addon.register()
    from addon.batch import command
    told = []
    for arguments in json.loads(sys.argv[1]):
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = command.main(arguments)
        told.append([code, out.getvalue(), err.getvalue()])
        bpy.ops.wm.read_factory_settings(use_empty=True)
    print(json.dumps(told))
"""

LOOK = """
    import json, sys
    import bpy
    import addon
    addon.register()
    from addon import compat
    from addon.animation import bake
    from addon.rigs import rig_of
    bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
    scene = bpy.context.scene
    head = scene.utter.head
    values = bake.sample(rig_of(head), range(1, 90))
    print(json.dumps({
        "moving": int((values.std(axis=0) > 1e-3).sum()), "before": float(abs(values[:3] - values[4]).max()),
        "words": head.utter.words, "language": head.utter.language, "seed": head.utter.seed,
        "fps": bake.scene_fps(scene), "start": head.utter.start, "emotion": head.utter.prompt, "jaw": head.utter.jaw,
        "passages": [[p.start, p.end, p.prompt] for p in head.utter.passages],
        "strips": [[s.frame_start, bpy.path.abspath(s.sound.filepath)] for s in compat.strips(scene)],
        "end": scene.frame_end, "objects": sorted(o.type for o in scene.objects), "actions": len(bpy.data.actions)}))
"""


def command(*arguments):
    return blender.run(COMMANDS, json.dumps([["perform", *map(str, arguments)]]))[0]


def test_a_folder_with_one_bad_voice(tmp_path):
    voices, out = tmp_path / "Stimmen", tmp_path / "fertig"
    voices.mkdir()
    good = shutil.copy(VOICE, voices / "Ärger 声.flac")
    (voices / "bad.wav").write_text("no sound")
    (tmp_path / "p.json").write_text('[{"start": 1, "end": 2, "prompt": "wütend"}]', encoding="utf-8")
    code, lines, errors = command(
        "--voice",
        voices,
        "--out",
        out,
        "--quality",
        "draft",
        "--emotion",
        "happy",
        "--start",
        5,
        "--fps",
        25,
        "--jaw",
        "bone",
        "--passages",
        tmp_path / "p.json",
        "--actions",
        "csv",
    )
    assert code == 3
    assert "[1/2] bad.wav" in errors and errors.count("\n") == 1
    assert "Performing" in lines and "1 of 2 done." in lines
    assert sorted(p.name for p in out.iterdir()) == ["Ärger 声.blend", "Ärger 声.csv"], "nothing half-written"
    weights = (out / "Ärger 声.csv").read_text().splitlines()
    assert weights[0].startswith("Timecode,BlendShapeCount,EyeBlinkLeft") and len(weights) > 120
    seen = blender.run(LOOK, out / "Ärger 声.blend")
    assert seen["moving"] > 30 and seen["actions"] == 1
    assert (seen["fps"], seen["start"], seen["emotion"], seen["jaw"]) == (25, 5, "happy", "bone")
    assert seen["passages"] == [[30, 55, "wütend"]]
    ((start, path),) = seen["strips"]
    assert start == 5 and Path(path).samefile(good)
    assert seen["end"] > 5 + 25 and seen["objects"] == ["ARMATURE", "MESH", "MESH"]


BAD = [
    (["--voice", "/no/such/voice.wav", "--out", "{}/a.blend"], "does not exist"),
    (["--voice", "{}", "--out", "{}/out"], "holds no recordings"),
    (["--voice", str(VOICE), "--out", "/proc/utter"], "cannot be written"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--head", "/no/such/head.pkl"], "neither a FLAME file nor an object"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--passages", str(VOICE)], "JSON list of passages"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--fps", "0"], "Frame Rate"),
    (["--out", "{}/a.blend"], "--voice"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--words", "{}/gone.srt"], "gone.srt does not exist"),
    (["--voice", str(VOICE), str(VOICE), "--out", "{}", "--words", "one line"], "Words belong to one voice"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--ears", "{}/gone"], "gone does not exist"),
    (["--list", "{}/gone.csv"], "gone.csv does not exist"),
    (["--list", str(VOICE)], "save it as CSV"),
]


@pytest.fixture(scope="module")
def refusals(tmp_path_factory):
    """What the command says to each of BAD, and the folder that it may have written in: all in one process, which takes seconds to
    start."""
    folders = [tmp_path_factory.mktemp("bad") for _ in BAD]
    calls = [["perform", *(a.format(folder) for a in arguments)] for (arguments, _), folder in zip(BAD, folders)]
    return list(zip(blender.run(COMMANDS, json.dumps(calls)), folders))


@pytest.mark.parametrize("number", range(len(BAD)), ids=[sentence for _, sentence in BAD])
def test_bad_input_is_one_sentence_and_nothing_written(refusals, number):
    (code, _, errors), folder = refusals[number]
    assert code == 2 and BAD[number][1] in errors and errors.strip().count("\n") == 0 and "Traceback" not in errors
    assert not list(folder.rglob("*.blend"))


def test_a_list_with_words(tmp_path):
    """Each row in a fresh scene with its own words and feeling; what is wrong in a row is said and the others are performed."""
    lines = tmp_path / "Zeilen"
    lines.mkdir()
    shutil.copy(VOICE, lines / "a.flac")
    (lines / "a.srt").write_text("1\n00:00:00,000 --> 00:00:05,000\nnobody utters any of these extraordinary syllables\n")
    (tmp_path / "shots.csv").write_text(
        "voice;words;language;emotion;seed;out;head\nZeilen/a.flac;;;happy;;;\nZeilen/none.flac;;;;;;\n"
        "Zeilen/a.flac;;en-US;;7;eins/zwei;\nZeilen/a.flac;;tlh;;;;\nZeilen/a.flac;;;;;;nobody\n"
    )
    code, printed, errors = command("--list", tmp_path / "shots.csv", "--out", tmp_path / "out", "--quality", "draft", "--words", lines)
    assert code == 3 and "2 of 5 done." in printed
    assert "shots.csv row 3: The voice" in errors and "none.flac does not exist" in errors and 'row 5: "tlh" is no language' in errors
    assert "row 6: nobody is neither" in errors and len(re.findall("row [24]: The words do not fit the voice", errors)) == 2
    assert sorted(p.relative_to(tmp_path / "out").as_posix() for p in (tmp_path / "out").rglob("*.*")) == ["a.blend", "eins/zwei.blend"]
    first, second = (blender.run(LOOK, tmp_path / "out" / name) for name in ("a.blend", "eins/zwei.blend"))
    assert first["moving"] > 30 and second["moving"] > 30 and (first["emotion"], second["emotion"]) == ("happy", "")
    assert (first["seed"], second["seed"], second["language"]) == (0, 7, "en") and second["words"] == str(lines / "a.srt")
    assert first["objects"] == second["objects"] == ["ARMATURE", "MESH", "MESH"]
