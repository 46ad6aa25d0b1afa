"""Synthetic voices that say when each sound begins: python build.py train synthetic -> .cache/training/synthetic.jsonl

espeak-ng speaks many languages in many voices and reports every phone with its sample (its library comes as a wheel); flite and
festival are asked too where they are installed. The records have the shape of align.py's (clips "synthetic/00000"...), with
`classes` where a sound is none of English; their sound lies in the cache as corpus.sound keeps it.

espeak-ng's marks are where its parts are joined, not where a mouth moves. A voiceless stop is marked at its burst, and the silence
of its closure counts as the sound before it; a voiced stop or nasal is marked where it shuts, and its last part is already the
opening into the vowel. Both are measured on the waveform (closures) and corrected.
"""

import ctypes
import json
import re
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import butter, resample_poly, sosfiltfilt

from contract import UtterError, beside
from model_runtime.speech import pronounce
from model_runtime.speech.phones import PHONES, VOWELS, bare
from model_runtime.training import align, corpus

RATE, MINUTES, KEPT_MINUTES = 16000, 60, 10  # of each split that is kept for measuring
# How often each language speaks. English and German have texts in the material; the others those of sentences.txt.
LANGUAGES = {
    "en-us": 5,
    "en": 3,
    "en-gb-scotland": 1,
    "en-gb-x-rp": 1,
    "en-us-nyc": 1,
    "de": 6,
    "fr": 2,
    "es": 1.5,
    "it": 1.5,
    "nl": 1.5,
    "pl": 1.5,
    "pt": 1,
    "pt-br": 1,
    "sv": 1,
    "da": 0.7,
    "tr": 1,
    "cs": 1,
    "hu": 1,
    "fi": 0.7,
    "ro": 0.7,
    "ru": 1.5,
    "ja": 1.5,
    "cmn": 1.5,
}
VARIANTS = (
    "m1 m2 m3 m4 m5 m6 m7 f1 f2 f3 f4 adam anika antonio aunty belinda benjamin boris caleb david ed "
    "edward grandma grandpa gustave ian iven john kaukovalta marcelo max "
    "michel miguel norbert pablo paul pedro quincy rob sandro shelby steph travis victor "
    "croak whisper whisperf"
).split()
# Voices that are kept for measuring, with sentences of their own: the klatt ones are of another synthesizer within espeak-ng.
KEPT = {"dev": ("m8", "f5", "linda", "zac"), "test": ("klatt", "klatt2", "klatt3", "klatt4", "robert", "steph2")}
MEASURED = dict.fromkeys(("en-us", "de", "fr", "es", "it", "ja", "cmn", "ru"), 1)  # in these languages
FLITE, FLITE_SHARE = {"rms": 0, "slt": 0, "awb": 0, "kal16": 0.008}, 0.2  # voice: how early its marks are, seconds, measured
FESTIVAL_SHARE = 0.05
STILL = 30  # 16-bit steps: below it espeak-ng is silent
CLOSURE, LONGEST = 0.06, 0.14  # seconds of closure: of a stop after a pause, where it cannot be heard; of any stop
MARGIN = (0.15, 0.4)  # seconds of silence around a sentence


def path_of(cache):
    return Path(cache) / "synthetic.jsonl"


def load(cache=".cache/training"):
    """The records of the synthetic voices; [] where none were made."""
    return align.read(path_of(cache))


def main(args):
    """As many minutes as MINUTES, or with --clips about as many sentences as of any corpus. What is there already is kept."""
    if not path_of(args.cache).exists():
        print(write_synthetic(args.cache, min(MINUTES, args.clips / 15) if args.clips else MINUTES, args.seed, args.data))


def write_synthetic(cache, minutes=MINUTES, seed=0, data="../shared/data"):
    """Speak that many minutes into the cache (synthetic.jsonl and sound/synthetic/*.npy, int16 at 16 kHz); returns what was used,
    in a sentence. Earlier ones are replaced."""
    rng, folder = np.random.default_rng(seed), Path(cache) / "sound" / "synthetic"
    folder.mkdir(parents=True, exist_ok=True)
    path_of(cache).unlink(missing_ok=True)
    for old in folder.glob("*.npy"):
        old.unlink()
    texts, spoken = texts_of(data), {}
    with beside(path_of(cache)) as part, open(part, "w", encoding="utf-8") as stream:
        for number, (maker, split, samples, record) in enumerate(voices(texts, rng, minutes * 60)):
            samples, kept = recorded(samples, rng), folder / f"{number:05d}.npy"
            np.save(kept, samples)
            about = {"clip": f"synthetic/{kept.stem}", "path": str(kept), "split": split, "emotion": "", "source": "synthetic"}
            stream.write(json.dumps(about | {"words": []} | record, ensure_ascii=False) + "\n")
            spoken[maker] = spoken.get(maker, 0) + len(samples) / RATE
    return "spoken by " + ", ".join(f"{maker} ({seconds / 60:.0f} min)" for maker, seconds in spoken.items())


