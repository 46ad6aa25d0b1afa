"""How well new voices are heard and performed: a table with targets, out/evaluate.json with each clip's numbers, plots.

Voices are of speakers that nothing was trained on (dev: the generator's training clips hold them, the encoder's do not). English is
LibriSpeech with labels by PocketSphinx's alignment of its text, German is EmoDB with hand labels; the lips are
compared with labels, not with faces. Motion is compared with several of the teacher's performances of the same labels, because
captured FLAME motion is not available; jaw opening also with a real capture. Values are means over seeds, with 95 % intervals over clips.

With --film: filmed talkers instead, held out whole or by sentences; their tracked faces are compared with performances of their voices, and
with other people who say the same words. --side-by-side makes films to be looked at, --sheets pictures of one sentence felt in many ways.

With --voices-felt: how well feelings are heard in the voices of strangers (tools/evaluate/voices_felt.py).
With --words: how well prompts that nothing was learned from are read (tools/evaluate/words_read.py).
With --space: whether words, labels, voices and Motions find each other, and faces feel as what they are made of (tools/evaluate/space.py).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

from contract import UtterError, beside, complain, say
from tools.evaluate.material import CONDITIONS

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = "shipped"
TOGETHER = 2  # trainings at once


def main(argv):
    args = parse(argv)
    try:
        return run(args)
    except UtterError as error:
        complain(f"build.py evaluate: {error}")
        return 2


def parse(argv):
    from tools.evaluate.measure import SECTIONS

    parser = argparse.ArgumentParser("build.py evaluate", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--split", choices=("dev", "test"), default="dev", help="whose voices; test is for final figures")
    parser.add_argument(
        "--models",
        nargs="+",
        metavar="NAME",
        help=f"{SHIPPED}, or NAME of .cache/training/ablations/NAME.safetensors (default: all there are)",
    )
    parser.add_argument(
        "--ablations", type=int, metavar="STEPS", help="first train the variants that are missing there, each so many steps"
    )
    parser.add_argument("--only", nargs="+", choices=SECTIONS, default=list(SECTIONS), metavar="SECTION", help=", ".join(SECTIONS))
    parser.add_argument(
        "--conditions",
        nargs="+",
        choices=CONDITIONS,
        default=list(CONDITIONS),
        metavar="CONDITION",
        help=", ".join(CONDITIONS) + " (noise at 10 dB); models after the first are measured with the voice only",
    )
    parser.add_argument("--film", action="store_true", help="against the tracked films of grid_film instead; writes film.json")
    parser.add_argument("--voices-felt", action="store_true", help="feelings in strangers' voices instead; writes voices_felt.json")
    parser.add_argument("--words", action="store_true", help="prompts of tools/evaluate/prompts.txt instead; writes words_read.json")
    parser.add_argument("--space", action="store_true", help="the one space of feelings instead; writes space.json")
    parser.add_argument("--prompts", nargs="+", default=[], metavar="WORDS", help="with --film: performances with these feelings, too")
    parser.add_argument(
        "--side-by-side",
        type=Path,
        metavar="FOLDER",
        help="with --film: instead of a table, films and sheets of the first model's performances, one a speaker or --clips of each",
    )
    parser.add_argument("--sheets", type=Path, metavar="FOLDER", help="instead of a table, sheets of one sentence felt in many ways")
    parser.add_argument(
        "--keys", action="store_true", help="instead of a table, what an artist's keys do to a performance; writes keys.json"
    )
    parser.add_argument("--all-keys", action="store_true", help="with --keys: one on every channel and every face action")
    parser.add_argument("--quality", choices=("final", "draft"), default="final")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--clips", type=int, metavar="N", help="at most so many clips of each language")
    parser.add_argument(
        "--quick",
        action="store_true",
        help="three clips of each language, one seed, feelings on the shortest alone, 20 s of the capture: for a quick look",
    )
    parser.add_argument("--data", default=str(ROOT.parent / "shared" / "data"), help="folder of recordings (%(default)s)")
    parser.add_argument("--cache", default=str(ROOT / ".cache" / "training"), help="folder of the training's cache (%(default)s)")
    parser.add_argument("--ablated", type=Path, metavar="FOLDER", help="the ablations' weights (ablations in the cache)")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="cpu")
    parser.add_argument("--out", type=Path, default=Path("out"), metavar="FOLDER")
    args = parser.parse_args(argv)
    if args.quick:
        args.seeds, args.clips = 1, args.clips or 3
    if args.seeds < 1 or (args.clips is not None and args.clips < 1):
        parser.error("--seeds and --clips are at least 1")
    if "motion" in args.only and ("voices" not in args.only or "voice" not in args.conditions):
        parser.error("motion is measured on the performances of section voices, condition voice: ask for both")
    args.ablated = args.ablated or Path(args.cache) / "ablations"
    return args


def run(args):
    from model_runtime.pipeline import Performer
    from tools.evaluate import material, measure, plots, table

    if args.voices_felt:
        return run_voices_felt(args)
    if args.words:
        return run_words(args)
    if args.ablations:
        train_ablations(args)
    performer = Performer(args.device)
    models = load_models(args, performer)
    if args.sheets:
        from tools.evaluate import sheets

        sheets.run(args, performer, models, say)
        return 0
    if args.keys:
        from tools.evaluate import keys

        args.out.mkdir(parents=True, exist_ok=True)
        write(args.out / "keys.json", json.dumps(keys.run(args, performer, models), indent=1))
        say(str(args.out / "keys.json"))
        return 0
    if args.space:
        from tools.evaluate import space

        performer.models.generator = next(iter(models.values()))
        args.out.mkdir(parents=True, exist_ok=True)
        write(args.out / "space.json", json.dumps(space.run(args, performer, say), indent=1))
        say(str(args.out / "space.json"))
        return 0
    if args.film:
        return run_film(args, performer, models)
    bench = measure.Bench(
        args, performer, models, table.Tally(), material.voices(args.split, args.data, args.cache, args.clips), material.noises(args.data)
    )
    for name, section in measure.SECTIONS.items():
        if name in args.only:
            section(bench)
    rows = table.figures(bench.tally)
    minutes = sum(voice.seconds for voice in bench.voices) / 60
    print(
        f"Speakers of the {args.split} split, {len(bench.voices)} clips, {minutes:.1f} min; {args.quality}, "
        f"means of {args.seeds} seeds [95 % interval over clips].",
        "Labels: English LibriSpeech by PocketSphinx's alignment of the text, German EmoDB by hand.",
        *table.lines(rows),
        "",
        sep="\n",
    )
    args.out.mkdir(parents=True, exist_ok=True)
    record = {
        "split": args.split,
        "quality": args.quality,
        "seeds": args.seeds,
        "models": list(models),
        "quick": args.quick,
        "seconds": round(time.monotonic() - bench.began, 1),
        "figures": rows,
        "counts": bench.tally.counts,
    }
    write(args.out / "evaluate.json", json.dumps(record, indent=1))
    for path in (args.out / "evaluate.json", *plots.write(bench, rows, args.out)):
        say(str(path))
    return 0


def run_film(args, performer, models):
    from tools.evaluate import film

    if args.side_by_side:
        from tools.evaluate import side_by_side

        side_by_side.run(args, performer, models, say)
        return 0
    began = time.monotonic()
    kept = film.run(args, performer, models, lambda line: complain(f"{time.monotonic() - began:6.0f} s  {line}"))
    args.out.mkdir(parents=True, exist_ok=True)
    about = {"split": args.split, "quality": args.quality, "seeds": args.seeds, "models": list(models)}
    write(args.out / "film.json", json.dumps(about | {"seconds": round(time.monotonic() - began, 1)} | kept, indent=1))
    say(str(args.out / "film.json"))
    return 0


def run_voices_felt(args):
    from tools.evaluate import voices_felt

    args.out.mkdir(parents=True, exist_ok=True)
    write(args.out / "voices_felt.json", json.dumps({"split": args.split} | voices_felt.run(args, say), indent=1))
    say(str(args.out / "voices_felt.json"))
    return 0


def run_words(args):
    from model_runtime.emotion import feelings
    from tools.evaluate import words_read

    args.out.mkdir(parents=True, exist_ok=True)
    write(args.out / "words_read.json", json.dumps(words_read.run(feelings.load(), say), indent=1, ensure_ascii=False))
    say(str(args.out / "words_read.json"))
    return 0


def write(path, text):
    with beside(path) as part:
        part.write_text(text + "\n", encoding="utf-8")


def load_models(args, performer):
    """{name: Generator} of the chosen names, in that order."""
    from model_runtime.diffusion.generator import load

    there = sorted(path.stem for path in args.ablated.glob("*.safetensors"))
    models = {}
    for name in args.models or [SHIPPED, *there]:
        if name != SHIPPED and name not in there:
            raise UtterError(
                f"There are no weights {args.ablated / name}.safetensors; train them with --ablations STEPS, "
                f"or choose of {', '.join([SHIPPED, *there])}."
            )
        own = performer.models
        models[name] = own.generator if name == SHIPPED else load(args.ablated / f"{name}.safetensors", own.device)
    return models


def train_ablations(args):
    """Train every variant that has no weights yet, each from nothing, on the same data with the same seed and steps."""
    from model_runtime.training.variants import VARIANTS

    args.ablated.mkdir(parents=True, exist_ok=True)
    wanted = [name for name in args.models or VARIANTS if name in VARIANTS]
    missing = [name for name in wanted if not (args.ablated / f"{name}.safetensors").exists()]
    running = {}
    while missing or running:
        while missing and len(running) < TOGETHER:
            name = missing.pop(0)
            complain(f"training {name}, {args.ablations} steps: {args.ablated / name}.log")
            log = open(args.ablated / f"{name}.log", "w", encoding="utf-8")
            beside = args.ablated / f".{name}.safetensors"  # another name until it is complete
            running[name] = (
                log,
                beside,
                subprocess.Popen(
                    [
                        sys.executable,
                        "-m",
                        "model_runtime.training",
                        "generator",
                        "--variant",
                        name,
                        "--steps",
                        str(args.ablations),
                        "--output",
                        str(beside),
                        "--data",
                        args.data,
                        "--cache",
                        args.cache,
                    ],
                    cwd=ROOT,
                    stdout=log,
                    stderr=log,
                ),
            )
        time.sleep(1)
        for name, (log, beside, process) in list(running.items()):
            if process.poll() is not None:
                log.close()
                del running[name]
                if process.returncode:
                    for *_, other in running.values():
                        other.terminate()
                    raise UtterError(f"{name} could not be trained; {log.name} says why.")
                beside.replace(args.ablated / f"{name}.safetensors")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
