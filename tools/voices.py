"""The recipe for the sample voices in blender_assets/voices:  python -m tools.voices

Our own lines, read by flite with CMU's rms voice, a phrase at a time, so that each has its own pitch and pace and the
voice has a feeling. A maintainer runs this once and commits what it writes:
NAME.flac (16 kHz mono), NAME.txt (the words) and NAME.phones (start, end, phone: what the synthesiser really said, and when).
Needs the Debian package flite.
"""

import shutil
import subprocess
import sys
import tempfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

FOLDER = Path(__file__).resolve().parent.parent / "blender_assets" / "voices"
RATE = 16000
PEAK = 0.7  # of full scale, about -3 dB

# Phrases: words, pitch (and with it the voice's size), length, seconds of silence before.
LINES = {
    "moon": [
        ("Oh, come and see the moon above the bay, it's beautiful!", 1.10, 0.98, 0.30),
        ("My father promised he would be home by five.", 1.00, 1.00, 0.30),
        ("But he never came back.", 0.94, 1.20, 0.45),
    ],
    "pie": [("Maybe we could bake a plum pie for breakfast!", 1.12, 1.00, 0.25)],
    "door": [("Stop!", 1.08, 1.15, 0.25), ("You have broken every promise you ever made. Move away from my door.", 1.02, 0.95, 0.30)],
}
END = 0.4  # seconds of silence after the last phrase


def main():
    if shutil.which("flite") is None:
        sys.exit("tools.voices needs: apt-get install flite")
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, phrases in LINES.items():
        samples, phones = read_line(phrases)
        soundfile.write(FOLDER / f"{name}.flac", samples, RATE, subtype="PCM_16")
        (FOLDER / f"{name}.txt").write_text(" ".join(words for words, *_ in phrases) + "\n", encoding="utf-8")
        (FOLDER / f"{name}.phones").write_text("".join(f"{a:.3f} {b:.3f} {p}\n" for a, b, p in phones), encoding="utf-8")
        print(f"{name}: {len(samples) / RATE:.2f} s")


def read_line(phrases):
    """A line's sound and phones: samples float32 [N] at RATE, [(start s, end s, phone)]."""
    pieces, phones, now = [], [], 0.0
    for words, pitch, length, pause in phrases:
        samples, spoken = say(words, pitch, length)
        pieces += [np.zeros(round(pause * RATE)), samples]
        now += pause
        phones += [(now + start, now + end, phone) for start, end, phone in spoken]
        now += len(samples) / RATE
    line = np.concatenate([*pieces, np.zeros(round(END * RATE))])
    return (line * PEAK / np.abs(line).max()).astype(np.float32), phones


def say(words, pitch, length):
    """One phrase, without the silence around it: samples [N] at RATE, [(start s, end s, phone)] from its first sample.

    flite's rms takes no pitch, so the phrase is read slower or quicker and then played faster or slower.
    """
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "wave.wav"
        told = subprocess.run(
            ["flite", "-voice", "rms", "-psdur", "--setf", f"duration_stretch={length * pitch}", "-t", words, "-o", wave],
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        samples, rate = soundfile.read(wave)
    ends = [(phone, float(end) / pitch) for phone, end in (word.rsplit(":", 1) for word in told.split())]
    phones = [(start, end, phone) for (_, start), (phone, end) in zip([("", 0.0), *ends], ends)]
    ratio = Fraction(RATE / rate / pitch).limit_denominator(100)
    samples = resample_poly(samples, ratio.numerator, ratio.denominator)
    begin, end = phones[0][1], phones[-1][0]  # the first and the last are pauses, which the line sets itself
    return samples[round(begin * RATE) : round(end * RATE)], [(a - begin, b - begin, phone) for a, b, phone in phones[1:-1]]


if __name__ == "__main__":
    main()
