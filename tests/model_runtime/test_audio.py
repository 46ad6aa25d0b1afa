"""Any recording becomes 16 kHz mono; what cannot is refused in a sentence."""

import random
import tracemalloc

import av
import numpy as np
import pytest
import soundfile
from scipy.signal import resample_poly

from contract import UtterError
from model_runtime import audio
from model_runtime.audio import RATE, load_voice


def tone(rate, seconds=1.0, hertz=440.0, loud=0.3):
    return (loud * np.sin(2 * np.pi * hertz * np.arange(int(rate * seconds)) / rate)).astype(np.float32)


def hertz_of(samples):
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return spectrum.argmax() * RATE / len(samples)


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 44100, 48000, 192000])
def test_every_rate_becomes_16_khz_at_the_same_pitch(tmp_path, rate):
    soundfile.write(tmp_path / "a.wav", tone(rate), rate)
    voice = load_voice(tmp_path / "a.wav")
    assert voice.dtype == np.float32 and voice.shape == (RATE,)
    assert abs(hertz_of(voice) - 440) < 2
    assert abs(np.abs(voice[2000:-2000]).max() - 0.3) < 0.01


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_reading_in_blocks_gives_what_one_resampling_gives(tmp_path, rate):
    noise = np.random.default_rng(0).standard_normal(int(rate * 33.3)).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", noise, rate, subtype="FLOAT")
    common = np.gcd(rate, RATE)
    whole = resample_poly(noise, RATE // common, rate // common)
    voice = load_voice(tmp_path / "a.wav")
    assert len(voice) == len(whole)
    assert np.abs(voice - (whole - whole.mean())).max() < 1e-5


def test_stereo_is_averaged_and_an_offset_removed(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(RATE) + 0.2, tone(RATE, hertz=880) + 0.2], 1), RATE, subtype="FLOAT")
    voice = load_voice(tmp_path / "a.wav")
    assert np.allclose(voice, (tone(RATE) + tone(RATE, hertz=880)) / 2, atol=1e-3)


def test_clipped_voices_are_taken(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.clip(tone(RATE, loud=5.0), -1, 1), RATE)
    assert abs(hertz_of(load_voice(tmp_path / "a.wav")) - 440) < 2


@pytest.mark.parametrize(
    "format, subtype, ending",
    [
        ("FLAC", "PCM_24", "flac"),
        ("OGG", "VORBIS", "ogg"),
        ("OGG", "OPUS", "opus"),
        ("AIFF", "PCM_16", "aiff"),
        ("MP3", "MPEG_LAYER_III", "mp3"),
    ],
)
def test_formats(tmp_path, format, subtype, ending):
    soundfile.write(tmp_path / f"a.{ending}", tone(48000), 48000, format=format, subtype=subtype)
    voice = load_voice(tmp_path / f"a.{ending}")
    assert abs(len(voice) - RATE) < 0.06 * RATE and abs(hertz_of(voice) - 440) < 2


def test_paths_in_any_script_and_of_any_length(tmp_path):
    deep = tmp_path.joinpath(*["ordner_äöü_声_" + "x" * 60] * 6)
    deep.mkdir(parents=True)
    path = deep / "Stimme – голос 声音.wav"
    assert len(str(path)) > 400
    soundfile.write(path, tone(RATE), RATE)
    assert len(load_voice(path)) == RATE
    assert len(load_voice(str(path))) == RATE


@pytest.mark.slow
def test_a_long_recording_takes_little_more_memory_than_its_result(tmp_path):
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 96000, 2) as sound:
        for _ in range(20):
            sound.write(np.repeat(tone(96000, 10)[:, None], 2, 1))
    tracemalloc.start()
    voice = load_voice(tmp_path / "long.wav")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(voice) == 200 * RATE
    assert peak < 2 * voice.nbytes + 40e6  # the whole at 96 kHz stereo would be 154 MB and more


def refused(path, *words):
    with pytest.raises(UtterError) as caught:
        load_voice(path)
    sentence = str(caught.value)
    assert sentence.endswith(".") and "\n" not in sentence and "Traceback" not in sentence
    assert path.name in sentence
    for word in words:
        assert word in sentence


def encoded(path, values, rate, codec, **options):
    """Writes values with FFmpeg, as another program would have."""
    with av.open(str(path), "w", options=options) as container:
        stream = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(values[None].astype(np.float32), format="fltp", layout="mono")
        frame.sample_rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)


def played(path):
    """Seconds that FFmpeg decodes, whatever the header says; 0.0 for what it cannot read."""
    samples, rate = 0, 1
    try:
        with av.open(str(path)) as container:
            for packet in container.demux(container.streams.audio[0]):
                try:
                    for frame in packet.decode():
                        samples, rate = samples + frame.samples, frame.sample_rate
                except av.error.InvalidDataError:
                    continue
    except (av.error.FFmpegError, IndexError, ValueError):
        pass
    return samples / rate


