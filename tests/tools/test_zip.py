"""Which wheels go into the extension's zip: a walk through made-up wheels, which pip finds in a folder."""

import os
import re
import shutil
import zipfile

import pytest

from tools import zip as zip_tool

LINUX = "manylinux_2_28_x86_64"
CUDA = 'cuda-kit[blas]==13.0; platform_system == "Linux"'


def wheel(folder, name, version="1.0", requires=(), tag="py3-none-any"):
    """A wheel with nothing but metadata."""
    stem = f"{name.replace('-', '_')}-{version}"
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}", *(f"Requires-Dist: {r}" for r in requires)]
    with zipfile.ZipFile(folder / f"{stem}-{tag}.whl", "w") as archive:
        archive.writestr(f"{stem}.dist-info/METADATA", "\n".join(lines) + "\n")
        archive.writestr(f"{stem}.dist-info/WHEEL", f"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: {tag}\n")
        archive.writestr(f"{stem}.dist-info/RECORD", "")


@pytest.fixture
def quick(index, monkeypatch):
    """Takes the wheels from the folder without starting pip, which would take a second for each."""

    def copied(folder, specs, *_):
        (found,) = index.glob(f"{zip_tool.Requirement(specs[0]).name.replace('-', '_')}-*.whl")
        return shutil.copy2(found, folder) and folder / found.name

    monkeypatch.setattr(zip_tool, "download", copied)


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels, which is all that pip knows."""
    folder = tmp_path / "index"
    folder.mkdir()
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.delenv("PIP_CONSTRAINT", raising=False)
    wheel(folder, "made-up-sentences", requires=["never-there"])
    wheel(folder, "made-up-tongues", requires=["never-there"])
    return folder


def gathered(tmp_path, monkeypatch, *dependencies, platform="linux-x64", python="3.11", torch="cpu", transcriber=False, tracker=False):
    """{name: version} of the wheels that are taken for those dependencies."""
    own = {
        "sentence-encoder": "made-up-sentences==1.0",
        "multilingual": "made-up-tongues==1.0",
        "transcriber": ["made-up-whisper-1==1.0", "made-up-whisper-2==1.0"],
        "tracker": ["made-up-tracker==1.0"],
    }
    table = {"project": {"dependencies": list(dependencies)}, "tool": {"utter": own}}
    monkeypatch.setattr(zip_tool, "pyproject", lambda: table)
    folder = tmp_path / f"wheels-{len(list(tmp_path.iterdir()))}"
    names = zip_tool.download_wheels(folder, platform, python, torch, transcriber, tracker)
    assert sorted(path.name for path in folder.iterdir()) == names
    versions = {name: version for name, version, *_ in (item.split("-") for item in names)}
    return {name: version for name, version in versions.items() if name not in ("made_up_sentences", "made_up_tongues")}


def test_what_stands_behind_extras_is_taken_and_only_that(tmp_path, index, quick, monkeypatch):
    wheel(index, "first", requires=["second", "third[sound]"])
    wheel(index, "second", requires=["third[Pictures]", "first[loop]"])  # the same wheel again, with another extra; and a circle
    extras = ["drum; extra == 'sound'", "frame; extra == 'pictures'", "never-there; extra == 'test'", "first; extra == 'sound'"]
    wheel(index, "third", requires=extras)
    wheel(index, "drum", requires=["stick[long]"])
    wheel(index, "stick", requires=["wood; extra == 'long' and python_version < '3.12'", "never-there; extra == 'short'"])
    wheel(index, "frame"), wheel(index, "wood")
    assert set(gathered(tmp_path, monkeypatch, "first")) == {"first", "second", "third", "drum", "stick", "wood", "frame"}


def test_markers_speak_of_where_the_zip_goes(tmp_path, index, quick, monkeypatch):
    conditions = {
        "for-linux": "sys_platform == 'linux'",
        "for-windows": "os_name == 'nt' and platform_system == 'Windows'",
        "for-mac": "platform_machine == 'arm64'",
        "for-old": "python_version < '3.12'",
        "for-new": "python_full_version >= '3.12'",
        "never-there": "implementation_name == 'pypy'",
    }
    wheel(index, "first", requires=[f"{name}; {condition}" for name, condition in conditions.items()])
    for name in list(conditions)[:-1]:
        wheel(index, name)
    taken = lambda platform, python: set(gathered(tmp_path, monkeypatch, "first", platform=platform, python=python)) - {"first"}
    assert taken("linux-x64", "3.11") == {"for_linux", "for_old"}
    assert taken("windows-x64", "3.13") == {"for_windows", "for_new"}
    assert taken("macos-arm64", "3.13") == {"for_mac", "for_new"}


def test_the_transcriber_is_taken_whole_or_not_at_all(tmp_path, index, quick, monkeypatch):
    wheel(index, "first")
    for part in (1, 2):
        wheel(index, f"made-up-whisper-{part}", requires=["never-there"])
    assert set(gathered(tmp_path, monkeypatch, "first")) == {"first"}
    assert set(gathered(tmp_path, monkeypatch, "first", transcriber=True)) == {"first", "made_up_whisper_1", "made_up_whisper_2"}


def test_the_tracker_is_taken_without_what_it_draws_with_or_not_at_all(tmp_path, index, quick, monkeypatch):
    wheel(index, "first")
    wheel(index, "made-up-tracker", requires=["never-there"])
    assert set(gathered(tmp_path, monkeypatch, "first")) == {"first"}
    assert set(gathered(tmp_path, monkeypatch, "first", tracker=True)) == {"first", "made_up_tracker"}


@pytest.fixture
def torches(index):
    """The wheels of torch that there are: on Linux the plain one needs CUDA's libraries, on Windows it computes on the processor."""
    version = zip_tool.pinned(zip_tool.Requirement("torch")).partition("==")[2]
    for tag, plain in ((LINUX, [CUDA]), ("win_amd64", [])):
        wheel(index, "torch", version, plain, f"cp311-cp311-{tag}")
        wheel(index, "torch", f"{version}+cpu", [], f"cp311-cp311-{tag}")
    wheel(index, "cuda-kit", "13.0", ["cuda-blas; extra == 'blas'", "never-there; extra == 'fft'"])
    wheel(index, "cuda-blas")
    return version