def voices(texts, rng, seconds):
    """Yields (maker, split, samples float32 [N] at RATE, part of a record): those seconds to learn from, then what is KEPT."""
    found = [
        maker for maker in (("flite", flite_clips, FLITE_SHARE), ("festival", festival_clips, FESTIVAL_SHARE)) if shutil.which(maker[0])
    ]
    plan = [
        (name, "train", speak(texts, rng), share * seconds)
        for name, speak, share in [("espeak-ng", espeak_clips, 1 - sum(share for *_, share in found)), *found]
    ]
    unheard = {language.removesuffix(" kept"): lines for language, lines in texts.items() if language.endswith(" kept")}
    for split, variants in KEPT.items():
        kept = espeak_clips(unheard, rng, MEASURED, variants)
        plan.append(("espeak-ng", split, kept, min(seconds / 6, KEPT_MINUTES * 60)))
    for name, split, clips, left in plan:
        for samples, record in clips:
            if record is None or not align.sane(record["phones"]):
                continue
            yield name, split, samples, record
            left -= len(samples) / RATE
            if left <= 0:
                break


def recorded(samples, rng):
    """int16 of samples at a usual level over the faint noise of a microphone: so that closures are not the only silence."""
    samples = samples * (rng.uniform(0.3, 0.8) / max(np.abs(samples).max(), 1e-4))
    hiss = np.fft.rfft(rng.standard_normal(len(samples)))
    hiss = np.fft.irfft(hiss / np.sqrt(np.arange(1, len(hiss) + 1)), len(samples))
    samples = samples + hiss * (10 ** (rng.uniform(-75, -55) / 20) / hiss.std())
    return np.round(np.clip(samples, -1, 1) * 32767).astype(np.int16)


# ---- what is said


def texts_of(data):
    """{language: sentences} of the material's texts (English, German) and of sentences.txt (all languages); under "LANGUAGE kept" those
    that are kept for measuring."""
    texts, language = {}, None
    for line in (Path(__file__).parent / "sentences.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("# "):
            language = line[2:].strip()
        elif line.strip():
            texts.setdefault(language, []).append(line.strip())
    for clip in corpus.clips(data):
        if clip.kind == "text" and clip.split == "train" and clip.name.split("/")[0] in ("dbspeech", "kerstin_de"):
            texts[clip.language].append(clip.text)
    timed = Path(data) / "ljspeech" / "lj_mfa_alignments_every4th.jsonl.gz"
    if timed.exists():
        import gzip

        with gzip.open(timed, "rt", encoding="utf-8") as stream:
            texts["en"] += [json.loads(line)["text"] for line in stream]
    return texts


def sentence(texts, language, rng):
    """A text in a language: a sentence, or words of several in any order; the latter often where there are few sentences."""
    lines = texts[language.split("-")[0]]
    if rng.random() < (0.15 if len(lines) > 200 else 0.6):
        words = [word.strip(".,!?;:") for line in rng.choice(lines, 6) for word in str(line).split()]
        words = [str(word) for word in rng.permutation(words)[: rng.integers(5, 11)]]
        if rng.random() < 0.4:
            words[len(words) // 2] += ","
        return " ".join(words) + "."
    words = str(lines[rng.integers(len(lines))]).split()
    return " ".join(words[:22])  # some five to eight seconds


# ---- espeak-ng


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_void_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):  # speak_lib.h, espeak_EVENT
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("id", _Id),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))
ESPEAK_RATE, PHONEME_EVENT, UTF8 = 22050, 7, 1
SPEED, PITCH, RANGE = 1, 3, 4  # espeak_PARAMETER


def espeak(text, voice, speed=175, pitch=50, spread=50):
    """Speak a text -> (int16 [N] at ESPEAK_RATE, [(seconds, IPA or ""), ...]): what begins when, "" a pause. speed in words a
    minute, pitch and spread (of the pitch) 0 to 100. UtterError where espeak-ng has no such voice."""
    library, parts, marks = pronounce.library(), [np.zeros(0, np.int16)], []

    def heard(samples, count, events):
        if count:
            parts.append(np.ctypeslib.as_array(samples, (count,)).copy())
        at = 0
        while events[at].type:
            if events[at].type == PHONEME_EVENT:
                name = ctypes.string_at(ctypes.addressof(events[at].id), 8).split(b"\0")[0].decode("utf-8", "ignore")
                marks.append((events[at].sample / ESPEAK_RATE, name))
            at += 1
        return 0

    callback, text = _CALLBACK(heard), text.encode()
    with pronounce.lock:
        if library.espeak_SetVoiceByName(voice.encode()):
            raise UtterError(f'"{voice}" is no voice of espeak-ng.')
        for parameter, value in ((SPEED, speed), (PITCH, pitch), (RANGE, spread)):
            library.espeak_SetParameter(parameter, int(value), 0)
        library.espeak_SetSynthCallback(_CALLBACK(0))
        library.espeak_Synth(b"a", 2, 0, 1, 0, UTF8, None, None)  # after words in other languages the first sounds have no marks
        library.espeak_SetSynthCallback(callback)
        library.espeak_Synth(text, len(text) + 1, 0, 1, 0, UTF8, None, None)
        library.espeak_SetSynthCallback(_CALLBACK(0))
    return np.concatenate(parts), marks


