"""`--command utter perform` in bpy: a folder with a good and a bad voice, and input that cannot be used."""
import shutil
from pathlib import Path

import pytest

from tests.blender import blender

VOICE = blender.ROOT / "blender_assets" / "voices" / "pie.flac"

COMMAND = """
    import contextlib, io, json, sys
    import bpy
    import addon
    addon.register()
    from addon import command
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = command.main(sys.argv[1:])
    print(json.dumps([code, out.getvalue(), err.getvalue()]))
"""

LOOK = """
    import json, sys
    import bpy
    import addon
    addon.register()
    from addon import bake, compat
    bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
    scene = bpy.context.scene
    head = scene.utter.head
    values = bake.sample(head, range(1, 90))
    print(json.dumps({
        "moving": int((values.std(axis=0) > 1e-3).sum()), "before": float(abs(values[:3] - values[4]).max()),
        "fps": bake.scene_fps(scene), "start": head.utter.start, "emotion": head.utter.emotion, "jaw": head.utter.jaw,
        "passages": [[p.start, p.end, p.prompt] for p in head.utter.passages],
        "strips": [[s.frame_start, bpy.path.abspath(s.sound.filepath)] for s in compat.strips(scene)],
        "end": scene.frame_end, "objects": sorted(o.type for o in scene.objects), "actions": len(bpy.data.actions)}))
"""


def command(*arguments):
    return blender.run(COMMAND, "perform", *arguments)


def test_a_folder_with_one_bad_voice(tmp_path):
    voices, out = tmp_path / "Stimmen", tmp_path / "fertig"
    voices.mkdir()
    good = shutil.copy(VOICE, voices / "Ärger 声.flac")
    (voices / "bad.wav").write_text("no sound")
    (tmp_path / "p.json").write_text('[{"start": 1, "end": 2, "prompt": "wütend"}]', encoding="utf-8")
    code, lines, errors = command("--voice", voices, "--out", out, "--quality", "draft", "--emotion", "happy", "--start", 5,
                                  "--fps", 25, "--jaw", "bone", "--passages", tmp_path / "p.json")
    assert code == 3
    assert "[1/2] bad.wav" in errors and errors.count("\n") == 1
    assert "Performing" in lines and "1 of 2 done." in lines
    assert [p.name for p in out.iterdir()] == ["Ärger 声.blend"], "nothing half-written"
    seen = blender.run(LOOK, out / "Ärger 声.blend")
    assert seen["moving"] > 30 and seen["actions"] == 1
    assert (seen["fps"], seen["start"], seen["emotion"], seen["jaw"]) == (25, 5, "happy", "BONE")
    assert seen["passages"] == [[30, 55, "wütend"]]
    ((start, path),) = seen["strips"]
    assert start == 5 and Path(path).samefile(good)
    assert seen["end"] > 5 + 25 and seen["objects"] == ["ARMATURE", "MESH"]


@pytest.mark.parametrize("arguments, sentence", [
    (["--voice", "/no/such/voice.wav", "--out", "{}/a.blend"], "does not exist"),
    (["--voice", "{}", "--out", "{}/out"], "holds no recordings"),
    (["--voice", str(VOICE), "--out", "/proc/utter"], "cannot be written"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--head", "/no/such/head.pkl"], "neither a FLAME file nor an object"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--passages", str(VOICE)], "JSON list of passages"),
    (["--voice", str(VOICE), "--out", "{}/a.blend", "--fps", "0"], "--fps"),
    (["--out", "{}/a.blend"], "--voice"),
])
def test_bad_input_is_one_sentence_and_nothing_written(tmp_path, arguments, sentence):
    code, _, errors = command(*(a.format(tmp_path) for a in arguments))
    assert code == 2 and sentence in errors and errors.strip().count("\n") == 0 and "Traceback" not in errors
    assert not list(tmp_path.rglob("*.blend"))
