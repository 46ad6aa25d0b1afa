"""blender --command utter perform: performances without a window, for one voice or ten thousand."""
import argparse
import json
import math
import os
import sys
from pathlib import Path

import bpy

from . import bake, head as heads, identity, jobs, passages, perform, rig, voice
from .errors import UtterError

OK, BAD_INPUT, SOME_FAILED = 0, 2, 3


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UtterError(f"{message}; see --help.")


def _parser():
    parser = _Parser(prog="blender --command utter", description="Utter: heads that speak and feel.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    sub = verbs.add_parser("perform", help="voices to .blend files", description=(
        "Perform voices and save .blend files. With FILE (blender -b FILE --command utter perform ...) the head is the one chosen "
        "in that file; without, the built-in one in an empty scene."))
    sub.add_argument("--voice", nargs="+", required=True, metavar="V", help="recordings, or folders of recordings")
    sub.add_argument("--out", required=True, metavar="OUT", help="a .blend file for one voice, a folder for several")
    sub.add_argument("--head", metavar="H", help="a FLAME file (.pkl, .npz), or the name of a head object in FILE")
    sub.add_argument("--identity", metavar="SEED|I.json", help="who the built-in head is: the seed of a random character, or a file of "
                     "sliders from -1 to 1 such as {\"Age\": 0.5, \"seed\": 3}")
    sub.add_argument("--emotion", metavar="WORDS", help="what the face should feel; default: as heard in the voice")
    sub.add_argument("--passages", metavar="P.json", help='list of {"start", "end", "prompt", "strength", "fade"} in seconds')
    sub.add_argument("--seed", type=int, metavar="N")
    sub.add_argument("--quality", choices=("draft", "final"))
    sub.add_argument("--start", type=int, metavar="FRAME", help="frame at which the voice begins")
    sub.add_argument("--fps", type=float, help="the scene's frame rate (default: as in FILE, or 24)")
    sub.add_argument("--jaw", choices=("keys", "bone"), help="bake the jaw as shape keys or as a bone")
    return parser


def main(argv):
    """Run `perform ...`; returns the exit code: 0 all done, 2 bad input and nothing done, 3 some voices failed."""
    try:
        args = _parser().parse_args(argv)
        return _perform(args)
    except SystemExit as leaving:  # --help
        return leaving.code or OK
    except UtterError as error:
        print(f"utter: {error}", file=sys.stderr, flush=True)
        return BAD_INPUT
    finally:
        jobs.stop()


def _perform(args):
    voices = find_voices(args.voice)
    out = Path(args.out).absolute()
    several = len(voices) > 1 or not out.suffix == ".blend"
    outputs = name_outputs(voices, out) if several else [out]
    timeline = read_passages(args.passages) if args.passages else None
    who = identity.read(args.identity) if args.identity else None
    check_folder(out if several else out.parent)

    scene = prepare_scene(args.fps)
    head = prepare_head(scene, args.head, (args.jaw or "keys").upper())
    if who is not None:
        identity.set_sliders(head, *who)
    settings = head.utter
    for name in ("emotion", "seed", "quality", "start"):
        if getattr(args, name) is not None:
            setattr(settings, name, getattr(args, name))
    if args.jaw:
        settings.jaw = args.jaw.upper()
    if timeline is not None:
        passages.from_seconds(settings, timeline, bake.scene_fps(scene))
    frames = scene.frame_start, scene.frame_end if bpy.data.filepath else settings.start

    failed = 0
    for number, (path, output) in enumerate(zip(voices, outputs), 1):
        title = f"[{number}/{len(voices)}] {path.name}"
        try:
            bake.clear(head)  # what the voice before left
            scene.frame_start, scene.frame_end = frames
            settings.voice = str(path)
            perform.perform_now(scene, head, Progress(title))
            save(output)
            say(f"{title}: {output}")
        except UtterError as error:
            failed += 1
            print(f"utter: {title}: {error}", file=sys.stderr, flush=True)
    if failed and len(voices) > 1:
        say(f"{len(voices) - failed} of {len(voices)} done.")
    return OK if not failed else BAD_INPUT if len(voices) == 1 else SOME_FAILED


