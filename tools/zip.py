"""python build.py zip: build and validate the extension.

Without options: the variant without wheels, for studios that bring a runtime Python of their own (a preference names it).
With --platform and --python: one zip for each pair, which holds every wheel that the worker needs there.
"""

import argparse
import email
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import contract

ROOT = Path(__file__).resolve().parent.parent
SHIPPED = ("addon", "contract", "model_runtime", "blender_assets", "LICENSE", "README.md", "docs")
NOT_SHIPPED = ("training", "__pycache__", "*.pyc", "pictures")
ENTRY = '"""Utter: heads that speak and feel."""\nfrom .addon import register, unregister  # noqa: F401\n'

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
    parser.add_argument("--output", type=Path, default=ROOT / "out", help="folder of the zips (default out)")
    args = parser.parse_args(arguments)
    pairs = [(p, v) for p in args.platform for v in args.python] or [(None, None)]
    for platform, python in pairs:
        path = build(args.output, platform, python)
        contract.say(f"{path} ({path.stat().st_size / 1e6:.1f} MB)")
    return 0


def build(output, platform=None, python=None):
    """Build and validate one zip in the folder output; returns its path. Without platform and python: no wheels."""
    output.mkdir(parents=True, exist_ok=True)
    name = f"utter-{contract.VERSION}" + (f"-{platform}-py{python.replace('.', '')}" if platform else "")
    with tempfile.TemporaryDirectory(prefix="utter-zip-") as folder:
        stage = Path(folder) / "utter"
        stage.mkdir()
        for item in SHIPPED:
            source = ROOT / item
            if source.is_dir():
                shutil.copytree(source, stage / item, ignore=shutil.ignore_patterns(*NOT_SHIPPED))
            elif source.exists():
                shutil.copy2(source, stage / item)
        (stage / "__init__.py").write_text(ENTRY, encoding="utf-8")
        manifest = (ROOT / "blender_manifest.toml").read_text(encoding="utf-8")
        manifest = manifest.replace('name = "Utter"', f'version = "{contract.VERSION}"\nname = "Utter"', 1)
        if platform:
            wheels = download_wheels(stage / "wheels", platform, python)
            manifest = with_wheels(manifest, wheels, platform)
        (stage / "blender_manifest.toml").write_text(manifest, encoding="utf-8")
        with contract.beside(output / f"{name}.zip", ".zip") as part:
            blender_ext("build", "--source-dir", str(stage), "--output-filepath", str(part))
            blender_ext("validate", str(part))
    return output / f"{name}.zip"


def with_wheels(manifest, wheels, platform):
    """The manifest's text naming those wheel files and that platform; top-level keys go before the first table."""
    lines = [f'platforms = ["{platform}"]', "wheels = [", *(f'    "./wheels/{wheel}",' for wheel in wheels), "]", ""]
    head, bracket, tables = manifest.partition("\n[")
    return head + "\n" + "\n".join(lines) + bracket + tables


def download_wheels(folder, platform, python):
    """Download the worker's requirements and all that they require into folder; returns the wheels' file names.

    Walks the wheels' own metadata with the target's environment markers: pip would evaluate them for this machine.
    Versions are those of .venv where it has the package.
    """
    folder.mkdir()
    tags, markers = PLATFORMS[platform]
    markers = {
        **markers,
        "python_version": python,
        "python_full_version": f"{python}.0",
        "implementation_name": "cpython",
        "platform_python_implementation": "CPython",
        "extra": "",
    }
    table = pyproject()
    waiting = [Requirement(r) for r in table["project"]["dependencies"]]
    alone = Requirement(table["tool"]["utter"]["sentence-encoder"])  # installed without its dependencies
    seen = set(IN_BLENDER)
    for requirement in [alone, *waiting]:
        pending = [requirement]
        while pending:
            wanted = pending.pop()
            name = canonicalize_name(wanted.name)
            if name in seen or (wanted.marker and not wanted.marker.evaluate(markers)):
                continue
            seen.add(name)
            wheel = download(folder, wanted, tags, python)
            if requirement is not alone:
                pending += requires(wheel)
    return sorted(p.name for p in folder.glob("*.whl"))


def download(folder, requirement, tags, python):
    """pip-download one wheel without its dependencies; returns its path."""
    before = set(folder.glob("*.whl"))
    spec = requirement.name + (f"=={installed}" if (installed := installed_version(requirement.name)) else str(requirement.specifier))
    subprocess.check_call(
        [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--disable-pip-version-check",
            "--no-deps",
            "--only-binary=:all:",
            "--implementation",
            "cp",
            "--python-version",
            python,
            *(f"--platform={tag}" for tag in tags),
            "--dest",
            str(folder),
            spec,
        ]
    )
    (wheel,) = set(folder.glob("*.whl")) - before
    return wheel


def installed_version(name):
    """The version that .venv has, without a local tag such as +cpu; None if it has none."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name).split("+")[0]
    except PackageNotFoundError:
        return None


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
