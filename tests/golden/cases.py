"""What the golden test performs and bakes, of any checkout: the inputs, the two processes that run it, and the machine's fingerprint."""

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

HERE = Path(__file__).resolve().parent
MOTIONS, CURVES = HERE / "motions.npz", HERE / "curves.npz"
LINE = "Maybe we could bake a plum pie for breakfast!"  # what pie.flac says

# Command line by command line, in one process: each is run as `python -m model_runtime` runs it, torch is loaded once.
# The fingerprint is told by the same process, for it alone knows what torch made of this machine.
PERFORM = """
import json, platform, runpy, sys
for arguments in json.load(sys.stdin):
    sys.argv = ["model_runtime", *arguments]
    try:
        runpy.run_module("model_runtime", run_name="__main__", alter_sys=True)
    except SystemExit as leaving:
        if leaving.code:
            raise
import numpy, torch
try:
    told = dict(line.split(":", 1) for line in open("/proc/cpuinfo").read().split("\\n\\n")[0].replace("\\t", "").splitlines())
    processor = [told.get(key, "").strip() for key in ("vendor_id", "cpu family", "model")]
except OSError:
    processor = [platform.processor()]
print(json.dumps({"machine": platform.machine(), "system": platform.system(), "processor": " ".join(processor),
                  "capability": torch.backends.cpu.get_cpu_capability(), "threads": torch.get_num_threads(),
                  "torch": torch.__version__, "numpy": numpy.__version__}))
"""

# name: (Motion, scene's fps, jaw, scene frame of the voice's first sample); one head takes them all in turn, so that each bake also
# has to replace the one before.
BAKES = {
    **{f"draft {fps} {jaw}": ("draft", fps, jaw, 1.0) for jaw in ("KEYS", "BONE") for fps in (24, 25, 30)},
    "passages": ("passages", 24, "KEYS", 10.5),
    "prompt": ("prompt", 25, "BONE", 1.0),
    "words": ("words", 24, "KEYS", -3.0),
    "identity": ("identity", 30, "KEYS", 1.0),
    "pins": ("pins", 24, "BONE", 1.0),
    "other head": ("other head", 25, "KEYS", 1.0),
    "other head pins": ("other head pins", 24, "KEYS", 2.25),
    "list": ("list/a/first", 24, "KEYS", 1.0),
}
# name: (Motion baked first, Motion baked around the held keys, fps, jaw, start)
REBAKES = {"held keys": ("draft", "words", 24, "KEYS", 1.0), "held bones": ("draft", "words", 25, "BONE", 5.0)}