@pytest.mark.slow
def test_torch_is_the_build_that_is_asked_for(tmp_path, torches, monkeypatch):
    assert gathered(tmp_path, monkeypatch, "torch") == {"torch": f"{torches}+cpu"}
    with_cuda = {"torch": torches, "cuda_kit": "13.0", "cuda_blas": "1.0"}
    assert gathered(tmp_path, monkeypatch, "torch", torch="cu130") == with_cuda
    assert gathered(tmp_path, monkeypatch, "torch", platform="windows-x64") == {"torch": torches}


@pytest.mark.slow
def test_what_cannot_be_had_is_said_in_a_sentence(tmp_path, torches, index, monkeypatch):
    wheel(index, "first", requires=["second>=2"])
    wheel(index, "second", "2.0", requires=["third<3"])
    wheel(index, "third", "3.0")
    for options, said in [
        ({"torch": "cu130", "platform": "windows-x64"}, f"torch=={torches}+cu130 for windows-x64, Python 3.11"),
        ({"torch": "cu130", "platform": "macos-arm64"}, "no torch with CUDA for macos-arm64"),
        ({"python": "3.13"}, f"torch=={torches}+cpu for linux-x64, Python 3.13"),
    ]:
        with pytest.raises(SystemExit, match="build.py zip: .*") as ended:
            gathered(tmp_path, monkeypatch, "torch", **options)
        assert said in str(ended.value) and "\n" not in str(ended.value)
    with pytest.raises(SystemExit, match="third<3"):
        gathered(tmp_path, monkeypatch, "first")


def test_two_that_need_different_versions_are_refused(tmp_path, index, quick, monkeypatch):
    wheel(index, "second", "2.0")
    with pytest.raises(SystemExit, match="second<2 is required .* 2.0 was taken"):
        gathered(tmp_path, monkeypatch, "second", "second<2")


def test_a_zip_says_its_size_and_its_biggest_wheels(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("utter/addon/code.py", bytes(3_000_000))
        archive.writestr("utter/wheels/small-1.0-py3-none-any.whl", bytes(500_000))
        archive.writestr("utter/wheels/big-1.0-py3-none-any.whl", bytes(2_500_000))
    assert zip_tool.told(tmp_path / "a.zip") == "6.0 MB, 2 wheels: big 2.5 MB, small 0.5 MB"


def test_the_manual_is_a_page_with_its_pictures(tmp_path):
    shutil.copy2(zip_tool.ROOT / "docs" / "manual.md", tmp_path)
    zip_tool.write_manual(tmp_path)
    page = (tmp_path / "manual.html").read_text(encoding="utf-8")
    named = re.findall(r'<img src="(pictures/[^"]+)"', page)
    assert "<h1>Manual</h1>" in page and named and all((tmp_path / name).is_file() for name in named)
    assert all((tmp_path / name).stat().st_size < 120_000 for name in named)
