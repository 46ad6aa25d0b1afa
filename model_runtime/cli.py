"""python -m model_runtime VERB: the runtime's command line. Errors are one sentence on stderr, exit 2."""

import argparse
import collections
import functools
import json
import sys
import traceback
from pathlib import Path

import numpy as np

from contract import (
    CAPTURE_OPTIONS,
    COLUMNS,
    CSV_RATES,
    DEVICES,
    FPS,
    LOGGER,
    OPTIONS,
    RUNTIME,
    VERSION,
    Cancelled,
    CaptureRequest,
    LogFile,
    Parser,
    PerformRequest,
    Task,
    UtterError,
    VerbParser,
    add_arguments,
    add_missing,
    beside,
    check_output,
    check_task,
    columns_of,
    complain,
    doubts,
    ended,
    exit_code,
    explain,
    find_file,
    find_films,
    find_motions,
    find_voices,
    free_output,
    is_file,
    is_folder,
    lacking,
    located,
    perform_all,
    read_identity,
    read_passages,
    same_name,
    same_place,
    say,
    tasks_of,
    to_srt,
    to_vtt,
    variation_files,
    words_for,
)
from model_runtime.cache import cache_folder


def parser():
    top = Parser(prog="python -m model_runtime", description="Voice in, Motion out.")
    top.add_argument("--version", action="version", version=VERSION)
    verbs = top.add_subparsers(dest="verb", required=True, metavar="VERB", parser_class=VerbParser)

    def verb(name, function, summary, *options, device=False):
        sub = verbs.add_parser(name, help=summary, description=summary)
        sub.set_defaults(function=function)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        add_arguments(sub, [OPTIONS[option] for option in options], RUNTIME)
        if device:
            sub.add_argument("--device", choices=tuple(DEVICES), default="auto", help="where torch computes")
        return sub

    sub = verb("perform", perform, "voices to Motion files", *OPTIONS, device=True)
    add_missing(sub)
    sub.add_argument("voices", nargs="*", metavar="VOICE", help="sound files, or folders of them")
    sub.add_argument(
        "--list",
        metavar="FILE.csv",
        help=f"instead of voices: a row for each, with the columns {', '.join(COLUMNS)}; paths in it are relative to it",
    )
    sub.add_argument(
        "-o",
        "--output",
        "--out",
        metavar="M.npz|FOLDER/",
        help="a file for one voice, a folder for several; with a list the folder that its column out refers to, default: the list's own",
    )
    sub.set_defaults(parser=sub)

    sub = verb("listen", listen, "what is heard in a voice: Content at 50 Hz", "words", "language", "encoder", device=True)
    sub.add_argument("voice")
    sub.add_argument("-o", "--output", required=True, metavar="C.npz")

    sub = verb("transcribe", transcribe, "what is said in a voice, with times", "language", "transcriber", device=True)
    sub.add_argument("voice")
    sub.add_argument("-o", "--output", metavar="W.srt|W.vtt|W.json", help="default: subtitles on the console")

    sub = verb("mesh", mesh, "vertices or landmarks of a Motion", "identity")
    sub.add_argument("motion")
    sub.add_argument("-o", "--output", required=True, metavar="V.npz")
    sub.add_argument("--head", help="the head that the Motion was made for, or that a Motion of the built-in head is carried over to")
    sub.add_argument("--landmarks", action="store_true", help="landmarks instead of all vertices")

    sub = verb("actions", actions, "face actions (the 52 ARKit weights) of Motions, for other programs")
    sub.set_defaults(list=None)
    add_missing(sub)
    sub.add_argument("motions", nargs="+", metavar="M.npz", help="Motion files, or folders of them")
    sub.add_argument(
        "-o",
        "--output",
        "--out",
        required=True,
        metavar="A.npz|A.csv|A.json|FOLDER/",
        help="a file for one Motion, a folder for several; .csv is Live Link Face's",
    )
    sub.add_argument("--format", choices=[*OPTIONS["actions"].choices][1:], help="what a folder's files are; default: csv")
    sub.add_argument("--fps", type=int, choices=CSV_RATES, default=60, help="of a CSV; default: 60, as the app's")

    sub = verb("feel", feel, "what words, a voice, a Motion or a film feel like, as one JSON line", device=True)
    sub.add_argument("subject", metavar="WORDS|VOICE|M.npz|FILM")
    add_arguments(sub, [OPTIONS["neutral_voice"], OPTIONS["speaker"], OPTIONS["text_encoder"]], RUNTIME)

    sub = verb("capture", capture, "filmed faces to Motion files: videos, photos (one frame), CSVs of ARKit curves (Live Link Face)")
    add_missing(sub)
    add_arguments(sub, CAPTURE_OPTIONS.values(), RUNTIME)
    sub.add_argument("films", nargs="*", metavar="FILM", help="videos, photos, CSVs, or folders of them")
    sub.add_argument(
        "--list",
        metavar="FILE.csv",
        help=f"instead of films: a row for each, with the columns {', '.join(columns_of(CAPTURE_OPTIONS))}; paths in it are relative to it",
    )
    sub.add_argument(
        "-o",
        "--output",
        "--out",
        metavar="M.npz|FOLDER/",
        help="a file for one film, a folder for several; with a list the folder that its column out refers to, default: the list's own",
    )
    sub.set_defaults(parser=sub)

    sub = verb("identify", identify, "who is filmed: films and photos of one person to an identity, as --identity takes it")
    sub.add_argument("films", nargs="+", metavar="FILM", help="videos and photos of the same person, or folders of them")
    sub.add_argument("--tracker", "--model", metavar="FILE", help="MediaPipe's face_landmarker.task; default: as for capture")
    sub.add_argument("-o", "--output", required=True, metavar="WHO.json")

    verb("worker", work, "serve JSON lines (docs/protocol.md)", device=True)
    return top


