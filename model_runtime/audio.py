"""Voices: any recording, read block by block, as 16 kHz mono."""

import os
from math import gcd
from pathlib import Path

import numpy as np

from contract import UtterError

RATE = 16000  # Hz, of every voice inside Utter
SHORTEST = 0.1  # seconds
LONGEST = 2 * 3600
SILENT = 1e-4  # peak, -80 dBFS

SAME = 0.02  # seconds by which two decoders may differ
CANCELLED = 0.01  # of the loudest channel's power, below which the mean of the channels is no voice
HIDDEN = 0.03  # share of a recording, by its energy, that the mean of its channels may leave out

FORMATS = "WAV, FLAC, OGG, Opus, AIFF, MP3 or M4A"
DEMUXERS = "wav,w64,flac,ogg,mp3,aac,mov,matroska,aiff,caf,au"  # of FFmpeg: sounds alone, nothing that opens further files
# How containers of pictures and sound begin, and at which byte.
VIDEO = {b"ftyp": 4, b"moov": 4, b"mdat": 4, b"\x1aE\xdf\xa3": 0, b"AVI ": 8, b"FLV\x01": 0}


def load_voice(path):
    """A recording as float32 [N] at 16 kHz, mono, without its constant offset. Channels are averaged; if they cancel each other, be it in
    a passage only, the loudest is taken.

    Headers are hints: the length is what decoding to the end gives. libsndfile decodes, and FFmpeg, which Blender plays with, checks the
    length: where libsndfile stops early or reads nothing, FFmpeg's sound is taken. Memory is bounded by the result. UtterError, in a
    sentence, for a file that is missing, empty, not a recording, a video, cut off, damaged, silent, under 0.1 s or over two hours.
    """
    path = Path(path)
    name = path.name
    try:
        with open(reachable(path), "rb") as stream:
            head = stream.read(16)
            if not head:
                raise UtterError(f"{name} is empty; record or export the voice again.")
            samples = read(stream, name, any(head[at : at + len(mark)] == mark for mark, at in VIDEO.items()))
    except FileNotFoundError as error:
        raise UtterError(f"{path} does not exist; choose the recording again.") from error
    except (IsADirectoryError, PermissionError) as error:
        if path.is_dir():
            raise UtterError(f"{path} is a folder; choose a recording in it.") from error
        raise UtterError(f"{name} may not be read; check its permissions.", str(error)) from error
    except OSError as error:
        raise UtterError(f"{name} cannot be read ({error.strerror}).", str(error)) from error
    samples -= samples.mean(dtype=np.float64).astype(np.float32)
    if max(samples.max(), -samples.min()) < SILENT:
        raise UtterError(f"{name} is silent; choose a recording with a voice in it.")
    return samples


def reachable(path):
    """The path as the system opens it, however long (Windows stops at 260 characters without the prefix)."""
    return "\\\\?\\" + os.path.abspath(path) if os.name == "nt" else os.fspath(path)


