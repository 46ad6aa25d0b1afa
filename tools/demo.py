"""The whole chain: a voice becomes a talking head, out/demo.blend, and its pictures, out/demo.mp4 and out/demo.png."""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np
import soundfile

import addon
from tools import bake, render, sheet

VOICES = Path(__file__).resolve().parent.parent / "blender_assets" / "voices"


def main(argv):
    parser = argparse.ArgumentParser(
        prog="build.py demo",
        description=(
            "Perform a voice on the built-in head; writes demo.blend, demo.mp4 (rendered, with sound) and demo.png (frames, and the "
            "waveform under them)."
        ),
    )
    parser.add_argument("voice", nargs="?", type=Path, default=VOICES / "moon.flac", help="a recording; default: the shipped sample")
    parser.add_argument("--prompt", "--emotion", metavar="WORDS", help="what the face should feel throughout")
    parser.add_argument(
        "--passages",
        type=Path,
        metavar="P.json",
        help=(
            'list of {"start", "end", "prompt", "strength", "fade"} in seconds; default: those beside a sample voice, as long as no '
            "--prompt is given"
        ),
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--quality", choices=("draft", "final"), default="final")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER")
    parser.add_argument("--pictures", type=int, default=24, metavar="N", help="on the contact sheet")
    parser.add_argument("--no-video", action="store_true", help="only the .blend file and the contact sheet")
    args = parser.parse_args(argv)
    args.out, args.voice = args.out.absolute(), args.voice.absolute()
    passages, beside = args.passages, args.voice.with_suffix(".json")
    if passages is None and args.prompt is None and args.voice.parent == VOICES and beside.exists():
        passages = beside
    blend = args.out / "demo.blend"

    with bake.enabled():
        options = ["--prompt", args.prompt] if args.prompt else []
        options += ["--passages", str(passages)] if passages else []
        status = addon.batch.command.main(
            ["perform", "--voice", str(args.voice), "--out", str(blend), "--seed", str(args.seed), "--quality", args.quality, *options]
        )
        if not status:
            bpy.ops.wm.open_mainfile(filepath=str(blend))  # so that the written file is what is shown
            show(bpy.context.scene, args, passages, blend)
    return status


def show(scene, args, passages, blend):
    """Light the open file's head, lay it out on a contact sheet, and film it."""
    head = scene.utter.head
    addon.panels.studio.build(scene, head)
    render.choose_engine(scene)
    for sound in bpy.data.sounds:
        sound.pack()  # so that the file can be moved and keeps its sound
    addon.batch.command.save(blend)

    fps = scene.render.fps / scene.render.fps_base
    frames = range(scene.frame_start, scene.frame_end + 1)
    times = np.array([(frame - head.utter.start) / fps for frame in frames])
    gap = measure_lips(scene, head, frames)
    picked = sheet.pick_frames(gap, max(1, args.pictures))
    with tempfile.TemporaryDirectory() as folder:
        shoot = lambda shown, what: render.render_frames(scene, [frames[i] for i in shown], Path(folder), Progress(what))
        pictures = shoot(picked, "Rendering the contact sheet")
        samples, rate = soundfile.read(args.voice, always_2d=True)
        sheet.write_sheet(
            args.out / "demo.png",
            pictures,
            times[picked],
            captions(args.voice, times[picked]),
            samples.mean(axis=1),
            rate,
            gap / max(gap.max(), 1e-9),
            times,
            passages=json.loads(passages.read_text(encoding="utf-8")) if passages else [],
            title=f"{args.voice.name}   seed {args.seed}   {args.prompt or ''}   lips up to {gap.max() * 1000:.1f} mm apart",
        )
        print(f"[demo] {args.out / 'demo.png'}", flush=True)
        if not args.no_video:  # what the sheet shows is part of the film
            pictures += shoot(sorted(set(range(len(frames))) - set(picked)), "Rendering the film")
            render.write_film(sorted(pictures), fps, args.voice, args.out / "demo.mp4")
            print(f"[demo] {args.out / 'demo.mp4'}", flush=True)


def measure_lips(scene, head, frames):
    """How far the inner lips' midpoints are apart on the animated mesh at each frame: [len(frames)], metres."""
    upper, lower = head["utter_head"]["lips"]
    gap = np.empty(len(frames))
    for number, frame in enumerate(frames):
        scene.frame_set(frame)
        vertices = head.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices
        gap[number] = (vertices[upper].co - vertices[lower].co).length
    return gap


def captions(voice, times):
    """ "1.23 s" for each time, and the phone that is spoken then, if there is a list of phones beside the voice."""
    path = voice.with_suffix(".phones")
    lines = [line.split() for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []
    phones = [(float(start), float(end), phone) for start, end, phone in lines]
    return ["   ".join([f"{time:.2f} s", *(phone for start, end, phone in phones if start <= time < end)]) for time in times]


class Progress:
    """Prints a line whenever another tenth is done, with the time that is left."""

    def __init__(self, stage):
        self.stage, self.last, self.began = stage, -1, time.monotonic()

    def __call__(self, fraction):
        if int(fraction * 10) > self.last:
            self.last = int(fraction * 10)
            spent = time.monotonic() - self.began
            left = f", {spent / fraction - spent:.0f} s left" if 0 < fraction < 1 else ""
            print(f"[demo] {self.stage} {fraction:.0%}{left}", flush=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
