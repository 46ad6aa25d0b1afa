"""python -m tools.human [--source ICT.npz] [--output out/human.npz]: a head from measured people, to become the built-in one.

It performs like any head of FLAME's format (`perform --head out/human.npz`, *Load FLAME File* in Blender)."""

import argparse
import sys
from pathlib import Path

from contract import UtterError
from model_runtime.motion import write_npz
from tools.human import head, source

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT.parent / "shared" / "data" / "ict_facekit" / "ict_facekit.npz"


def main():
    parser = argparse.ArgumentParser(prog="python -m tools.human", description=__doc__.partition("\n")[0])
    parser.add_argument("--source", type=Path, default=PACKAGE, help="the packed ICT-FaceKit light (default: %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "out" / "human.npz", help="where to write it (default: %(default)s)")
    options = parser.parse_args()
    try:
        fields = head.make(source.read(options.source))
        write_npz(options.output, **fields)
    except UtterError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{options.output}: {len(fields['v_template'])} vertices, {options.output.stat().st_size / 1e6:.1f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