@pytest.mark.parametrize("format, subtype", [("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "OPUS")])
def test_joined_files_are_heard_to_the_end(tmp_path, format, subtype):
    for number, hertz in enumerate((440, 880)):
        soundfile.write(tmp_path / str(number), tone(48000, hertz=hertz), 48000, format=format, subtype=subtype)
    path = tmp_path / "joined.sound"
    path.write_bytes((tmp_path / "0").read_bytes() + (tmp_path / "1").read_bytes())
    voice = load_voice(path)
    assert abs(len(voice) / RATE - played(path)) < 0.02 and len(voice) > 1.9 * RATE
    assert abs(hertz_of(voice[-RATE // 2 :]) - 880) < 4


@pytest.mark.parametrize("rate, subtype", [(44100, "VORBIS"), (48000, "OPUS")])
def test_joined_parts_of_different_kinds_are_refused(tmp_path, rate, subtype):
    """libsndfile stops after the first part in silence; some players go on."""
    soundfile.write(tmp_path / "0", tone(RATE), RATE, format="OGG", subtype="VORBIS")
    soundfile.write(tmp_path / "1", tone(rate), rate, format="OGG", subtype=subtype)
    path = tmp_path / "joined.ogg"
    path.write_bytes((tmp_path / "0").read_bytes() + (tmp_path / "1").read_bytes())
    refused(path, "1.00 s only", "WAV")


def test_an_mp3_without_a_length_is_heard_to_the_end(tmp_path):
    path = tmp_path / "a.mp3"
    quiet = np.concatenate([np.random.default_rng(0).standard_normal(44100).astype(np.float32) * 0.3, tone(44100, 5, loud=0.01)])
    for options in ({"write_xing": "0"}, {"write_xing": "0", "q": "4"}):
        encoded(path, quiet, 44100, "libmp3lame", **options)
        assert abs(len(load_voice(path)) / RATE - played(path)) < 0.02 and played(path) > 5.9


@pytest.mark.parametrize("size", [0, 10, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_wav_of_any_promised_size_is_as_long_as_it_plays(tmp_path, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, tone(RATE), RATE)
    data = bytearray(path.read_bytes())
    data[40:44] = size.to_bytes(4, "little")
    path.write_bytes(data)
    if played(path) < 0.1:
        refused(path, "shorter")
    else:
        assert abs(len(load_voice(path)) / RATE - played(path)) < 0.02


def test_a_streamed_flac_is_heard_to_the_end(tmp_path):
    path = tmp_path / "a.flac"
    soundfile.write(path, tone(RATE), RATE)
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)  # no number of samples
    path.write_bytes(data)
    assert len(load_voice(path)) == RATE


def test_a_voice_memo_is_read_and_a_film_is_not(tmp_path):
    encoded(tmp_path / "memo.m4a", tone(44100, 2), 44100, "aac")
    voice = load_voice(tmp_path / "memo.m4a")
    assert abs(len(voice) / RATE - played(tmp_path / "memo.m4a")) < 0.02 and abs(hertz_of(voice) - 440) < 2
    with av.open(str(tmp_path / "film.mp4"), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        frame = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8))
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    refused(tmp_path / "film.mp4", "video", "WAV")
    (tmp_path / "half.m4a").write_bytes((tmp_path / "memo.m4a").read_bytes()[:5000])
    refused(tmp_path / "half.m4a", "cut off", "WAV")


def test_channels_that_cancel_in_a_passage_are_heard_as_the_louder(tmp_path):
    time = np.arange(4 * 48000) / 48000
    voice = 0.3 * np.sin(2 * np.pi * 200 * time)
    turned = np.where((time > 1) & (time < 2), -0.95, 0.8) * voice  # one microphone's cable is wrong for a second
    soundfile.write(tmp_path / "turned.wav", np.stack([voice, turned], 1), 48000, subtype="FLOAT")
    soundfile.write(tmp_path / "louder.wav", voice, 48000, subtype="FLOAT")
    np.testing.assert_allclose(load_voice(tmp_path / "turned.wav"), load_voice(tmp_path / "louder.wav"), atol=1e-4)


def test_channels_that_cancel_are_heard_as_the_louder(tmp_path):
    for right in (-1.0, -0.95):
        soundfile.write(tmp_path / "a.wav", np.stack([tone(RATE), right * tone(RATE)], 1), RATE, subtype="FLOAT")
        assert np.allclose(load_voice(tmp_path / "a.wav"), tone(RATE), atol=1e-3)
    soundfile.write(tmp_path / "a.wav", np.stack([tone(RATE), np.zeros(RATE)], 1), RATE, subtype="FLOAT")
    assert np.allclose(load_voice(tmp_path / "a.wav"), tone(RATE) / 2, atol=1e-3)


@pytest.mark.slow
def test_headers_changed_at_random_never_give_another_length(tmp_path):
    dice = random.Random(10)
    sources = []
    for format, subtype in [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS")]:
        soundfile.write(tmp_path / "source", tone(RATE, 0.5), RATE, format=format, subtype=subtype)
        sources.append((tmp_path / "source").read_bytes())
    taken, path = 0, tmp_path / "changed.sound"
    for turn in range(2000):
        data = bytearray(sources[turn % 3])
        for _ in range(dice.randint(1, 4)):
            data[dice.randrange(len(data) if dice.random() < 0.1 else 64)] = dice.choice((0, 1, 0x7F, 0x80, 0xFF, dice.randrange(256)))
        path.write_bytes(data)
        try:
            heard = len(load_voice(path)) / RATE
        except UtterError as error:
            assert str(error).endswith(".") and "\n" not in str(error)
            continue
        taken += 1
        assert not played(path) or abs(heard - played(path)) < 0.0201, turn
    assert taken > 200


def test_missing_folder_and_empty(tmp_path):
    refused(tmp_path / "none.wav", "does not exist")
    (tmp_path / "folder.wav").mkdir()
    refused(tmp_path / "folder.wav", "folder")
    (tmp_path / "empty.wav").write_bytes(b"")
    refused(tmp_path / "empty.wav", "empty")


def test_text_named_wav(tmp_path):
    (tmp_path / "text.wav").write_text("These are words, not sounds. " * 50)
    refused(tmp_path / "text.wav", "not a recording", "WAV")


@pytest.mark.parametrize("head", [b"\0\0\0\x20ftypisom", b"\0\0\0\x14ftypqt  ", b"\x1aE\xdf\xa3\x01\0\0\0", b"RIFF\x10\0\0\0AVI LIST"])
def test_video_containers(tmp_path, head):
    (tmp_path / "take.mp4").write_bytes(head + b"\0" * 5000)
    refused(tmp_path / "take.mp4", "video", "WAV")


@pytest.mark.parametrize("share", [0.9, 0.5, 0.05])
def test_a_truncated_flac_is_reported(tmp_path, share):
    noise = np.random.default_rng(1).standard_normal(5 * RATE).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "whole.flac", noise, RATE)
    whole = (tmp_path / "whole.flac").read_bytes()
    (tmp_path / "part.flac").write_bytes(whole[: int(len(whole) * share)])
    refused(tmp_path / "part.flac", "cut off", "5.0 s")


def test_a_flac_that_is_only_a_header(tmp_path):
    soundfile.write(tmp_path / "whole.flac", tone(RATE), RATE)
    (tmp_path / "part.flac").write_bytes((tmp_path / "whole.flac").read_bytes()[:20])
    refused(tmp_path / "part.flac")


def test_values_that_are_no_numbers(tmp_path):
    for bad in (np.nan, np.inf):
        sound = tone(RATE)
        sound[9000] = bad
        soundfile.write(tmp_path / "bad.wav", sound, RATE, subtype="FLOAT")
        refused(tmp_path / "bad.wav", "no numbers")


def test_silence(tmp_path):
    for level in (0.0, 5e-5):
        soundfile.write(tmp_path / "quiet.wav", tone(RATE, loud=level), RATE, subtype="FLOAT")
        refused(tmp_path / "quiet.wav", "silent")
    soundfile.write(tmp_path / "constant.wav", np.full(RATE, 0.5, np.float32), RATE)
    refused(tmp_path / "constant.wav", "silent")
    soundfile.write(tmp_path / "soft.wav", tone(RATE, loud=0.003), RATE)
    assert len(load_voice(tmp_path / "soft.wav")) == RATE


def test_too_short_and_too_long(tmp_path):
    soundfile.write(tmp_path / "blip.wav", tone(RATE, 0.05), RATE)
    refused(tmp_path / "blip.wav", "shorter")
    with soundfile.SoundFile(tmp_path / "endless.wav", "w", 4000, 1, "PCM_U8") as sound:
        for _ in range(73):
            sound.write(np.zeros(4000 * 100, np.float32))
    refused(tmp_path / "endless.wav", "two hours")


def test_no_permission(tmp_path):
    soundfile.write(tmp_path / "mine.wav", tone(RATE), RATE)
    (tmp_path / "mine.wav").chmod(0)
    try:
        open(tmp_path / "mine.wav", "rb").close()
        pytest.skip("this user may read everything")
    except PermissionError:
        refused(tmp_path / "mine.wav", "permissions")


def test_without_ffmpeg_an_ordinary_recording_is_heard_as_with_it(sample, monkeypatch):
    """Where PyAV is not installed (a studio's own Python), libsndfile alone reads what it can."""
    heard = audio.load_voice(sample)
    monkeypatch.setattr(audio, "ffmpeg", lambda: None)
    np.testing.assert_array_equal(audio.load_voice(sample), heard)