class Measure:
    """What decoding a sound to its end tells: rate, length in samples, and the channel to take instead of the mean, or None."""

    def __init__(self, blocks, name):
        self.rate, self.length, self.channel, self.trouble = 0, 0, None, None
        power = whole = hidden = 0.0  # energy of each channel, of the louder one, and of it where the channels cancel each other
        try:
            for rate, block in blocks:
                if self.rate and rate != self.rate:
                    raise UtterError(f"{name} changes its sample rate from {self.rate} to {rate} Hz; export it as WAV.")
                self.rate = rate
                self.length += len(block)
                if self.length > LONGEST * rate:
                    raise UtterError(f"{name} is longer than two hours; cut it into parts.")
                if not np.isfinite(block).all():
                    about = (self.length - len(block)) / rate
                    raise UtterError(f"{name} holds values that are no numbers, at about {about:.1f} s; export it again.")
                if block.shape[1] > 1:
                    for piece in np.array_split(block, max(1, len(block) // rate)):
                        here = piece.var(0, dtype=np.float64) * len(piece)
                        cancels = piece.mean(1).var(dtype=np.float64) * len(piece) < CANCELLED * here.max()
                        whole, hidden = whole + here.max(), hidden + cancels * here.max()
                        shared = min(len(here), np.size(power)) if np.ndim(power) else len(here)
                        power = here[:shared] + (power[:shared] if np.ndim(power) else 0.0)
        except decoder_errors() as error:
            self.trouble = error
        if hidden > HIDDEN * whole:
            self.channel = int(power.argmax())

    @property
    def seconds(self):
        return self.length / self.rate if self.rate else 0.0


def ffmpeg():
    """PyAV, which decodes with FFmpeg; None where it is not installed: then libsndfile decodes alone, and nothing checks its length."""
    try:
        import av
    except ImportError:
        return None
    return av


def decoder_errors():
    """What the decoders raise for a file that is no sound, or a damaged one."""
    import soundfile

    av = ffmpeg()
    return soundfile.LibsndfileError, *([av.error.FFmpegError] if av else []), ValueError, IndexError, EOFError


def sndfile_blocks(stream):
    """(rate, float32 [n, channels]) after each other, as libsndfile decodes them."""
    import soundfile

    stream.seek(0)
    with soundfile.SoundFile(stream) as sound:
        while len(block := sound.read(block_of(sound.samplerate), dtype="float32", always_2d=True)):
            yield sound.samplerate, block


def ffmpeg_blocks(stream):
    """(rate, float32 [n, channels]) after each other, as FFmpeg decodes them; nothing for a video. Damaged packets are passed over."""
    av = ffmpeg()
    if av is None:
        return
    stream.seek(0)
    with av.open(stream, options={"format_whitelist": DEMUXERS}) as container:
        pictures = [video for video in container.streams.video if not video.disposition & av.stream.Disposition.attached_pic]
        if pictures or not container.streams.audio:
            return
        for packet in container.demux(container.streams.audio[0]):
            try:
                frames = packet.decode()
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                values = frame.to_ndarray()
                values = values.T if frame.format.is_planar else values.reshape(-1, len(frame.layout.channels))
                if values.dtype == np.uint8:
                    values = (values.astype(np.float32) - 128) / 128
                elif values.dtype.kind == "i":
                    values = values / np.float32(2.0 ** (8 * values.itemsize - 1))
                yield frame.sample_rate, values.astype(np.float32)


def promised(stream):
    """Seconds that a FLAC's header promises, or 0: where a FLAC breaks off, nothing else tells that it does."""
    import soundfile

    stream.seek(0)
    try:
        with soundfile.SoundFile(stream) as sound:
            known = sound.format == "FLAC" and sound.frames < 2**36  # more than a header of FLAC can say: a stream of unknown length
            return sound.frames / sound.samplerate if known else 0.0
    except soundfile.LibsndfileError:
        return 0.0


def read(stream, name, video=False):
    """All of an open file as float32 [N] at RATE, mono. `video`: it begins as containers of pictures and sound do."""
    ours, player = (Measure(blocks(stream), name) for blocks in (sndfile_blocks, ffmpeg_blocks))
    header = promised(stream)
    if max(ours.seconds, player.seconds) < header - SAME:
        raise cut_off(name, max(ours.seconds, player.seconds), header)
    if not ours.length and not player.length:
        if video and ffmpeg() is None:
            raise UtterError(f"{name} cannot be read because av is not installed; save the voice as WAV, FLAC, OGG or MP3.")
        if video:
            what = "a video container" + (", or cut off before its end" if player.trouble else "")
            raise UtterError(f"{name} is {what}; export its sound as WAV and choose that.", str(player.trouble))
        if ours.trouble is None:
            raise UtterError(f"{name} is shorter than {SHORTEST} s; choose a recording with speech in it.")
        raise UtterError(f"{name} is not a recording that can be read; save the voice as {FORMATS}.", str(ours.trouble))
    if player.seconds > ours.seconds + SAME or not ours.length:
        best, blocks = player, ffmpeg_blocks
    elif player.length and ours.seconds > player.seconds + SAME:
        raise UtterError(
            f"{name} is damaged: one decoder reads {ours.seconds:.2f} s of it, another {player.seconds:.2f} s; export it again as WAV."
        )
    elif player.length and player.trouble is not None:  # libsndfile reads the first of joined parts and says nothing of the others
        raise UtterError(
            f"{name} can be read up to {ours.seconds:.2f} s only, where it is damaged or its format changes; export it again as WAV.",
            str(player.trouble),
        )
    else:
        best, blocks = ours, sndfile_blocks
    rate, length = best.rate, best.length
    if length < SHORTEST * rate:
        raise UtterError(f"{name} is shorter than {SHORTEST} s; choose a recording with speech in it.")
    if rate < 4000:
        raise UtterError(f"{name} has a sample rate of {rate} Hz; at least 4000 Hz are needed to hear speech.")
    resample = Resampler(rate)
    samples, heard, done = np.empty(-(-length * resample.up // resample.down), np.float32), 0, 0
    try:
        for _, block in blocks(stream):
            heard += len(block)
            channel = best.channel if best.channel is not None and best.channel < block.shape[1] else None
            piece = resample(block.mean(1) if channel is None else block[:, channel], last=heard >= length)
            samples[done : done + len(piece)] = piece
            done += len(piece)
    except decoder_errors() as error:
        if heard < length:
            raise cut_off(name, heard / rate, length / rate) from error
    return samples[:done]


def cut_off(name, heard, promised):
    return UtterError(f"{name} is cut off: of the {promised:.1f} s it promises only {heard:.1f} s can be read; export it again.")


def block_of(rate):
    """How many samples of a sound to feed a Resampler at once: about ten seconds."""
    down = rate // gcd(rate, RATE)
    return max(1, 10 * rate // down) * down


class Resampler:
    """scipy.signal.resample_poly over a stream: blocks in, blocks out, the same numbers as for the whole at once."""

    def __init__(self, rate):
        from scipy.signal import firwin

        common = gcd(rate, RATE)
        self.up, self.down = RATE // common, rate // common
        longest = max(self.up, self.down)
        reach = 10 * longest  # of the filter to either side, in upsampled samples
        self.filter = firwin(2 * reach + 1, 1 / longest, window=("kaiser", 5.0)).astype(np.float32) if longest > 1 else None
        self.margin = -(-reach // (self.up * self.down)) + 1  # in steps: `down` samples in, `up` samples out
        self.kept, self.started = np.zeros(0, np.float32), False

    def __call__(self, samples, last=False):
        """The next samples -> the samples of the result that no later input can change; all the rest if these are the last."""
        from scipy.signal import resample_poly

        if self.filter is None:
            return samples
        self.kept = np.concatenate([self.kept, samples])
        if not last and len(self.kept) < 3 * self.margin * self.down:
            return np.zeros(0, np.float32)
        result = resample_poly(self.kept, self.up, self.down, window=self.filter)
        begin = self.margin * self.up if self.started else 0
        if last:
            return result[begin:]
        settled = len(self.kept) // self.down - self.margin  # steps
        self.kept = self.kept[(settled - self.margin) * self.down :]
        self.started = True
        return result[begin : settled * self.up]