def main(arguments=None):
    """Run the command line; returns the exit code: 0 done, 2 bad input and nothing done, 3 some voices failed."""
    args = argparse.Namespace(debug=False)
    try:
        args = parser().parse_args(arguments)
        return args.function(args) or 0
    except UtterError as error:
        complain(str(error))
        if args.debug:
            traceback.print_exc()
        return 2
    except Cancelled as cancelled:
        complain(str(cancelled))
        return 130
    except KeyboardInterrupt:
        complain("Cancelled; nothing was written.")
        return 130
    except ModuleNotFoundError as error:
        complain(f"This Python lacks {', '.join(lacking(error))}; python build.py installs all that Utter needs.")
        if args.debug:
            traceback.print_exc()
        return 2
    except Exception as error:
        if args.debug:
            raise
        complain(explain(error, log_defect))
        return 2


def log_defect():
    """Write the exception being handled to the log in the cache's folder; returns where to read of it."""
    log = LogFile(cache_folder() / "utter.log")
    LOGGER.addHandler(log)
    LOGGER.exception("python -m model_runtime %s", " ".join(sys.argv[1:]))
    LOGGER.removeHandler(log)
    log.close()
    return "add --debug to see where." if log.broken else f"the log tells more: {log.path}"


def perform(args):
    from model_runtime.pipeline import Performer

    if bool(args.voices) == bool(args.list):
        raise UtterError("Name voices, or a list of them with --list.")
    for name, option in OPTIONS.items():
        if option.path and getattr(args, name, None):
            setattr(args, name, located(name, getattr(args, name)))
    performer = Performer(args.device)
    if args.encoder:
        performer.models.plug(args.encoder)  # a mistake on the command line is said once, before anything is computed
    if args.text_encoder:
        performer.models.read_by(args.text_encoder)
    asked(args, performer, "any")
    tasks = listed(args) if args.list else named(args)
    return each(args, tasks, functools.partial(check, performer), functools.partial(perform_one, performer))


def each(args, tasks, check, do):
    """check and do all tasks (contract.perform_all); a failure is said with its file, of a single one it is raised. The exit code."""

    def tell(task, error):
        if len(tasks) == 1 and not args.list:
            raise error
        complain(f"{task.title}: {explain(error, log_defect)}")

    done = perform_all(tasks, check, do, tell, [args.list] if args.list else [], args.missing)
    if done < len(tasks) > 1:
        complain(f"{done} of {len(tasks)} done.")
    return exit_code(done, len(tasks))