def espeak_clips(texts, rng, languages=LANGUAGES, variants=VARIANTS):
    names = list(languages)
    shares = np.array(list(languages.values())) / sum(languages.values())
    while True:
        language = str(rng.choice(names, p=shares))
        variant = str(rng.choice(variants))
        text, manner = sentence(texts, language, rng), (rng.integers(115, 240), rng.integers(15, 85), rng.integers(20, 90))
        samples, marks = espeak(text, f"{language}+{variant}", *manner)
        if len(samples) < ESPEAK_RATE or np.abs(samples).max() < 1000:
            continue
        before, after = (np.zeros(int(rng.uniform(*MARGIN) * ESPEAK_RATE), np.int16) for _ in range(2))
        samples = np.concatenate([before, samples, after])
        phones, classes, releases = closures(samples, [(at + len(before) / ESPEAK_RATE, name) for at, name in marks], language)
        yield (
            resample_poly(samples.astype(np.float32) / 32768, 320, 441),
            {
                "speaker": f"espeak_{language}+{variant}",
                "language": language.split("-")[0],
                "phones": phones,
                "classes": classes,
                "releases": releases,
            },
        )


def closures(samples, marks, language):
    """espeak-ng's marks as phones of a record, -> (phones, classes, releases): see the module's first lines."""
    end = len(samples) / ESPEAK_RATE
    step = ESPEAK_RATE // 400  # 2.5 ms
    frames = len(samples) // step
    loud = np.abs(samples[: frames * step]).reshape(frames, step).max(1)
    high = sosfiltfilt(butter(4, 800, "high", fs=ESPEAK_RATE, output="sos"), samples)[: frames * step].reshape(frames, step)
    high = 10 * np.log10(np.convolve(np.mean(high**2, 1), np.ones(3) / 3, "same") + 10)

    def still_from(start, stop):
        """Where the silence before stop begins, not before start."""
        frame = min(round(stop * 400), frames)
        while frame / 400 > start and loud[frame - 1] < STILL:
            frame -= 1
        return max(frame / 400, start)

    def opening(start, stop, into_vowel):
        """When the sound that shuts at start opens again, by stop or a little later; None where that is not heard."""
        first, last = int(start * 400) + 2, int(stop * 400)
        around = high[first : last + (12 if into_vowel else 0)]
        if last - first < 3:
            return None
        lowest = int(np.argmin(high[first:last][: max(2, int(0.8 * (last - first)))]))
        rest = around[lowest:]
        if rest.max() - rest[0] < 10:
            return None
        return (first + lowest + int(np.argmax(rest > (rest.max() + rest[0]) / 2))) / 400

    units = []  # [start, end, IPA]
    for (start, name), (stop, _) in zip(marks, [*marks[1:], (end, "")]):
        name = pronounce.throaty(name, language)
        if stop > start:
            units.append([start, min(stop, end), name])
    units.insert(0, [0.0, units[0][0] if units else end, ""])
    units = [unit for unit in units if unit[1] > unit[0]]
    kinds = [kind(name) for _, _, name in units]
    releases = []
    for i in range(len(units)):
        start, stop, name = units[i]
        before = units[i - 1] if i else None
        if kinds[i] == "voiceless" and before:
            shut = start - CLOSURE if not before[2] else max(still_from(before[0] + 0.02, start), start - LONGEST)
            before[1] = units[i][0] = max(shut, before[0])
            if plain(name):
                releases.append([start, stop])
        elif before and before[2]:
            still = still_from(before[0], before[1])
            if kinds[i] == "voiced":
                before[1] = units[i][0] = max(still, start - LONGEST)
            elif before[1] - still > 0.025:
                before[1] = still
        if kinds[i] in ("voiced", "nasal"):
            vowel = i + 1 < len(units) and kinds[i + 1] == "vowel"
            opened = opening(start, stop, vowel)
            if kinds[i] == "voiced" and before and not before[2]:  # after a pause
                before[1] = units[i][0] = max(start - CLOSURE, before[0])
            if opened and vowel:
                units[i][1] = units[i + 1][0] = min(opened + 0.005, units[i + 1][1] - 0.01)
            elif opened and kinds[i] == "voiced":
                releases.append([opened, stop])
    phones, classes, at = [], [], 0.0

    def add(start, stop, phone, made):
        if stop - start > 1e-3:
            phones.append([round(start, 4), round(stop, 4), phone])
            classes.append(made)

    for start, stop, name in units:
        if start - at > 0.001:
            add(at, start, "sil", None)
        sounds = pronounce.from_ipa(name)
        stress = "1" if "ˈ" in name else "2" if "ˌ" in name else "0"
        for index, sound in enumerate(sounds):
            first, last = (start + (stop - start) * share / len(sounds) for share in (index, index + 1))
            phone = sound.phone + stress if sound.phone in VOWELS else sound.phone
            add(first, last, phone, None if sound.exact else sorted(sound.classes))
        if not sounds:
            add(start, stop, "sil", [] if name else None)  # a glottal stop is no pause
        at = stop
    if end - at > 0.001:
        add(at, end, "sil", None)
    return phones, classes, releases


