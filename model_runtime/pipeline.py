"""From a voice to a Motion: the way of the data in one place (docs/architecture.md, "Pipeline")."""

from functools import cached_property
from pathlib import Path

import numpy as np

from model_runtime.audio import RATE, load_voice
from model_runtime.errors import Cancelled, UtterError
from model_runtime.flame.calibrate import calibrate, identity
from model_runtime.flame.head import IDENTITY, load_head
from model_runtime.motion import CHANNELS, FPS, Motion, load_motion, read_npz

QUALITIES = ("draft", "final")


class Performer:
    """Holds the loaded models; loads each when it is first needed. Importing this module imports no torch."""

    def __init__(self, device="auto"):
        self.device_name = device
        self.fitted = None  # what fit() keeps
        self.plugged = None  # what plug() keeps

    @cached_property
    def device(self):
        """torch.device: the one asked for, or the best there is. UtterError if it is not there."""
        import torch

        there = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
        name = self.device_name
        if name == "auto":
            name = next(n for n in ("cuda", "mps", "cpu") if there[n])
        if not there.get(name):
            raise UtterError(f"This machine has no {name} device for torch; choose auto or cpu.")
        return torch.device(name)

    @cached_property
    def encoder(self):
        from model_runtime.speech.encoder import load_encoder

        return load_encoder(self.device)

    @cached_property
    def feelings(self):
        from model_runtime.emotion import load_feelings

        return load_feelings(self.device)

    @cached_property
    def generator(self):
        from model_runtime.diffusion import load_generator

        return load_generator(self.device)

    @cached_property
    def builtin(self):
        return load_head()

    def plug(self, folder):
        """(ears, Generator) for a folder with a speech model (speech/plugin.py); None: the shipped ones.

        Where the folder holds a generator.safetensors, that is a generator which learned from these ears. The last ones are kept.
        """
        if not folder:
            return self.encoder, self.generator
        from model_runtime.diffusion import load_generator
        from model_runtime.speech.plugin import load_plugin

        own = Path(folder) / "generator.safetensors"
        files = own, Path(folder) / "config.json", Path(folder) / "model.safetensors"
        version = [(path, path.stat().st_mtime_ns if path.is_file() else None) for path in files]
        if self.plugged is None or self.plugged[0] != version:
            generator = load_generator(self.device, own) if own.is_file() else self.generator
            layer = int(generator.ears.rpartition(":")[2]) if generator.ears.startswith("hidden:") else None
            self.plugged = version, (load_plugin(folder, self.device, layer), generator)
        return self.plugged[1]

    def fit(self, head):
        """(Head, HeadMap to it or None, built-in beta [300]) of a head file, or of the built-in head where head is None.

        The last file is kept, for a batch performs many voices on one head; it is read again once it has changed.
        """
        if not head:
            return self.builtin, None, np.zeros(300, np.float32)
        path = Path(head)
        version = (path, path.stat().st_mtime_ns if path.is_file() else None)
        if self.fitted is None or self.fitted[0] != version:
            target = load_head(head)
            other = target.basis != self.builtin.basis
            self.fitted = (
                version,
                (
                    target,
                    calibrate(target, self.builtin) if other else None,
                    identity(target, self.builtin) if other else np.zeros(300, np.float32),
                ),
            )
        return self.fitted[1]

    def listen(self, voice, words=None, language=None, note=lambda sentence: None, ears=None):
        """Content of a voice file: float32 [Tc, 55] at 50 Hz (speech.content.NAMES).

        ears: folder of a speech model (speech/plugin.py), None: the shipped ones. Of one that was never taught phones: hidden
        states [Tc, D + 3], which no words can sharpen.

        words: what is said, a text or a .txt, .srt or .vtt file; language: its code (en, de, fr ...), None: found out.
        note(sentence) hears where the words do not fit the voice."""
        from model_runtime.speech.script import read_script, sharpen

        script = read_script(words)  # a file that cannot be read is said before anything is computed
        encoder, samples = self.plug(ears)[0] if ears else self.encoder, load_voice(voice)
        if encoder.kind.startswith("hidden:"):
            if words:
                note("These ears give hidden states, which words cannot sharpen.")
            return encoder.listen(samples)
        content, sentence = sharpen(encoder.listen(samples), script, language)
        if sentence:
            note(sentence)
        return content

    def perform(
        self,
        voice,
        head=None,
        emotion=None,
        passages=(),
        pins=None,
        seed=0,
        quality="final",
        identity=None,
        words=None,
        language=None,
        progress=lambda stage, fraction: None,
        cancelled=lambda: False,
        note=lambda sentence: None,
        ears=None,
    ):
        """Motion at 30 fps for a voice file, in the basis of head (path; None: the built-in one).

        emotion: words for the whole; passages: list of {start, end, prompt, strength, fade} in seconds, over it; without
        either the feeling comes from the voice. pins: path of an .npz with values [T, 65] and mask [T, 65] bool in that head's basis.
        identity: beta [300] of the built-in head (None: its own face); another head is who its file says.
        words, language, ears: as listen() takes them; note(sentence) hears where the words do not fit the voice.
        progress(stage, fraction) hears of every step; cancelled() is asked at every step and raises Cancelled.
        """
        from model_runtime.diffusion import sample
        from model_runtime.emotion.timeline import compose
        from model_runtime.speech.content import resample
        from model_runtime.speech.script import read_script, sharpen

        def step(stage, fraction):
            if cancelled():
                raise Cancelled
            progress(stage, fraction)

        if quality not in QUALITIES:
            raise UtterError(f"Quality is draft or final, not {quality}.")
        passages = check_passages(passages)
        who = check_identity(identity, head)
        step("Reading the voice", 0.0)
        samples = load_voice(voice)
        frames = frame_count(len(samples))
        script = read_script(words)
        if ears:
            step("Loading the ears", 0.01)
        encoder, generator = self.plug(ears)
        check_ears(encoder, generator)
        pins = load_pins(pins, frames) if pins else None
        step("Fitting the head", 0.02)
        target, head_map, beta = self.fit(head)
        beta = beta if who is None else who

        step("Listening", 0.05)
        content = encoder.listen(samples, progress=lambda f: step("Listening", 0.05 + 0.2 * f))
        states = None
        if encoder.kind.startswith("hidden:"):  # they do not say when the lips are shut; the shipped ears do
            states, content = resample(content, FPS, frames), self.encoder.listen(samples)
        content, sentence = sharpen(content, script, language, lambda: step("Listening", 0.25))
        if sentence:
            note(sentence)
        content = resample(content, FPS, frames)
        step("Feeling", 0.25)
        if emotion:
            base, prompted_base = np.tile(self.feelings.prompt(emotion), (frames, 1)), 1.0
        else:
            base, prompted_base = self.feelings.voice(samples, frames), 0.0
        feeling, prompted = compose(frames, FPS, base, 1.0, passages, self.feelings)
        prompted = np.maximum(prompted, prompted_base)
        del samples, base  # an hour of them is a third of a gigabyte

        def generate(pins, low, high):
            return sample(
                generator,
                content if states is None else states,
                feeling,
                prompted,
                beta,
                pins=pins,
                seed=seed,
                quality=quality,
                progress=lambda stage, f: step("Performing", low + (high - low) * f),
                cancelled=cancelled,
                heard=content,
            )

        if head_map is None:
            values = generate(pins, 0.3, 0.98)
        elif pins is None:
            values = head_map.apply(generate(None, 0.3, 0.98), beta)
        else:
            values = generate_on_other_head(generate, head_map, beta, *pins)
        step("Writing", 0.99)
        return Motion(values.astype(np.float32), FPS, target.basis, int(seed), str(voice))

    def feel(self, subject):
        """{"emotion": {name: probability}, "strength": s} of words, a voice file or a Motion file."""
        path = Path(subject)
        if looks_like_file(subject) and not path.is_file():
            raise UtterError(f"{subject} does not exist.")
        if path.suffix == ".npz":
            motion = load_motion(path)
            if motion.basis != self.builtin.basis:
                raise UtterError("This Motion belongs to another head; only Motion on the built-in head can be felt.")
            vector = self.feelings.motion(motion.values)
        elif looks_like_file(subject):
            samples = load_voice(path)
            vector = self.feelings.voice(samples, frame_count(len(samples))).mean(0)
        elif not subject.strip():
            raise UtterError("Say in words what to feel, or name a voice or a Motion file.")
        else:
            vector = self.feelings.prompt(subject)
        emotion, strength = self.feelings.describe(vector)
        return {"emotion": {name: round(float(p), 4) for name, p in emotion.items()}, "strength": round(float(strength), 4)}


