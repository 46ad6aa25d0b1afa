"""blender --command utter perform: performances without a window, for one voice or ten thousand."""

import argparse
import itertools
import json
import math
import os
import sys
from pathlib import Path

import bpy

from ..animation import bake
from ..contract import UtterError
from ..panels import base, identity, passages, perform, voice, words
from ..panels import head as heads
from ..rigs import rig
from ..work import jobs
from . import lists as batch

OK, BAD_INPUT, SOME_FAILED = 0, 2, 3


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UtterError(f"{message}; see --help.")


def _parser():
    parser = _Parser(prog="blender --command utter", description="Utter: heads that speak and feel.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    sub = verbs.add_parser(
        "perform",
        help="voices to .blend files",
        description=(
            "Perform voices and save .blend files. With FILE (blender -b FILE --command utter perform ...) the head is the one chosen "
            "in that file; without, the built-in one in an empty scene."
        ),
    )
    sub.add_argument("--voice", nargs="+", metavar="V", help="recordings, or folders of recordings")
    sub.add_argument(
        "--list",
        metavar="FILE.csv",
        help="instead of voices: a row for each, with the columns " + ", ".join(batch.COLUMNS) + "; paths in it are relative to it",
    )
    sub.add_argument(
        "--out",
        metavar="OUT",
        help="a .blend file for one voice, a folder for several; with a list the folder that its "
        "column out refers to, default: the list's own",
    )
    sub.add_argument(
        "--words",
        metavar="TEXT|FILE|FOLDER",
        help="what is said, a .txt or .srt file of it, or a folder of such files called as the voices are",
    )
    sub.add_argument("--language", metavar="CODE", help="of the words: en, de, fr, es ...; default: found out")
    sub.add_argument("--head", metavar="H", help="a FLAME file (.pkl, .npz), or the name of a head object in FILE")
    sub.add_argument(
        "--identity",
        metavar="SEED|I.json",
        help='who the built-in head is: the seed of a random character, or a file of sliders from -1 to 1 such as {"Age": 0.5, "seed": 3}',
    )
    sub.add_argument("--emotion", metavar="WORDS", help="what the face should feel; default: as heard in the voice")
    sub.add_argument("--passages", metavar="P.json", help='list of {"start", "end", "prompt", "strength", "fade"} in seconds')
    sub.add_argument(
        "--ears",
        metavar="FOLDER",
        help="a speech model in the format of transformers that hears phones, in place of the shipped ears (default: the preferences' one)",
    )
    sub.add_argument("--seed", type=int, metavar="N")
    sub.add_argument("--quality", choices=("draft", "final"))
    sub.add_argument("--start", type=int, metavar="FRAME", help="frame at which the voice begins")
    sub.add_argument("--fps", type=float, help="the scene's frame rate (default: as in FILE, or 24)")
    sub.add_argument("--jaw", choices=("keys", "bone"), help="bake the jaw as shape keys or as a bone")
    sub.set_defaults(parser=sub)
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
    if bool(args.voice) == bool(args.list):
        raise UtterError("Name voices with --voice, or a list of them with --list.")
    if args.ears:
        if not Path(args.ears).is_dir():
            raise UtterError(f"The folder {args.ears} does not exist; choose the folder of a speech model.")
        args.ears = str(Path(args.ears).absolute())
    tasks = listed(args) if args.list else named(args)
    for folder in {output.parent for _, _, output, _ in tasks if output}:
        check_folder(folder)
    stage, failed = None if args.list else prepare(args), 0
    for number, (name, path, output, options) in enumerate(tasks, 1):
        title = f"[{number}/{len(tasks)}] {name}"
        try:
            if isinstance(options, UtterError):
                raise options
            scene, head, frames, own = stage or prepare(options)
            bake.clear(head)  # what the voice before left
            scene.frame_start, scene.frame_end = frames
            head.utter.voice = str(path)
            head.utter.words = words_for(path, options.words) or own
            for note in perform.perform_now(scene, head, Progress(title), ears=args.ears):
                print(f"utter: {title}: {note}", file=sys.stderr, flush=True)
            save(output)
            say(f"{title}: {output}")
        except UtterError as error:
            failed += 1
            print(f"utter: {title}: {error}", file=sys.stderr, flush=True)
    if failed and len(tasks) > 1:
        say(f"{len(tasks) - failed} of {len(tasks)} done.")
    return OK if not failed else BAD_INPUT if failed == len(tasks) else SOME_FAILED


