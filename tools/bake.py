"""Voices to .blend files without a Blender install:

    python build.py bake [SCENE.blend] VOICE... --out X.blend|FOLDER [--words TEXT|FILE|FOLDER] [--prompt WORDS] [--head H] [...]
    python build.py bake [SCENE.blend] --list FILE.csv [--out FOLDER] [...]

The same code as `blender -b [SCENE.blend] --command utter perform --voice VOICE... --out ...`, run in bpy.
"""

import contextlib
import sys

import bpy

import addon


def main(argv):
    """Returns the exit code: 0 all done, 2 bad input and nothing done, 3 some voices failed."""
    if not argv or {"-h", "--help"} & set(argv):
        print(__doc__.strip(), end="\n\nOptions as there:\n\n")
        argv = ["--help"]
    with enabled():
        return addon.batch.command.main(["perform", *argv])


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