def frame_count(samples):
    """Frames of a Motion that covers that many samples."""
    return -(-samples * FPS // RATE)


def looks_like_file(subject):
    """Whether words are meant as a path: a file of that name, or a suffix that only files have."""
    try:
        return Path(subject).is_file() or Path(subject).suffix.lower() in (".npz", ".wav", ".flac", ".ogg", ".opus", ".mp3", ".aiff")
    except OSError:  # longer than any file name
        return False


def check_ears(encoder, generator):
    """UtterError where the generator has not learned from what such ears give."""
    if generator.ears.startswith("hidden:") and generator.ears != encoder.kind:
        raise UtterError(
            f"The generator learned from the hidden states of another speech model ({generator.ears}); choose that model's folder as ears.",
            f"{encoder.kind}, generator {generator.ears}",
        )
    if encoder.kind.startswith("hidden:") and generator.ears != encoder.kind:
        raise UtterError(
            "This speech model hears no phones, and its hidden states need a generator trained on them; run python "
            "build.py train generator --ears FOLDER, or choose a CTC model of phones.",
            f"{encoder.kind}, generator {generator.ears}",
        )


def check_passages(passages):
    """The passages with every field filled in; UtterError names the first one that cannot be used."""
    if not isinstance(passages, (list, tuple)):
        raise UtterError("Passages must be a list of objects with start, end and prompt.")
    checked = []
    for number, passage in enumerate(passages, 1):
        try:
            start, end = float(passage["start"]), float(passage["end"])
            strength, fade = float(passage.get("strength", 1.0)), float(passage.get("fade", 0.25))
            prompt = str(passage["prompt"]).strip()
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise UtterError(f"Passage {number} needs start and end in seconds and a prompt in words.", repr(error)) from error
        if not (np.isfinite([start, end, strength, fade]).all() and end > start and fade >= 0):
            raise UtterError(f"Passage {number} must end after it starts, with a fade of 0 or more seconds.")
        if not 0 <= strength <= 1:
            raise UtterError(f"Passage {number} needs a strength between 0 and 1.")
        if prompt:
            checked.append({"start": start, "end": end, "prompt": prompt, "strength": strength, "fade": fade})
    return checked


def check_identity(identity, head=None):
    """The identity as beta float32 [300], or None; UtterError if it cannot be one, or head (path) is not the built-in one."""
    if identity is None:
        return None
    if head:
        raise UtterError("An identity is of the built-in head; another head is who its file says.")
    try:
        beta = np.asarray(identity, np.float32)
    except (TypeError, ValueError) as error:
        raise UtterError(f"An identity is a list of {IDENTITY} numbers.", repr(error)) from error
    if beta.shape != (IDENTITY,) or not np.isfinite(beta).all():
        raise UtterError(f"An identity is a list of {IDENTITY} numbers.")
    return beta


def load_pins(path, frames):
    """(values float32 [frames, 65], mask bool [frames, 65]) from an .npz; pins after the end of the voice are left out."""
    with read_npz(path) as arrays:
        if not {"values", "mask"} <= set(arrays.files):
            raise UtterError(f"{Path(path).name} holds no pins: it needs values and mask.")
        values, mask = arrays["values"], arrays["mask"]
    if values.ndim != 2 or values.shape[1] != CHANNELS or values.shape != mask.shape:
        raise UtterError(f"{Path(path).name} holds no pins: values and mask must both have the shape [T, {CHANNELS}].")
    values, mask = values[:frames].astype(np.float32), mask[:frames].astype(bool)
    if not np.isfinite(values[mask]).all():
        raise UtterError(f"{Path(path).name} has pins that are not finite numbers.")
    short = frames - len(values)
    values = np.pad(np.where(mask, values, 0), ((0, short), (0, 0)))
    return values.astype(np.float32), np.pad(mask, ((0, short), (0, 0)))


def generate_on_other_head(generate, head_map, beta, values, mask):
    """Motion [T, 65] on another head with pins in that head's basis.

    The generator thinks in the built-in basis, and one coefficient of another basis is a mixture of all of ours. So: perform
    without pins, put the pinned values into that performance, carry those whole frames back, and re-diffuse around them.
    What the way there and back loses is then added where it was pinned, and the neighbours follow as they do while diffusing.
    """
    import torch

    from model_runtime.diffusion.pins import Pins

    free = head_map.apply(generate(None, 0.3, 0.6), beta)
    wanted = np.where(mask, values, free)
    touched = mask.any(axis=1)
    back = head_map.invert(wanted)
    result = head_map.apply(generate((back, np.repeat(touched[:, None], CHANNELS, 1)), 0.6, 0.98), beta)
    pins = Pins((values, mask), len(values), mean=0.0, std=1.0)
    return pins.put_back(pins.hold(torch.from_numpy(result))).numpy()