def kind(name):
    """How a sound in IPA opens: `voiceless` and `voiced` stops, `nasal`, `vowel`, "" anything else."""
    letter = name.lstrip("ˈˌ")[:1]
    for found, letters in (("voiceless", "ptkqcʈ"), ("voiced", "bdɡgɖɟ"), ("nasal", "mnɲŋɳ")):
        if letter and letter in letters:
            return found if found != "voiced" or plain(name) else ""
    sounds = pronounce.from_ipa(name)
    return "vowel" if sounds and sounds[0].phone in VOWELS else ""


def plain(name):
    """A stop, not an affricate."""
    return not re.search("[sʃfɕʂzʒʑʐ]", name)


# ---- flite and festival: US English voices made of recordings, where they are installed


def flite_clips(texts, rng):
    with tempfile.TemporaryDirectory() as folder:
        path, failed = Path(folder) / "said.wav", 0
        while failed < 10:
            text = single(sentence(texts, "en", rng))
            voice = str(rng.choice(list(FLITE)))
            options = ["-voice", voice, "--setf", f"duration_stretch={rng.uniform(0.8, 1.3):.2f}", "-psdur", "-t", text]
            done = subprocess.run(["flite", *options, "-o", str(path)], capture_output=True, text=True)
            told = [word.rsplit(":", 1) for word in done.stdout.split() if re.fullmatch(r"[a-z]+:[\d.]+", word)]
            if done.returncode or not told:
                failed += 1
                continue
            yield clip_of(path, [(float(end) + FLITE[voice], name) for name, end in told], f"flite_{voice}")


def festival_clips(texts, rng, at_once=20):
    """festival's memory grows with every sentence, so each process speaks only a few."""
    while True:
        with tempfile.TemporaryDirectory() as folder:
            script = []
            for number in range(at_once):
                text = single(sentence(texts, "en", rng))
                script += [
                    f"(Parameter.set 'Duration_Stretch {rng.uniform(0.8, 1.3):.2f})",
                    f'(set! said (utt.synth (Utterance Text "{text}")))',
                    f'(utt.save.wave said "{folder}/{number}.wav")',
                    f'(utt.save.segs said "{folder}/{number}.lab")',
                ]
            (Path(folder) / "say.scm").write_text("\n".join(script))
            subprocess.run(["festival", "-b", f"{folder}/say.scm"], capture_output=True)
            said = sorted(Path(folder).glob("*.wav"))
            if not said:
                return
            for path in said:
                lines = path.with_suffix(".lab").read_text().splitlines() if path.with_suffix(".lab").exists() else []
                told = [line.split() for line in lines if len(line.split()) == 3]
                if told:
                    yield clip_of(path, [(float(end), name) for end, _, name in told], "festival")


def single(text):
    """One utterance, because each counts its times from zero."""
    return re.sub(r"\s+", " ", re.sub(r"[^A-Za-z', ]", " ", text)).strip() + "."


def clip_of(path, ends, speaker):
    """-> (samples, part of a record) of a wave file and [(when a phone ends, its name), ...]; no record of an unknown phone."""
    samples, rate = soundfile.read(str(path), dtype="float32")
    samples = resample_poly(samples, RATE, rate) if rate != RATE else samples
    phones, at = [], 0.0
    for end, name in ends:
        name = {"ax": "AH0", "pau": "sil", "h#": "sil", "brth": "sil", "ssil": "sil"}.get(name, name.upper())
        end = min(end, len(samples) / RATE)
        if end > at:
            phones.append([round(at, 4), round(end, 4), name])
            at = end
    if not phones or {bare(name) for _, _, name in phones} - set(PHONES):
        return samples, None
    return samples, {"speaker": speaker, "language": "en", "phones": phones}