def check(performer, task):
    """UtterError for what can be known to be wrong with a Task before anything is computed."""
    from model_runtime.motion import load_motion, load_pins

    check_task(task)
    request = asked(task.options, performer, task.source)
    if request.head and not is_file(request.head):
        raise UtterError(f"The head {request.head} does not exist.")
    if request.pins:
        load_pins(request.pins, 1)
    if request.onto:
        load_motion(request.onto)
    read = {same_place(path): path for path in (request.voice, request.pins, request.onto) if path}
    for output in variation_files(task.output, request.variations)[1:]:
        check_output(output, read)


def perform_one(performer, task):
    """Perform one Task and write its Motion."""
    import numpy as np

    from model_runtime.motion import load_pins, save_motion

    voice = task.source
    if task.note:
        complain(f"{task.title}: {task.note}")
    request = asked(task.options, performer, voice)
    note = noting(voice, task.title)
    motions = performer.variations(request, progress=show(voice), note=note)
    lasts = len(motions[0].values) / motions[0].fps
    for passage in request.passages:
        if passage.start >= lasts or passage.end <= 0:
            note(f"The passage from {passage.start:g} to {passage.end:g} s lies beyond the voice, which lasts {lasts:.1f} s.")
    if request.pins:
        pins = load_pins(request.pins)
        keys = ((float(frame), int(column), float(pins.values[frame, column])) for frame, column in np.argwhere(pins.mask))
        for doubt in doubts(keys, FPS, 0, len(motions[0].values) - 1):
            note(doubt)
    for motion, output in zip(motions, variation_files(task.output, len(motions))):
        save_motion(motion, output)
        say(f"{voice} -> {output}" + (f" (seed {motion.seed})" if len(motions) > 1 else ""))


def asked(options, performer, voice):
    """The PerformRequest of a Namespace of options; the files that it names are read. UtterError for the first that cannot be used."""
    given = {name: value for name in OPTIONS if (value := getattr(options, name, None)) not in (None, "")}
    if options.scope == "":  # not everything, then
        given["scope"] = ()
    given["words"] = words_for(voice, given.get("words"))
    if options.passages:
        given["passages"] = read_passages(options.passages)
    if options.identity:
        given["identity"] = beta_of(options.identity, performer.models.builtin)
    return PerformRequest(**{**given, "voice": str(voice)})


def listed(args):
    """The Tasks of the list."""
    target = Path(args.output or Path(args.list).parent)
    return tasks_of(args.list, target, ".npz", RUNTIME, args.parser, args)


def named(args):
    """The Tasks of the voices named on the command line."""
    if not (args.output or "").strip():
        raise UtterError("Say with --output where the Motion goes.")
    jobs = plan(args.voices, args.output)
    if args.pins and len(jobs) > 1:
        raise UtterError("Pins belong to one voice; perform that voice alone.")
    if args.onto and len(jobs) > 1:
        raise UtterError("A present performance belongs to one voice; perform that voice alone.")
    if args.words and len(jobs) > 1 and not is_folder(args.words):
        raise UtterError("Words belong to one voice; for several name a folder of .txt or .srt files that are called as the voices are.")
    return [Task(str(voice), str(voice), output, args, "") for voice, output in jobs]


def noting(source, title=""):
    """A note about a voice or a film goes to stderr, with the title of its row, if there is one."""
    about = source if title in ("", source) else f"{title}: {source}"
    return lambda sentence: complain(f"{about}: {sentence}")


def plan(given, output, find=find_voices, what="voices", suffix=".npz"):
    """[(path, output path)] of the files that are given or in a folder that is, as find() has them: one file for one, otherwise a folder
    with a file for each, named after it; all with that suffix. what: they are, for a sentence."""
    paths, target = find(given), Path(output)
    to_folder = len(paths) > 1 or any(map(is_folder, given)) or is_folder(target) or output.endswith(("/", "\\"))
    if not to_folder:
        return [(paths[0], target if is_file(target) else Path(ended(output, suffix)))]  # a file that is there is meant: perhaps it is read
    if (target.suffix.lower() == suffix and not is_folder(target)) or is_file(target):
        raise UtterError(f"{target} is a file; several {what} need a folder to go to.")
    # Those that share a stem keep their suffix, those that share the whole name get a number.
    stems = collections.Counter(same_name(path.stem) for path in paths)
    taken: dict[str, int] = {}
    names = [path.stem if stems[same_name(path.stem)] == 1 else path.name for path in paths]
    return [(path, free_output(target, name, suffix, taken)) for path, name in zip(paths, names)]


