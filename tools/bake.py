"""Voices to .blend files without a Blender install:

    python build.py bake [SCENE.blend] VOICE... --out X.blend|FOLDER [--words TEXT|FILE|FOLDER] [--prompt WORDS] [--head H] [...]
    python build.py bake [SCENE.blend] --list FILE.csv [--out FOLDER] [...]

The same code as `blender -b [SCENE.blend] --command utter perform --voice VOICE... --out ...`, run in bpy.
"""

import contextlib
import itertools
import sys
from pathlib import Path

import bpy

import addon


def main(argv):
    """Returns the exit code: 0 all done, 2 bad input and nothing done, 3 some voices failed."""
    given = list(itertools.takewhile(lambda word: not word.startswith("-"), argv))
    options = argv[len(given) :]
    if not argv or {"-h", "--help"} & set(argv):
        print(__doc__.strip(), end="\n\nOptions as there:\n\n")
        options, given = ["--help"], []
    scene = given.pop(0) if given and given[0].endswith(".blend") else None
    if scene and not Path(scene).is_file():
        print(f"utter: {scene} does not exist.", file=sys.stderr)
        return 2
    with enabled():
        if scene:
            bpy.ops.wm.open_mainfile(filepath=str(Path(scene).absolute()))
        return addon.batch.command.main(["perform", *(["--voice", *given] if given else []), *options])


@contextlib.contextmanager
def enabled():
    """The checkout's add-on enabled in bpy, in an empty scene and with factory settings; disabled again on leaving, else bpy
    crashes."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    addon.register()
    try:
        yield
    finally:
        addon.unregister()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