def named(args):
    """[(name, voice, output, options)] of the voices named on the command line."""
    if not args.out:
        raise UtterError("Say with --out where the .blend files go.")
    voices, out, taken = find_voices(args.voice), Path(args.out).absolute(), set()
    if len(voices) == 1 and out.suffix == ".blend":
        return [(voices[0].name, voices[0], out, args)]
    if args.words and len(voices) > 1 and not is_folder(args.words):
        raise UtterError("Words belong to one voice; for several name a folder of .txt or .srt files that are called as the voices are.")
    return [(path.name, path, name_output(out, None, path, taken), args) for path in voices]


def listed(args):
    """The same of a batch list. A row is a command line of its own, with this one's options where it has none; one that cannot be
    used has an UtterError for its options."""
    folder, tasks, taken = Path(args.list).absolute().parent, [], set()
    target = Path(args.out).absolute() if args.out else folder
    for title, cells in batch.read_list(args.list):
        path = output = None
        try:
            asked = batch.row(cells, folder)
            path, out = Path(asked.pop("voice")), asked.pop("out", None)
            options = args.parser.parse_args([f"--{name}={cell}" for name, cell in asked.items()], argparse.Namespace(**vars(args)))
            output = name_output(target, out, path, taken)
        except UtterError as error:
            options = error
        tasks.append((title, path, output, options))
    return tasks


def prepare(options):
    """The scene, the head that performs in it, the frames it began with, and the words it came with; in a fresh scene for a list,
    so that no row sees what another one left."""
    timeline = read_passages(options.passages) if options.passages else None
    who = identity.read(options.identity) if options.identity else None
    scene = prepare_scene(options.fps, again=bool(options.list))
    head = prepare_head(scene, options.head, (options.jaw or "keys").upper())
    if who is not None:
        identity.set_sliders(head, *who)
    settings = head.utter
    for name in ("emotion", "seed", "quality", "start"):
        if getattr(options, name) is not None:
            setattr(settings, name, getattr(options, name))
    if options.language:
        settings.language = words.code(options.language)
    if options.jaw:
        settings.jaw = options.jaw.upper()
    if timeline is not None:
        passages.from_seconds(settings, timeline, bake.scene_fps(scene))
    frames = scene.frame_start, scene.frame_end if bpy.data.filepath else settings.start
    return scene, head, frames, settings.words


def words_for(path, given):
    """The words of one voice: as given, or the file called as the voice is in the folder given; None without."""
    if given and is_folder(given):
        given = next((str(file) for suffix in words.SUFFIXES if (file := Path(given) / (path.stem + suffix)).is_file()), None)
    return str(Path(given).absolute()) if given and words.is_path(given) else given


def is_folder(given):
    return len(given) < 256 and Path(given).is_dir()


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


def name_output(folder, out, voice, taken):
    """The .blend file: out in the folder, or called as the voice is; UtterError if an earlier row has it."""
    name = (
        out.removesuffix(".blend")
        if out
        else next(name for number in itertools.count(1) if (name := voice.stem + (f"_{number}" if number > 1 else "")).lower() not in taken)
    )
    if name.lower() in taken:
        raise UtterError(f"An earlier row goes to {out} as well.")
    taken.add(name.lower())
    return folder / f"{name}.blend"


def read_passages(path):
    """The passages of a JSON file, each with numbers that Blender can hold. UtterError if it is no such list."""
    try:
        given = json.loads(Path(path).read_text(encoding="utf-8"))
        timeline = [
            {
                "start": float(p["start"]),
                "end": float(p["end"]),
                "prompt": str(p["prompt"]),
                "strength": float(p.get("strength", 1)),
                "fade": float(p.get("fade", 0.25)),
            }
            for p in given
        ]
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UtterError(f"{path} must hold a JSON list of passages, each with start, end and prompt.", repr(error)) from error
    for number, p in enumerate(timeline, 1):
        if not (
            all(map(math.isfinite, (p["start"], p["end"], p["strength"], p["fade"])))
            and p["start"] < p["end"]
            and p["fade"] >= 0
            and 0 <= p["strength"] <= 1
        ):
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


def prepare_scene(fps, again=False):
    """The file's scene, or an empty one, at that frame rate; again: as the file has it."""
    if not bpy.data.filepath:
        bpy.ops.wm.read_homefile(use_empty=True)
    elif again:
        bpy.ops.wm.open_mainfile(filepath=bpy.data.filepath)
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
    elif base.chosen(bpy.context) is None:
        jobs.run(heads.add_job(bpy.context, jaw=jaw))
    return base.chosen(bpy.context)


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
