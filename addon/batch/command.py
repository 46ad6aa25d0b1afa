"""blender --command utter perform: performances without a window, for one voice or ten thousand."""

import argparse
import os
import sys
from pathlib import Path

import bpy

from .. import rigs
from ..animation import bake
from ..contract import (
    BLENDER,
    COLUMNS,
    OPTIONS,
    Task,
    UtterError,
    add_arguments,
    find_voices,
    is_folder,
    name_output,
    names_file,
    offered_language,
    read_identity,
    read_passages,
    tasks_of,
    words_for,
)
from ..panels import base, identity, passages, perform
from ..panels import head as heads
from ..work import jobs

OK, BAD_INPUT, SOME_FAILED = 0, 2, 3
TEXTS = ("words", "language")  # options that mean something of their own in a .blend file


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
            "in that file, and what is not asked here is as it says; without, the built-in one in an empty scene."
        ),
    )
    sub.add_argument("--voice", nargs="+", metavar="V", help="recordings, or folders of recordings")
    sub.add_argument(
        "--list",
        metavar="FILE.csv",
        help=f"instead of voices: a row for each, with the columns {', '.join(COLUMNS)}; paths in it are relative to it",
    )
    sub.add_argument(
        "--out",
        metavar="OUT",
        help="a .blend file for one voice, a folder for several; with a list the folder of its column out, default: the list's own",
    )
    add_arguments(sub, OPTIONS.values(), BLENDER)
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
    if args.encoder:
        if not Path(args.encoder).is_dir():
            raise UtterError(f"The folder {args.encoder} does not exist; choose the folder of a speech model.")
        args.encoder = str(Path(args.encoder).absolute())
    tasks = listed(args) if args.list else named(args)
    for folder in {task.output.parent for task in tasks if task.output}:
        check_folder(folder)
    stage, failed = None if args.list else prepare(args), 0
    for number, task in enumerate(tasks, 1):
        title = f"[{number}/{len(tasks)}] {task.title}"
        try:
            if isinstance(task.options, UtterError):
                raise task.options
            if task.note:
                print(f"utter: {title}: {task.note}", file=sys.stderr, flush=True)
            scene, head, frames, own = stage or prepare(task.options)
            bake.clear(rigs.rig_of(head))  # what the voice before left
            scene.frame_start, scene.frame_end = frames
            settings = base.settings_of(head)
            settings.voice, settings.words = task.voice, absolute_words(task.voice, task.options.words) or own
            for note in perform.perform_now(scene, head, Progress(title), encoder=args.encoder):
                print(f"utter: {title}: {note}", file=sys.stderr, flush=True)
            save(task.output)
            say(f"{title}: {task.output}")
        except UtterError as error:
            failed += 1
            print(f"utter: {title}: {error}", file=sys.stderr, flush=True)
    if failed and len(tasks) > 1:
        say(f"{len(tasks) - failed} of {len(tasks)} done.")
    return OK if not failed else BAD_INPUT if failed == len(tasks) else SOME_FAILED


def named(args):
    """The Tasks of the voices named on the command line."""
    if not args.out:
        raise UtterError("Say with --out where the .blend files go.")
    voices, out = [path.absolute() for path in find_voices(args.voice)], Path(args.out).absolute()
    taken: set[str] = set()
    if len(voices) == 1 and out.suffix == ".blend":
        return [Task(voices[0].name, str(voices[0]), out, args, "")]
    if args.words and len(voices) > 1 and not is_folder(args.words):
        raise UtterError("Words belong to one voice; for several name a folder of .txt or .srt files that are called as the voices are.")
    return [Task(path.name, str(path), name_output(out, None, path, ".blend", taken), args, "") for path in voices]


def listed(args):
    """The Tasks of the list."""
    path = str(Path(args.list).absolute())
    target = Path(args.out).absolute() if args.out else Path(path).parent
    return tasks_of(path, target, ".blend", BLENDER, args.parser, args)


def prepare(options):
    """The scene, the head that performs in it, the frames it began with, and the words it came with; in a fresh scene for a list,
    so that no row sees what another one left."""
    timeline = read_passages(options.passages) if options.passages else None
    if options.identity:
        read_identity(options.identity)  # what is wrong with it is said before a scene is made
    scene = prepare_scene(options.fps, again=bool(options.list))
    head = prepare_head(scene, options.head, options.jaw or OPTIONS["jaw"].default)
    if options.identity:
        take_identity(head, options.identity)
    settings = base.settings_of(head)
    for name, option in OPTIONS.items():
        if option.panel and BLENDER in option.commands and name not in TEXTS and getattr(options, name) is not None:
            value = option.checked(getattr(options, name))
            try:
                setattr(settings, name, "" if value is None else value)
            except (OverflowError, ValueError) as error:
                raise UtterError(f"{option.label} {value} is more than Blender can hold.", repr(error)) from error
    if options.language:
        settings.language = offered_language(options.language)
    if timeline is not None:
        passages.from_seconds(settings, timeline, bake.scene_fps(scene))
    frames = scene.frame_start, scene.frame_end if bpy.data.filepath else settings.start
    return scene, head, frames, settings.words


def take_identity(head, given):
    """Give the head the identity that is named: a seed, or a file of sliders. UtterError if it is neither."""
    sliders, seed = read_identity(given)
    if sliders is not None:
        identity.set_sliders(head, sliders, -1 if seed is None else seed)
    elif seed is not None:
        identity.randomise(head, seed)


def absolute_words(voice, given):
    """The words of one voice, a file of them by its whole path: Blender's own folder may be another. None without."""
    given = words_for(voice, given)
    return str(Path(given).absolute()) if given and names_file(given) else given


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
        OPTIONS["fps"].checked(fps)
        scene.render.fps = max(1, round(fps))
        scene.render.fps_base = scene.render.fps / fps
    return scene


def prepare_head(scene, wanted, jaw):
    """The head to perform on: an object of the file, a FLAME file, the file's own choice, or the built-in one."""
    if wanted and wanted in scene.objects:
        rigs.rig_of(scene.objects[wanted])
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
