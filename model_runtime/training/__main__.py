"""python build.py train STEP: train the shipped weights again, or on recordings of your own.

align      when each phone is spoken, by forced alignment           -> .cache/training/alignments.jsonl
synthetic  voices that say when each sound begins                   -> .cache/training/synthetic.jsonl
speech     the speech encoder: sound to Content                     -> blender_assets/models/encoder.safetensors
mouth      its mouth curves: how people on film move their mouths  -> the same file
emotion    the feelings: words, labels, voice and motion in one space
voice      the reader of feelings in voices                         -> blender_assets/models/voice.safetensors
words      the reader of prompts                                    -> blender_assets/models/words.safetensors
sync       the sync expert, which the generator learns from         -> model_runtime/training/sync.safetensors
generator  the diffusion model that performs                        -> blender_assets/models/generator.safetensors
all        these, in this order
"""

import argparse
import importlib
import sys
from pathlib import Path

from contract import UtterError, complain

ROOT = Path(__file__).resolve().parents[2]
STEPS = ("align", "synthetic", "speech", "mouth", "emotion", "voice", "words", "sync", "generator")


def main(argv=None):
    parser = argparse.ArgumentParser("build.py train", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=(*STEPS, "all"))
    parser.add_argument(
        "--data", metavar="FOLDER", default=str(ROOT.parent / "shared" / "data"), help="the voices to learn from (default: %(default)s)"
    )
    parser.add_argument(
        "--cache", metavar="FOLDER", default=str(ROOT / ".cache" / "training"), help="what is computed once (default: %(default)s)"
    )
    parser.add_argument("--clips", type=int, metavar="N", help="of each corpus, learn from N clips at most: for a short trial")
    parser.add_argument("--minutes", type=float, help="how long to train, each step (default: its own; emotion takes --steps only)")
    parser.add_argument("--steps", type=int, help="train that many steps instead: the same bits every time")
    parser.add_argument("--output", type=Path, help="write the weights there (sync, generator)")
    parser.add_argument("--start", type=Path, help="go on from these weights (generator)")
    parser.add_argument("--start-head", type=Path, metavar="HEAD", help="the head that --start was trained on, where it is another one")
    parser.add_argument("--variant", default="full", help="an ablation of training/variants.py (generator; default: %(default)s)")
    parser.add_argument(
        "--recordings",
        metavar="FOLDER",
        help="learn from recordings of your own, beside the teacher's "
        "performances: NAME.wav with NAME.npz or NAME.csv, as training/recordings.py says (generator)",
    )
    parser.add_argument("--only", action="store_true", help="learn from the recordings alone")
    parser.add_argument("--flame", metavar="HEAD", help="the head that FLAME curves among the recordings belong to (.npz, .pkl)")
    parser.add_argument(
        "--encoder",
        "--ears",
        dest="encoder",
        metavar="FOLDER",
        help="learn from what this speech model hears (speech/plugin.py), and write into its "
        "folder, where perform --encoder finds it (generator)",
    )
    parser.add_argument(
        "--whisper",
        metavar="FOLDER",
        help="take Whisper's part of the encoder from this folder, model.bin of its base model as CTranslate2 stores it "
        "(speech; default: from the shipped weights, which have it unchanged)",
    )
    parser.add_argument(
        "--text-encoder",
        metavar="FOLDER",
        help="teach this CLIP, RoBERTa or other text encoder of transformers to read prompts, and write what it learns into its folder, "
        "where perform --text-encoder finds it (words)",
    )
    parser.add_argument("--layer", type=int, help="learn from this layer's hidden states, also where the model hears phones")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    args = parser.parse_args(argv)
    if args.step == "all" and (args.output or args.start):
        parser.error("--output and --start need one step")
    if args.start_head and not args.start:
        parser.error("--start-head needs --start")
    if args.only and not args.recordings:
        parser.error("--only needs --recordings FOLDER")
    if args.encoder and args.recordings:
        parser.error("--encoder learns from the teacher's performances; leave out --recordings")
    if args.text_encoder and args.step != "words":
        parser.error("--text-encoder goes with the step words")
    for step in STEPS if args.step == "all" else (args.step,):
        if args.recordings and step == "generator":
            from model_runtime.training import recordings

            args.cache = recordings.write(args)
        importlib.import_module(f"model_runtime.training.{step}").main(args)


if __name__ == "__main__":
    try:
        main()
    except UtterError as error:
        complain(f"build.py train: {error}")
        sys.exit(1)
