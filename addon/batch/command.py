"""blender --command utter perform: performances without a window, for one voice or ten thousand."""

import os
from pathlib import Path

import bpy

from .. import rigs
from ..animation import bake
from ..contract import (
    BLENDER,
    COLUMNS,
    LOGGER,
    OPTIONS,
    Cancelled,
    Parser,
    Task,
    UtterError,
    VerbParser,
    add_arguments,
    add_missing,
    beside,
    brief,
    check_task,
    complain,
    exit_code,
    explain,
    find_character,
    find_file,
    find_voices,
    is_file,
    is_folder,
    is_text,
    located,
    name_output,
    names_file,
    offered_language,
    perform_all,
    read_identity,
    read_passages,
    say,
    tasks_of,
    words_for,
)
from ..panels import base, export, identity, passages, perform
from ..panels import head as heads
from ..work import jobs, log, paths

OK, BAD_INPUT, CANCELLED = 0, 2, 130
LONGEST_PATH = 1023  # bytes; Blender cuts longer ones off
LARGEST = 2**31 - 1  # whole number that a property holds
TEXTS = ("words", "language")  # options that mean something of their own in a .blend file


def _parser():
    parser = Parser(prog="blender --command utter", description="Utter: heads that speak and feel.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=VerbParser)
    sub = verbs.add_parser(
        "perform",
        help="voices to .blend files",
        description=(
            "Perform voices and save .blend files. With FILE (blender -b FILE --command utter perform ...) the head is the one chosen "
            "in that file, and what is not asked here is as it says; without, the built-in one in an empty scene. "
            "FILE may also stand among the voices."
        ),
    )
    sub.add_argument("voices", nargs="*", metavar="VOICE", help="recordings, or folders of recordings")
    sub.add_argument("--voice", dest="more", nargs="+", action="extend", metavar="VOICE", help="the same; the option may be repeated")
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
    add_missing(sub)
    add_arguments(sub, OPTIONS.values(), BLENDER)
    sub.set_defaults(parser=sub)
    return parser


def main(argv):
    """Run `perform ...`; returns the exit code: 0 all done, 2 bad input and nothing done, 3 some voices failed, 130 cancelled."""
    try:
        return _perform(_parser().parse_args(argv))
    except SystemExit as leaving:  # --help
        return leaving.code or OK
    except KeyboardInterrupt:
        complain("utter: Cancelled; nothing was written.")
        return CANCELLED
    except Cancelled as cancelled:
        complain(f"utter: {cancelled}")
        return CANCELLED
    except Exception as error:
        complain(f"utter: {explain(error, log_defect)}")
        return BAD_INPUT
    finally:
        jobs.stop()


def log_defect():
    """Log the exception being handled; returns where to read of it."""
    LOGGER.exception("blender --command utter")
    return log.place()


def _perform(args):
    open_scene(args)
    if bool(args.voices) == bool(args.list):
        raise UtterError("Name voices with --voice, or a list of them with --list.")
    for name in ("encoder", "text_encoder", "transcriber"):
        if given := getattr(args, name):
            if not is_folder(given):
                raise UtterError(f"The folder {given} does not exist; choose the folder of a model.")
            setattr(args, name, str(Path(given).absolute()))
    if args.tracker:
        if not is_file(args.tracker):
            raise UtterError(f"The file {args.tracker} does not exist; choose face_landmarker.task.")
        args.tracker = str(Path(args.tracker).absolute())
    for name, option in OPTIONS.items():
        if option.path and getattr(args, name, None):
            setattr(args, name, located(name, getattr(args, name)))
    check_options(args)
    tasks = listed(args) if args.list else named(args)
    titles = {id(task): f"[{number}/{len(tasks)}] {task.title}" for number, task in enumerate(tasks, 1)}
    stage = None if args.list else prepare(args)

    def tell(task, error):
        nonlocal stage
        if not isinstance(error, UtterError):
            stage = None  # nobody knows what a defect has left of the scene
        complain(f"utter: {titles[id(task)]}: {explain(error, log_defect)}")

    def perform_one(task):
        nonlocal stage
        title = titles[id(task)]
        if task.note:
            complain(f"utter: {title}: {task.note}")
        scene, head, frames, own = ready = stage or prepare(task.options, again=True)
        stage = None if args.list else ready
        bake.clear(rigs.rig_of(head), but_captured=True)  # what the voice before left
        scene.frame_start, scene.frame_end = frames
        settings = base.settings_of(head)
        settings.voice, settings.words = task.source, absolute_words(task.source, task.options.words) or own
        for note in perform.perform_now(scene, head, Progress(title), models={name: getattr(args, name) for name in paths.MODELS}):
            complain(f"utter: {title}: {note}")
        save(task.output)
        if (task.options.actions or "none") != "none":
            jobs.run(export.export_job(scene, head, Path(task.output).with_suffix(f".{task.options.actions}")))
        say(f"{title}: {task.output}")

    read = filter(None, (args.list, bpy.data.filepath))
    done = perform_all(tasks, check, perform_one, tell, read, args.missing, lambda sentence: complain(f"utter: {sentence}"))
    if done < len(tasks) > 1:
        say(f"{done} of {len(tasks)} done.")
    return exit_code(done, len(tasks))


def open_scene(args):
    """Take a .blend file from among the voices, and open it."""
    args.voices += args.more or ()
    scenes = [path for path in args.voices if path.lower().endswith(".blend")]
    if len(scenes) > 1:
        raise UtterError(f"{scenes[1]} is a second scene; perform in one at a time.")
    for scene in map(find_file, scenes):
        args.voices.remove(scenes[0])
        if not is_file(scene):
            raise UtterError(f"{scene} does not exist.")
        try:
            bpy.ops.wm.open_mainfile(filepath=str(scene.absolute()))
        except RuntimeError as error:
            raise UtterError(f"{scene} cannot be opened as a .blend file.", str(error)) from error


def check(task):
    """UtterError for what can be known to be wrong with a Task before anything is computed."""
    check_task(task)
    check_options(task.options)
    words = absolute_words(task.source, task.options.words)
    for path in (task.source, task.output, words if words and names_file(words) else ""):
        if len(os.fsencode(path)) > LONGEST_PATH:
            raise UtterError(f"{path} is longer than the {LONGEST_PATH} bytes that Blender can hold; choose a shorter path.")
    if words and not is_text(words):
        raise UtterError(f"Blender cannot hold the name {words}; rename the file.")


def check_options(options):
    """UtterError for the first option that cannot be used, or that Blender cannot hold."""
    properties = bpy.types.Object.bl_rna.properties["utter"].fixed_type.properties
    for name, option in OPTIONS.items():
        given = getattr(options, name, None)
        if given is None or BLENDER not in option.commands or option.kind is tuple:
            continue
        value = option.checked(given)
        if option.panel and option.kind in (int, float):
            low, high = properties[name].hard_min, properties[name].hard_max
            if not low <= value <= high:
                raise UtterError(f"{option.label} {value} is more than Blender can hold; it takes {low} to {high}.")
    if options.language:
        offered_language(options.language)
    if options.passages:
        read_passages(options.passages)
    if options.identity:
        seed = read_identity(options.identity)[1]
        if seed is not None and seed > LARGEST:
            raise UtterError(f"The seed {brief(seed)} of an identity is more than Blender can hold; it takes 0 to {LARGEST}.")
    if options.head and options.head not in bpy.data.objects and not is_file(options.head):
        raise UtterError(f"{brief(options.head, 1000)} is neither a FLAME file nor an object of the scene.")


def named(args):
    """The Tasks of the voices named on the command line."""
    if not args.out:
        raise UtterError("Say with --out where the .blend files go.")
    voices, out = [path.absolute() for path in find_voices(args.voices)], Path(args.out).absolute()
    taken: dict[str, int] = {}
    if out.suffix.lower() == ".blend" and not is_folder(out):
        if len(voices) > 1:
            raise UtterError(f"{args.out} is a file; several voices need a folder to go to.")
        return [Task(voices[0].name, str(voices[0]), out, args, "")]
    if args.words and len(voices) > 1 and not is_folder(args.words):
        raise UtterError("Words belong to one voice; for several name a folder of .txt or .srt files that are called as the voices are.")
    return [Task(path.name, str(path), name_output(out, None, path, ".blend", taken), args, "") for path in voices]


def listed(args):
    """The Tasks of the list."""
    path = str(find_file(args.list).absolute())
    target = Path(args.out).absolute() if args.out else Path(path).parent
    return tasks_of(path, target, ".blend", BLENDER, args.parser, args)


def prepare(options, again=False):
    """The scene, the head that performs in it, the frames it began with, and the words it came with. again: in a fresh scene, so that
    no row sees what another one left."""
    timeline = read_passages(options.passages) if options.passages else None
    scene = prepare_scene(options.fps, again)
    head = prepare_head(scene, options.head, options.jaw or OPTIONS["jaw"].default)
    if options.identity:
        take_identity(head, options.identity)
    settings = base.settings_of(head)
    for name, option in OPTIONS.items():
        if option.panel and BLENDER in option.commands and name not in TEXTS and getattr(options, name) is not None:
            value = option.checked(getattr(options, name))
            setattr(settings, name, "" if value is None else value)
    if options.language:
        settings.language = offered_language(options.language)
    if timeline is not None:
        passages.from_seconds(settings, timeline, bake.scene_fps(scene))
    frames = scene.frame_start, scene.frame_end if bpy.data.filepath else settings.start
    return scene, head, frames, settings.words


def take_identity(head, given):
    """Give the head the identity that is named: a seed, a character, or a file of sliders. UtterError if it is none of these."""
    sliders, seed = read_identity(given)
    if find_character(given):
        identity.play(head, given)
    elif sliders is not None:
        identity.set_sliders(head, sliders, -1 if seed is None else seed)
    elif seed is not None:
        identity.randomise(head, seed)


def absolute_words(voice, given):
    """The words of one voice, a file of them by its whole path: Blender's own folder may be another. None without."""
    given = words_for(voice, given)
    return str(Path(given).absolute()) if given and names_file(given) else given


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
        if not is_file(wanted):
            raise UtterError(f"{wanted} is neither a FLAME file nor an object of the scene.")
        jobs.run(heads.add_job(bpy.context, path=str(Path(wanted).absolute()), jaw=jaw))
    elif base.chosen(bpy.context) is None:
        jobs.run(heads.add_job(bpy.context, jaw=jaw))
    return base.chosen(bpy.context)


def save(path):
    """Save a copy of the open file, whole or not at all."""
    with beside(path, ".blend") as part:
        try:
            bpy.ops.wm.save_as_mainfile(filepath=str(part), copy=True, check_existing=False, relative_remap=True)
        except RuntimeError as error:
            raise UtterError(f"{path} cannot be written; choose another folder.", str(error)) from error


class Progress:
    """Prints a line whenever the stage changes or another tenth is done."""

    def __init__(self, title):
        self.title, self.last = title, None

    def __call__(self, stage, fraction):
        if (stage, int(fraction * 10)) != self.last:
            self.last = stage, int(fraction * 10)
            say(f"{self.title}: {stage} {fraction:.0%}")


_handle = None


def register():
    global _handle
    _handle = bpy.utils.register_cli_command("utter", main)


def unregister():
    if _handle is not None:
        bpy.utils.unregister_cli_command(_handle)


CLASSES = ()
