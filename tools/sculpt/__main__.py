"""python build.py head [--sheets]: make blender_assets/head/utter_head.npz, the built-in head; or only look at it."""
import argparse
from pathlib import Path


from model_runtime.motion import write_npz

ROOT = Path(__file__).resolve().parents[2]
HEAD = ROOT / "blender_assets" / "head" / "utter_head.npz"


def main():
    parser = argparse.ArgumentParser(prog="build.py head", description="Make the built-in head.")
    parser.add_argument("--output", type=Path, default=HEAD, help="where to write it (default: %(default)s)")
    parser.add_argument("--sheets", action="store_true", help="only draw contact sheets of that file into out/")
    options = parser.parse_args()
    if options.sheets:
        from tools.sculpt import sheets
        for path in sheets.draw(options.output, ROOT / "out"):
            print(path)
        return
    from tools.sculpt.head import make
    fields = make()
    write_npz(options.output, **fields)
    print(f"{options.output}: {len(fields['v_template'])} vertices, {options.output.stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
