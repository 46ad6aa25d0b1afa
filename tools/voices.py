"""The recipe for the sample voices in blender_assets/voices:  python -m tools.voices

Our own lines, read by CMU's slt voice: festival turns the words into labels, hts_engine the labels into sound, a phrase at
a time, so that each has a pitch, a pace and a liveliness of its own and the voice feels something. A maintainer runs this
once and commits what it writes:
NAME.flac (16 kHz mono), NAME.txt (the words) and NAME.phones (start, end, phone: what the synthesiser really said, and when).
Needs the Debian packages festival, festvox-us-slt-hts and htsengine.
"""
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import resample_poly

FOLDER = Path(__file__).resolve().parent.parent / "blender_assets" / "voices"
HTS_VOICE = "/usr/share/festival/voices/us/cmu_us_slt_arctic_hts/hts/cmu_us_slt_arctic_hts.htsvoice"
RATE = 16000
PEAK = 0.7  # of full scale, about -3 dB
HTS_TICK = 1e-7  # seconds: what HTS label files count in

# Phrases: words, semitones up, pace, liveliness (weight of the pitch's global variance), seconds of silence before.
LINES = {
    "moon": [
        ("Oh, come and see the moon above the bay, it's beautiful!", 2.5, 1.03, 2.2, 0.30),
        ("My father promised he would be home by five.", -0.5, 0.97, 1.0, 0.30),
        ("But he never came back.", -3.0, 0.80, 0.7, 0.50),
    ],
    "pie": [
        ("Maybe we could bake a plum pie for breakfast!", 3.0, 1.08, 2.4, 0.25),
    ],
    "door": [
        ("Stop!", 3.0, 0.85, 1.5, 0.25),
        ("You have broken every promise you ever made. Move away from my door.", -1.0, 1.02, 2.4, 0.30),
    ],
}
END = 0.4  # seconds of silence after the last phrase


def main():
    missing = [name for name in ("festival", "hts_engine") if shutil.which(name) is None]
    if missing or not Path(HTS_VOICE).exists():
        sys.exit("tools.voices needs: apt-get install festival festvox-us-slt-hts htsengine")
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
    for words, semitones, pace, liveliness, pause in phrases:
        samples, spoken = say(words, semitones, pace, liveliness)
        pieces += [np.zeros(round(pause * RATE)), samples]
        now += pause
        phones += [(now + start, now + end, phone) for start, end, phone in spoken]
        now += len(samples) / RATE
    line = np.concatenate([*pieces, np.zeros(round(END * RATE))])
    return (line * PEAK / np.abs(line).max()).astype(np.float32), phones


def say(words, semitones, pace, liveliness):
    """One phrase, without the silence around it: samples [N] at RATE, [(start s, end s, phone)] from its first sample."""
    with tempfile.TemporaryDirectory() as folder:
        labels, timed, wave = (Path(folder) / name for name in ("labels", "timed", "wave.wav"))
        subprocess.run(["festival", "--batch", "(voice_cmu_us_slt_arctic_hts)",
                        f'(set! spoken (utt.synth (Utterance Text "{words}")))',
                        f'(hts_dump_feats spoken hts_feats_list "{labels}")'], check=True)
        subprocess.run(["hts_engine", "-m", HTS_VOICE, "-fm", str(semitones), "-r", str(pace), "-jf", str(liveliness),
                        "-od", timed, "-ow", wave, labels], check=True)
        samples, rate = soundfile.read(wave)
        phones = [phone_of(label) for label in timed.read_text().splitlines()]
    start, end = phones[0][1], phones[-1][0]  # the first and the last are pauses, which the line sets itself
    samples = resample_poly(samples, RATE, rate)[round(start * RATE):round(end * RATE)]
    return samples, [(a - start, b - start, phone) for a, b, phone in phones[1:-1]]


def phone_of(label):
    """(start s, end s, phone) of an HTS full-context label line: `start end LL^L-PHONE+R=...`."""
    start, end, context = label.split(None, 2)
    return int(start) * HTS_TICK, int(end) * HTS_TICK, context.split("-", 1)[1].split("+", 1)[0]


if __name__ == "__main__":
    main()