def find_voices(given):
    """Paths of the recordings named, or lying in the folders named. UtterError if there are none."""
    found = []
    for item in map(Path, given):
        if item.is_dir():
            inside = sorted(p for p in item.iterdir() if p.suffix.lower() in voice.SUFFIXES and p.is_file())
            if not inside:
                raise UtterError(f"The folder {item} holds no recordings (such as .wav or .flac).")
            found += inside
        else:
            found.append(item)
    return [path.absolute() for path in found]


def name_outputs(voices, folder):
    """One .blend for each voice, named after it; equal names are numbered."""
    used, outputs = set(), []
    for path in voices:
        name, number = path.stem, 1
        while name.lower() in used:
            number += 1
            name = f"{path.stem}_{number}"
        used.add(name.lower())
        outputs.append(folder / f"{name}.blend")
    return outputs


def read_passages(path):
    """The passages of a JSON file, each with numbers that Blender can hold. UtterError if it is no such list."""
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
        timeline = [{"start": float(p["start"]), "end": float(p["end"]), "prompt": str(p["prompt"]),
                     "strength": float(p.get("strength", 1)), "fade": float(p.get("fade", 0.25))} for p in given]
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UtterError(f"{path} must hold a JSON list of passages, each with start, end and prompt.", repr(error)) from error
    for number, p in enumerate(timeline, 1):
        if not (all(map(math.isfinite, (p["start"], p["end"], p["strength"], p["fade"]))) and p["start"] < p["end"]
                and p["fade"] >= 0 and 0 <= p["strength"] <= 1):
            raise UtterError(f"Passage {number} of {path} must end after it starts, with a strength of 0 to 1 and no negative fade.")
    return timeline


def check_folder(folder):
    """Make the folder and try to write there: better now than after an hour's work."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".utter-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise UtterError(f"{folder} cannot be written ({error.strerror}); choose another folder.", str(error)) from error


def prepare_scene(fps):
    """The file's scene, or an empty one, at that frame rate."""
    if not bpy.data.filepath:
        bpy.ops.wm.read_homefile(use_empty=True)
    scene = bpy.context.scene
    if fps is not None:
        if not 1 <= fps <= 960:
            raise UtterError("--fps must lie between 1 and 960.")
        scene.render.fps = max(1, round(fps))
        scene.render.fps_base = scene.render.fps / fps
    return scene


def prepare_head(scene, wanted, jaw):
    """The head to perform on: an object of the file, a FLAME file, the file's own choice, or the built-in one."""
    if wanted and wanted in scene.objects:
        if rig.describe(scene.objects[wanted]).kind != "utter":
            raise UtterError(rig.describe(scene.objects[wanted]).reason)
        scene.utter.head = scene.objects[wanted]
    elif wanted:
        if not Path(wanted).is_file():
            raise UtterError(f"{wanted} is neither a FLAME file nor an object of the scene.")
        jobs.run(heads.add_job(bpy.context, path=str(Path(wanted).absolute()), jaw=jaw))
    elif heads.chosen(bpy.context) is None:
        jobs.run(heads.add_job(bpy.context, jaw=jaw))
    return heads.chosen(bpy.context)


def save(path):
    """Save a copy of the open file, whole or not at all."""
    beside = path.with_name(f".utter-{os.getpid()}.blend")
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(beside), copy=True, check_existing=False, relative_remap=True)
        os.replace(beside, path)
    except (RuntimeError, OSError) as error:
        raise UtterError(f"{path} cannot be written; choose another folder.", str(error)) from error
    finally:
        beside.unlink(missing_ok=True)


class Progress:
    """Prints a line whenever the stage changes or another tenth is done."""

    def __init__(self, title):
        self.title, self.last = title, None

    def __call__(self, stage, fraction):
        if (stage, int(fraction * 10)) != self.last:
            self.last = stage, int(fraction * 10)
            say(f"{self.title}: {stage} {fraction:.0%}")


def say(line):
    encoding = sys.stdout.encoding or "utf-8"
    print(line.encode(encoding, "backslashreplace").decode(encoding), flush=True)


_handle = None


def register():
    global _handle
    _handle = bpy.utils.register_cli_command("utter", main)


def unregister():
    if _handle is not None:
        bpy.utils.unregister_cli_command(_handle)


CLASSES = ()
