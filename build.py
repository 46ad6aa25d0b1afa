#!/usr/bin/env python3
"""Utter's one command:  python build.py VERB [...]

    demo    perform a voice on the built-in head: out/demo.blend, out/demo.mp4, out/demo.png
    test    check the code and run the tests (--quick: under 90 seconds, no Blender; arguments go to pytest)
    lint    check the code alone
    bake    voices to .blend files without a Blender install
    zip     build and validate the extension
    bench   speed and memory, as ratios within one run
    evaluate  how well new voices are heard and performed
    train   train the shipped weights again, or on recordings of your own
    head    make the built-in head

Each verb takes --help. Needs nothing but Python: the first call makes .venv and installs the pinned requirements.
"""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VERBS = {  # verb -> what .venv's Python runs
    "demo": ["-m", "tools.demo"],
    "test": ["-m", "tools.test"],
    "lint": ["-m", "tools.test", "--lint"],
    "bake": ["-m", "tools.bake"],
    "zip": ["-m", "tools.zip"],
    "bench": ["-m", "tools.bench"],
    "evaluate": ["-m", "tools.evaluate"],
    "train": ["-m", "model_runtime.training"],
    "head": ["-m", "tools.human"],
}
DESKTOP_LIBRARIES = ["libx11-6", "libxrender1", "libxfixes3", "libxi6", "libxkbcommon0", "libsm6", "libice6", "libgl1", "libegl1"]


def main():
    verb = sys.argv[1] if len(sys.argv) > 1 else ""
    if verb not in VERBS:
        print(__doc__.strip(), file=sys.stderr if verb else sys.stdout)
        return 2 if verb not in ("", "-h", "--help") else 0
    python = make_venv(ROOT / ".venv", "3.11")
    install_project(python, blender=verb != "lint" and not (verb == "test" and "--quick" in sys.argv))
    # Paths in the arguments are relative to the caller's folder, so it stays; only the tests are given their folder.
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return subprocess.call(
        [python, *VERBS[verb], *sys.argv[2:]], cwd=ROOT if verb == "test" else None, env={**os.environ, "PYTHONPATH": path}
    )


def find_python(version):
    """Path of a Python of that version ("3.11"), or None."""
    if "{}.{}".format(*sys.version_info) == version:
        return sys.executable
    candidates = [shutil.which(f"python{version}"), shutil.which("py")]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates += sorted(map(str, pyenv.glob(f"versions/{version}.*/bin/python")))
    for candidate in filter(None, candidates):
        probe = [candidate] + ([f"-{version}"] if Path(candidate).stem == "py" else [])
        probe += ["-c", "import sys; print(sys.executable, '%d.%d' % sys.version_info[:2])"]
        answer = subprocess.run(probe, capture_output=True, text=True)
        if answer.returncode == 0 and answer.stdout.split()[-1] == version:
            return answer.stdout.rsplit(None, 1)[0]
    return None


def make_venv(folder, version):
    """Make the virtual environment in folder, once; returns its Python's path (str)."""
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        base = find_python(version)
        if base is None:
            sys.exit(f"build.py: Python {version} is needed and was not found; install it and try again.")
        subprocess.check_call([base, "-m", "venv", str(folder)])
    return str(python)


def install(python, packages, *options):
    """pip-install packages for that Python, once: a stamp beside it remembers the exact list."""
    stamp = Path(python).parent.parent / ("installed-" + hashlib.sha256(repr((packages, options)).encode()).hexdigest()[:16])
    if not stamp.exists():
        print("installing", *packages, file=sys.stderr, flush=True)
        subprocess.check_call(
            [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *options, *packages], stdout=sys.stderr
        )
        stamp.touch()


def requirements():
    """pyproject.toml's tables as a dict."""
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


def install_project(python, blender=True):
    """Install every pinned requirement for that Python; blender: and Blender's Python module, which must start."""
    table = requirements()
    groups = table["project"]["optional-dependencies"]
    install(python, table["project"]["dependencies"] + (groups["blender"] if blender else []) + groups["test"] + groups["train"])
    install(python, [table["tool"]["utter"]["sentence-encoder"]], "--no-deps")
    try:
        install(python, [table["tool"]["utter"]["multilingual"]], "--no-deps")
    except subprocess.CalledProcessError:
        print("build.py: the multilingual sentence encoder cannot be had here; prompts are read in English only.", file=sys.stderr)
    try:
        install(python, table["tool"]["utter"]["transcriber"], "--no-deps")
    except subprocess.CalledProcessError:
        print("build.py: the transcriber cannot be had here; voices are performed without words.", file=sys.stderr)
    if blender:
        check_bpy(python)


def check_bpy(python):
    """bpy needs a few desktop libraries that a server lacks: install them where we may, else say which."""
    probe = subprocess.run([python, "-c", "import bpy"], capture_output=True, text=True)
    if probe.returncode == 0:
        return
    if sys.platform == "linux" and shutil.which("apt-get") and os.geteuid() == 0:
        print("installing", *DESKTOP_LIBRARIES, file=sys.stderr, flush=True)
        subprocess.check_call(["apt-get", "update", "-qq"], stdout=sys.stderr)
        subprocess.check_call(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *DESKTOP_LIBRARIES], stdout=sys.stderr)
        probe = subprocess.run([python, "-c", "import bpy"], capture_output=True, text=True)
    if probe.returncode:
        sys.exit(
            f"build.py: bpy does not start here; install these libraries and try again: {' '.join(DESKTOP_LIBRARIES)}\n"
            + probe.stderr.strip().splitlines()[-1]
        )


if __name__ == "__main__":
    sys.exit(main())