def show(voice):
    """Progress on stderr, one line that rewrites itself; silent where stderr is no terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        return lambda stage, fraction: None
    return lambda stage, fraction: say(
        f"{Path(voice).name}: {stage} {100 * fraction:3.0f} % ", sys.stderr, begin="\r", end="\n" if fraction >= 0.99 else ""
    )


def beta_of(given, head):
    """beta [300] of a seed, or of a file of sliders."""
    from model_runtime.flame import identity

    sliders, seed = read_identity(given)
    return identity.random(head, seed)[1] if sliders is None else identity.beta(head, sliders, seed)


def reads(args, *names, suffix=""):
    """The files that a verb reads, by the capitals and accents that they have there; its output gets the suffix. UtterError if that
    would replace one of them, or cannot be written."""
    given = {name: value for name in names if (value := getattr(args, name))}
    vars(args).update({name: str(find_file(value)) for name, value in given.items() if Path(value).suffix})
    args.output = ended(args.output, suffix)
    check_output(args.output, {same_place(value): value for name in given if is_file(value := getattr(args, name))})


def listen(args):
    from model_runtime.pipeline import Performer
    from model_runtime.speech.content import save_content

    reads(args, "voice", "words", "encoder", suffix=".npz")
    content = Performer(args.device).listener.content(
        args.voice, words_for(args.voice, args.words), args.language, args.encoder, note=noting(args.voice)
    )
    save_content(content, args.output)
    say(f"{args.voice} -> {args.output}")


def transcribe(args):
    from model_runtime.pipeline import Performer

    kinds = {".srt": to_srt, ".vtt": to_vtt, ".json": lambda words: json.dumps(words, ensure_ascii=False, indent=1) + "\n"}
    kind = Path(args.output).suffix.lower() if args.output else ".srt"
    if kind not in kinds:
        raise UtterError(f"{args.output} is no {', '.join(kinds)}; words are written as one of these.")
    if args.output:
        reads(args, "voice", "transcriber")
    words = Performer(args.device).listener.transcript(args.voice, args.language, args.transcriber, noting(args.voice))
    if not words:
        noting(args.voice)("No words are heard in it.")
    text = kinds[kind](words)
    if not args.output:
        for line in text.splitlines():
            say(line)
        return
    with beside(args.output) as part:
        part.write_text(text, encoding="utf-8", newline="\n")


def mesh(args):
    from model_runtime.flame import lbs
    from model_runtime.motion import write_npz

    reads(args, "motion", "head", "identity", suffix=".npz")
    head, motion = motion_on(args.motion, args.head)
    if args.identity and args.head:
        raise UtterError("Only the built-in head takes an identity; another head has that of its file.")
    beta = beta_of(args.identity, head) if args.identity else None
    if args.landmarks:
        points = lbs.pose(head, motion.values, beta, vertices=head.landmark_vertices)
        write_npz(args.output, landmarks=points.astype(np.float32), names=np.array(head.landmark_names), fps=np.float64(motion.fps))
    else:
        write_npz(args.output, vertices=lbs.pose(head, motion.values, beta).astype(np.float32), fps=np.float64(motion.fps))
    say(f"{args.motion} -> {args.output}")


def motion_on(path, head_path):
    """(Head, Motion on it). A Motion of the built-in head is carried over to another head, and one of any head to the built-in one by
    the face actions that it holds."""
    from dataclasses import replace

    from model_runtime.flame.actions import on_builtin
    from model_runtime.flame.calibrate import calibrate
    from model_runtime.flame.load import load_head
    from model_runtime.motion import load_motion

    motion, builtin = load_motion(path), load_head()
    head = load_head(head_path) if head_path else builtin
    if motion.basis == head.basis:
        return head, motion
    motion = on_builtin(builtin, motion)
    if head is builtin:
        return head, motion
    return head, replace(motion, values=calibrate(head, builtin).apply(motion.values), basis=head.basis)


def actions(args):
    from model_runtime import exports

    to_folder = len(args.motions) > 1 or is_folder(args.motions[0]) or not Path(args.output).suffix
    suffix = f".{args.format or 'csv'}" if to_folder else Path(args.output).suffix.lower()
    if suffix not in exports.WRITERS or (args.format and suffix != f".{args.format}"):
        raise UtterError(f"{args.output} is no {f'.{args.format}' if args.format else ' or '.join(exports.WRITERS)}; choose another name.")
    jobs = plan(args.motions, args.output + "/" * to_folder, find_motions, "Motions", suffix)
    tasks = [Task(str(motion), str(motion), output, args, "") for motion, output in jobs]
    return each(args, tasks, lambda task: None, functools.partial(write_actions, exports.WRITERS[suffix], args.fps))


def write_actions(write, fps, task):
    """Write the face actions of one Task's Motion."""
    _, motion = motion_on(task.source, None)
    write(task.output, motion, fps)
    say(f"{task.source} -> {task.output}")


