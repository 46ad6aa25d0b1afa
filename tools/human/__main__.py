"""python build.py head [--sheets | --check | --sight FOLDER]: make the built-in head and its hair, or only look at the head."""

import argparse
import sys
from pathlib import Path

import numpy as np

from contract import UtterError, complain
from model_runtime.motion import write_npz

ROOT = Path(__file__).resolve().parents[2]
HEAD = ROOT / "blender_assets" / "head" / "utter_head.npz"
HAIR = "hair.npz"  # beside the head
SOURCE = Path(__file__).parent / "ict_facekit" / "ict_facekit.npz"


def keep_zeros(made, shipped):
    """made, in shipped's bits where both are the same number.

    Whether a displacement rounds to 0 or to -0 is chance and differs between processors, but a head's basis is a hash of bits. So a
    head made anew on another machine keeps the shipped one's basis, and with it the weights trained on it, if its numbers do."""
    return np.where(made == shipped, shipped, made) if made.shape == shipped.shape else made


def packed(field):
    """A field of components as it is written: one component after the other. Neighbours are alike there, which packs to two thirds."""
    return np.asfortranarray(field) if np.ndim(field) > 2 else field


def main():
    parser = argparse.ArgumentParser(prog="build.py head", description="Make the built-in head from measured people.")
    parser.add_argument("--source", type=Path, default=SOURCE, help="the packed ICT-FaceKit light (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=HEAD, help="where to write it (default: %(default)s)")
    parser.add_argument(
        "--sheets",
        nargs="*",
        metavar="NAME",
        help=(
            "only render that file's contact sheets into docs/pictures/: all, or those of turntable, actions, visemes, emotions, "
            "identities, banner"
        ),
    )
    parser.add_argument("--check", action="store_true", help="only measure whether that file meets its figures")
    parser.add_argument("--sight", type=Path, metavar="FOLDER", help="learn how the face tracker sees the head, by pictures in FOLDER")
    options = parser.parse_args()
    try:
        return run(parser, options)
    except UtterError as error:
        complain(f"build.py head: {error}")
        return 2


def run(parser, options):
    if options.check:
        from tools.human import check

        return check.main([str(options.output)])
    if options.sheets is not None:
        from tools.human import sheets

        if set(options.sheets) - set(sheets.NAMES):
            parser.error(f"--sheets: choose from {', '.join(sheets.NAMES)}")
        for path in sheets.draw(options.output, ROOT / "docs" / "pictures", options.sheets):
            print(path, flush=True)
        return 0
    if options.sight is not None:
        from tools.human import sight

        print(sight.make(options.output, options.sight))
        return 0
    from tools.human import head, scalp, source

    fields = head.make(source.read(options.source))
    if HEAD.exists():
        with np.load(HEAD, allow_pickle=False) as shipped:
            fields["shapedirs"] = keep_zeros(fields["shapedirs"], shipped["shapedirs"])
    write_npz(options.output, **{name: packed(field) for name, field in fields.items()})
    print(f"{options.output}: {len(fields['v_template'])} vertices, {options.output.stat().st_size / 1e6:.1f} MB")
    hair = options.output.with_name(HAIR)
    write_npz(hair, **scalp.make(fields))
    print(f"{hair}: {hair.stat().st_size / 1e6:.2f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