def inputs(checkout, folder):
    """Write what the command lines below read into folder: a short voice, passages, pins, another head, a list."""
    samples, rate = soundfile.read(checkout / "blender_assets" / "voices" / "pie.flac", dtype="int16")
    soundfile.write(folder / "cut.wav", samples[: rate * 3 // 2], rate)
    passages = [
        {"start": 0, "end": 2.5, "prompt": "overjoyed", "strength": 1, "fade": 0.2},
        {"start": 2.5, "end": 99, "prompt": "quietly furious", "strength": 0.7},
    ]
    (folder / "passages.json").write_text(json.dumps(passages))
    values, mask = np.zeros((45, 65), np.float32), np.zeros((45, 65), bool)
    for frame, channel, value in ((12, 54, 0.2), (12, 53, 0.1), (30, 50, 0.25), (31, 50, 0.2), (20, 3, 1.5), (38, 60, 1.0), (38, 61, 1.0)):
        values[frame, channel], mask[frame, channel] = value, True
    np.savez(folder / "pins.npz", values=values, mask=mask)
    # FLAME's fields alone, of a head that is ours stretched, its expressions in another order and sign: products and copies, so that
    # it has the same bits on every machine.
    with np.load(checkout / "blender_assets" / "head" / "utter_head.npz") as ours:
        kept = "f posedirs J_regressor weights kintree_table landmark_names landmark_vertices lip_inner_upper lip_inner_lower"
        fields = {name: ours[name] for name in kept.split()}
        stretch, shapes = np.float32([1.04, 0.98, 1.02]), ours["shapedirs"].astype(np.float32)
        expressions = shapes[:, :, [300 + (i ^ 1) for i in range(100)]] * np.float32([1, -1] * 50)
        fields["v_template"] = ours["v_template"] * stretch
        fields["shapedirs"] = np.concatenate([shapes[:, :, :10], expressions], axis=2) * stretch[:, None]
    np.savez(folder / "other.npz", **fields)
    with open(folder / "list.csv", "w", newline="", encoding="utf-8") as stream:
        csv.writer(stream).writerows(
            [
                ["voice", "words", "emotion", "seed", "out"],
                ["cut.wav", "Maybe we could bake", "", "", "a/first"],
                ["cut.wav", "", "holding back tears", "6", "second"],
                ["cut.wav", "", "", "7", ""],
            ]
        )


def command_lines(checkout, folder):
    """{name of the Motion: arguments of `perform`}; the list, whose files have names of their own, is "list"."""
    cut, pie, door = folder / "cut.wav", *(checkout / "blender_assets" / "voices" / f"{name}.flac" for name in ("pie", "door"))
    pins, other, draft = ("--pins", folder / "pins.npz"), ("--head", folder / "other.npz"), ("--quality", "draft")
    lines = {
        "draft": [pie, *draft, "--seed", 0],
        "passages": [door, *draft, "--seed", 1, "--passages", folder / "passages.json"],  # longer than the sampler's window
        "words": [pie, *draft, "--seed", 2, "--words", LINE],
        "prompt": [cut, "--quality", "final", "--seed", 3, "--emotion", "devastated, holding back tears", "--transcribe", "off"],
        "identity": [cut, *draft, "--seed", 4, "--identity", 7],
        "pins": [cut, *draft, "--seed", 5, *pins],
        "other head": [cut, *draft, "--seed", 5, *other],
        "other head pins": [cut, *draft, "--seed", 5, *other, *pins],
        "list": ["--list", folder / "list.csv", *draft],
    }
    return {
        name: ["perform", *map(str, line), "--device", "cpu", "-o", str(folder / "motions" / (name if name == "list" else f"{name}.npz"))]
        for name, line in lines.items()
    }


def start(checkout, folder, *arguments):
    """A process of the checkout's Python, its output in one pipe; folder holds what it caches."""
    python = checkout / ".venv" / "bin" / "python"
    python = str(python) if python.exists() else sys.executable
    # One thread, for their number changes last bits, and no graphics card: only the processor's kind is left to make a difference.
    environment = dict(
        os.environ,
        PYTHONPATH=str(checkout),
        PYTHONDONTWRITEBYTECODE="1",
        CUDA_VISIBLE_DEVICES="",
        OMP_NUM_THREADS="1",
        OPENBLAS_NUM_THREADS="1",
        MKL_NUM_THREADS="1",
        UTTER_CACHE=str(folder),
        UTTER_PYTHON=python,
    )
    pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8", errors="replace")
    return subprocess.Popen([python, *map(str, arguments)], cwd=checkout, env=environment, **pipes)


def start_performing(checkout, folder):
    return start(checkout, folder / "cache performing", "-c", PERFORM)


def start_baking(checkout, folder, motions):
    """motions: path of the Motions to bake. The curves go to folder/curves.npz."""
    (folder / "tasks.json").write_text(json.dumps({"bakes": BAKES, "rebakes": REBAKES, "commands": blender_commands(checkout, folder)}))
    return start(checkout, folder / "cache baking", HERE / "in_blender.py", motions, folder / "tasks.json", folder / "curves.npz")


def blender_commands(checkout, folder):
    """{name: arguments of `blender --command utter perform`}; what they write goes to folder/scenes/name."""
    pie = checkout / "blender_assets" / "voices" / "pie.flac"
    lines = {
        "voice": ["--voice", pie, "--seed", 2, "--words", LINE, "--fps", 24, "--start", -3, "--out", folder / "scenes/voice/take.blend"],
        "list": ["--list", folder / "list.csv", "--fps", 25, "--jaw", "bone", "--out", folder / "scenes/list"],
    }
    return {name: [str(folder / "scenes" / name), "perform", *map(str, line), "--quality", "draft"] for name, line in lines.items()}


def finish(process, given=""):
    """Wait for a process that start() made; returns what it printed. AssertionError with that if it failed."""
    printed, _ = process.communicate(given, timeout=300)
    assert process.returncode == 0, printed[-6000:]
    return printed


def perform(process, checkout, folder):
    """Let start_performing()'s process perform: ({name: Motion [T,65]}, {name: basis of its head}, fingerprint of the machine)."""
    printed = finish(process, json.dumps(list(command_lines(checkout, folder).values())))
    motions, bases = {}, {}
    for path in sorted((folder / "motions").rglob("*.*")):
        name = path.relative_to(folder / "motions").as_posix().removesuffix(".npz")
        with np.load(path) as arrays:
            motions[name], bases[name] = arrays["motion"], str(arrays["basis"])
    return motions, bases, json.loads(printed.strip().splitlines()[-1])
