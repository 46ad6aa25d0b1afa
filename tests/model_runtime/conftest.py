"""Voices for the tests: the shipped sample, and every kind of file that is not a voice."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared():
    """The folder of real material beside the checkout; tests that need it are skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs ../shared, the folder of real voices")
    return folder


@pytest.fixture(scope="session")
def sample():
    """A shipped sample voice."""
    return sorted((ROOT / "blender_assets" / "voices").glob("*.flac"))[0]


@pytest.fixture(scope="session")
def short_voice(sample, tmp_path_factory):
    """The first two seconds of the sample, in a folder whose name is not ASCII."""
    samples, rate = soundfile.read(sample)
    path = tmp_path_factory.mktemp("stimme") / "grüße 你好.wav"
    soundfile.write(path, samples[: 2 * rate], rate)
    return path


@pytest.fixture(scope="session")
def bad_voices(tmp_path_factory, sample):
    """{what is wrong: path} for files that cannot be performed."""
    folder = tmp_path_factory.mktemp("bad")
    samples, rate = soundfile.read(sample)

    def write(name, values, rate=rate, **options):
        soundfile.write(folder / name, values, rate, **options)
        return folder / name

    (folder / "empty.wav").write_bytes(b"")
    (folder / "text.wav").write_text("this is no sound\n" * 50)
    (folder / "video.mp4").write_bytes(b"\0\0\0\x20ftypisom\0\0\2\0isomiso2avc1mp41" + bytes(4096))
    whole = write("whole.flac", samples).read_bytes()
    (folder / "truncated.flac").write_bytes(whole[: len(whole) // 3])
    nans = samples.astype(np.float32).copy()
    nans[1000:1100] = np.nan
    return {
        "missing": folder / "missing.wav",
        "folder": folder,
        "empty": folder / "empty.wav",
        "text": folder / "text.wav",
        "video": folder / "video.mp4",
        "truncated": folder / "truncated.flac",
        "nan": write("nan.wav", nans, subtype="FLOAT"),
        "no samples": write("none.wav", samples[:0]),
        "silent": write("silent.wav", np.zeros(rate * 2)),
        "too short": write("short.wav", samples[: rate // 20]),
    }