def feel(args):
    from model_runtime.pipeline import Performer

    if Path(args.subject).suffix:
        args.subject = str(find_file(args.subject))
    performer = Performer(args.device)
    performer.models.read_by(args.text_encoder)
    say(json.dumps(performer.feel(args.subject, args.neutral_voice, args.speaker)))


def capture(args):
    from model_runtime.pipeline import Performer

    if bool(args.films) == bool(args.list):
        raise UtterError("Name films, or a list of them with --list.")
    for name in ("sound", "head", "tracker"):
        if getattr(args, name):
            setattr(args, name, str(find_file(getattr(args, name))))
    if args.list:
        target = Path(args.output or Path(args.list).parent)
        tasks = tasks_of(args.list, target, ".npz", RUNTIME, args.parser, args, CAPTURE_OPTIONS)
    else:
        if not (args.output or "").strip():
            raise UtterError("Say with --output where the Motion goes.")
        jobs = plan(args.films, args.output, find_films, "films")
        if args.sound and len(jobs) > 1:
            raise UtterError("A sound belongs to one film; name several with a list, which has a column sound.")
        tasks = [Task(str(film), str(film), output, args, "") for film, output in jobs]
    return each(args, tasks, check_film, functools.partial(capture_one, Performer("cpu")))


def check_film(task):
    """UtterError for what can be known to be wrong with the Task of a film before one is followed."""
    from model_runtime.capture import film

    film.check(task.source)
    for name in ("sound", "head", "tracker"):
        if (given := getattr(task.options, name)) and not is_file(given):
            raise UtterError(f"The {name} {given} does not exist.")


def capture_one(performer, task):
    """Capture the film of one Task and write its Motion."""
    from model_runtime.motion import save_motion

    given = {name: value for name in ("sound", "head", "tracker") if (value := getattr(task.options, name))}
    request = CaptureRequest(film=task.source, **given)
    motion, _ = performer.capture(request, show(task.source), note=noting(task.source, task.title), anew=True)
    save_motion(motion, task.output)
    say(f"{task.source} -> {task.output}")


def identify(args):
    """Write who is filmed, as sliders."""
    from model_runtime.capture import identity
    from model_runtime.flame.load import load_head

    films = find_films(args.films)
    if Path(args.output).suffix.lower() != ".json":
        raise UtterError(f"{args.output} is no .json; an identity is written as one.")
    check_output(args.output, {same_place(film): str(film) for film in films})
    sliders, notes = identity.sliders_of(films, load_head(), args.tracker)
    for sentence in notes:
        complain(sentence)
    with beside(args.output) as part:
        part.write_text(json.dumps(sliders, indent=1) + "\n", encoding="utf-8", newline="\n")
    say(f"{', '.join(map(str, films))} -> {args.output}")


def work(args):
    from model_runtime.worker import main as serve

    return serve(args.device)
