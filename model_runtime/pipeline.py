"""From a voice to a Motion, step by step (docs/architecture.md, "The way of the data")."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from contract import (
    ACTIONS,
    CHANNELS,
    FACE_ACTIONS,
    FPS,
    MOTION_SUFFIXES,
    SOUND_SUFFIXES,
    Cancelled,
    CaptureRequest,
    NotInstalled,
    Passage,
    PerformRequest,
    UtterError,
    Word,
    actions_in,
    is_file,
    language_name,
    whisper_code,
)
from model_runtime.audio import RATE, load_voice
from model_runtime.cores import alone
from model_runtime.flame.actions import change
from model_runtime.flame.calibrate import HeadMap, calibrate, identity
from model_runtime.flame.head import Head
from model_runtime.flame.load import load_head
from model_runtime.memory import Memory, digest
from model_runtime.motion import Motion, load_motion, load_pins

if TYPE_CHECKING:
    import torch

    from model_runtime.diffusion.generator import Generator
    from model_runtime.emotion.feelings import Feelings
    from model_runtime.emotion.hearing import Baseline
    from model_runtime.emotion.hearing import Heard as HeardVoice
    from model_runtime.speech.encoder import Encoder as ShippedEncoder
    from model_runtime.speech.transcribe import Line, Transcriber

SPEAKER_MINUTES = 5  # of a speaker's recordings: more tell little more


LONG = 600  # seconds of voice from which the transcriber is let go once it has heard: a third of a gigabyte, loaded again in a second


class Unfelt(UtterError):
    """A clip in which there is nothing to feel: a recording of no voice, or a face at rest. Its passage is left out."""


class Encoder(Protocol):
    """What hears a voice: speech/encoder.py's, or one of speech/plugin.py's. kind: what a generator names that learned from it."""

    kind: str

    def encode(self, samples: np.ndarray, progress: Callable[[float], None] = ...) -> np.ndarray: ...


class Heard(NamedTuple):
    """What is heard in a voice: Content [T, 59] at 30 fps and, of a speech model that gives them, hidden states; feeling() and
    arousal(): those of the voice, [T, 130] and [T]; sounds(): [T, 6], those that are no words; the words that were found, and whether
    Utter found some of them itself."""

    content: np.ndarray
    states: np.ndarray | None
    feeling: Callable[[], np.ndarray]
    arousal: Callable[[], np.ndarray]
    sounds: Callable[[], np.ndarray]
    words: tuple[Word, ...]
    transcribed: bool


class Performer:
    """Holds the loaded models; loads each when it is first needed. Importing this module imports no torch."""

    def __init__(self, device: str = "auto") -> None:
        self.device_name = device
        # What plug() and fit() keep, and of which version of which files it is.
        self.plugged: tuple[object, tuple[Encoder, Generator]] | None = None
        self.fitted: tuple[object, tuple[Head, HeadMap | None, np.ndarray]] | None = None
        self.readers: list[tuple[Path, int | None]] = []  # the files of the text encoder that reads prompts; none: the shipped ones do
        self.loaded: tuple[object, Transcriber] | None = None  # the transcriber, and of which folder
        self.measured: tuple[object, Baseline] | None = None  # a speaker's baseline, and of which recordings
        self.memory = Memory()  # what was heard and felt
        self.said: set[str] = set()  # by once()

    @cached_property
    def device(self) -> "torch.device":
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
    def encoder(self) -> "ShippedEncoder":
        from model_runtime.speech.encoder import load_encoder

        return load_encoder(self.device)

    @cached_property
    def feelings(self) -> "Feelings":
        from model_runtime.emotion import load_feelings

        return load_feelings(self.device, lambda: self.encoder)

    @cached_property
    def generator(self) -> "Generator":
        from model_runtime.diffusion import load_generator

        return load_generator(self.device)

    @cached_property
    def builtin(self) -> Head:
        return load_head()

    def plug(self, folder: str | Path | None) -> "tuple[Encoder, Generator]":
        """(encoder, Generator) for a folder with a speech model (speech/plugin.py); None: the shipped ones.

        Where the folder holds a generator.safetensors, that is a generator which learned from this encoder. The last ones are kept.
        """
        if not folder:
            return self.encoder, self.generator
        from model_runtime.diffusion import load_generator
        from model_runtime.speech.plugin import load_plugin

        own = Path(folder) / "generator.safetensors"
        version = version_of(own, Path(folder) / "config.json", Path(folder) / "model.safetensors")
        if self.plugged is None or self.plugged[0] != version:
            generator = load_generator(self.device, own) if own.is_file() else self.generator
            layer = int(generator.encoder.rpartition(":")[2]) if generator.encoder.startswith("hidden:") else None
            self.plugged = version, (load_plugin(folder, self.device, layer), generator)
        return self.plugged[1]

    def read_by(self, folder: str | Path | None) -> None:
        """Prompts are read by the text encoder in that folder from now on (emotion/text_encoder.py); None: by the shipped ones.

        The last one is kept; it is read again once it has changed.
        """
        from model_runtime.emotion.prompts import Prompts
        from model_runtime.emotion.text_encoder import ADAPTER, load_text_encoder

        version = version_of(*(Path(folder) / name for name in ("config.json", "model.safetensors", ADAPTER))) if folder else []
        if version != self.readers:
            self.feelings.prompts = Prompts(self.device, load_text_encoder(folder, self.device) if folder else None)
            self.readers = version

    def fit(self, head: str | Path | None) -> tuple[Head, HeadMap | None, np.ndarray]:
        """(Head, HeadMap to it or None, built-in beta [300]) of a head file, or of the built-in head where head is None.

        The last file is kept, for a batch performs many voices on one head; it is read again once it has changed.
        """
        if not head:
            return self.builtin, None, np.zeros(300, np.float32)
        version = version_of(Path(head))
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

    def transcriber(self, folder: str | Path | None) -> "Transcriber":
        """The installed Whisper, or that of a folder. UtterError, NotInstalled: speech/transcribe.py. The last one is kept."""
        from model_runtime.speech.transcribe import load_transcriber

        if self.loaded is None or self.loaded[0] != folder:
            self.loaded = folder, load_transcriber(self.device, folder)
        return self.loaded[1]

    def lines(
        self,
        voice: str | Path,
        samples: np.ndarray,
        content: np.ndarray,
        language: str | None = None,
        folder: str | Path | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
        note: Callable[[str], None] | None = None,
    ) -> "list[Line]":
        """What is said in a voice, by its stretches; kept, for a voice is performed again and again. note, if any, hears where
        the transcriber does not know the language."""

        def transcribed() -> "tuple[Line, ...]":
            transcriber, code = self.transcriber(folder), whisper_code(language) if language else None
            if code and not transcriber.knows(code):
                self.once(note, f"The transcriber does not know {language_name(str(language))}, and finds the language out.")
                code = None
            found = tuple(transcriber.transcribe(samples, content, code, progress))
            if len(samples) > LONG * RATE:
                self.loaded = None
            return found

        return list(self.memory.recall(("lines", digest(voice), language, folder), transcribed))

    def once(self, note: Callable[[str], None] | None, sentence: str) -> None:
        """Let note, if any, hear a sentence that is true of many voices, the first time only."""
        if note is not None and sentence not in self.said:
            note(sentence)
            self.said.add(sentence)

    def understand(
        self,
        request: PerformRequest,
        samples: Callable[[], np.ndarray],
        content: np.ndarray,
        progress: Callable[[float], None],
        note: Callable[[str], None] | None,
    ) -> "list[Line] | None":
        """What is said in the voice of a request, or None where there can be no transcript; note, if any, hears why, once."""
        from model_runtime.speech.transcript import without

        try:
            return self.lines(request.voice, samples(), content, request.language, request.transcriber, progress, note)
        except UtterError as error:
            self.once(note, without(error))
            return None

    def transcript(
        self,
        voice: str | Path,
        language: str | None = None,
        folder: str | Path | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> list[Word]:
        """The words that are said in a voice file, with their times. UtterError where there can be no transcript."""
        from model_runtime.speech.transcript import lines_in

        samples = load_voice(voice)
        self.transcriber(folder)
        content = self.encoder.encode(samples)
        _, said, sentences = lines_in(content, self.lines(voice, samples, content, language, folder, note=note))
        for sentence in sentences:
            note(sentence)
        return said

    def content(
        self,
        voice: str | Path,
        words: str | None = None,
        language: str | None = None,
        encoder: str | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> np.ndarray:
        """Content of a voice file: float32 [Tc, 59] at 50 Hz (speech.content.NAMES).

        words, language, encoder: as a PerformRequest has them. Of a speech model that was never taught phones: hidden states
        [Tc, D + 3], which no words can sharpen. note(sentence) hears where the words do not fit the voice."""
        from model_runtime.speech.script import read_script, sharpen

        script = read_script(words)  # a file that cannot be read is said before anything is computed
        chosen, samples = self.plug(encoder)[0] if encoder else self.encoder, load_voice(voice)
        if chosen.kind.startswith("hidden:"):
            if words:
                note("This speech model gives hidden states, which words cannot sharpen.")
            return chosen.encode(samples)
        content, sentence = sharpen(chosen.encode(samples), script, language)
        if sentence:
            note(sentence)
        return content

    def perform(
        self,
        request: PerformRequest,
        progress: Callable[[str, float], None] = lambda stage, fraction: None,
        cancelled: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> Motion:
        """The Motion at 30 fps that is asked for, in the basis of the request's head, with its face actions; of variations the first.

        progress(stage, fraction) hears of every step; cancelled() is asked at every step and raises Cancelled; note(sentence) hears
        where the words do not fit the voice. UtterError says what of the request cannot be used.
        """
        return self.variations(replace(request, variations=1), progress, cancelled, note)[0]

    def variations(
        self,
        request: PerformRequest,
        progress: Callable[[str, float], None] = lambda stage, fraction: None,
        cancelled: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> list[Motion]:
        """As perform(), as many as the request asks for: of its seed and those that follow it."""
        from model_runtime.narrow import in_parts

        return in_parts(self.drawn, request, progress, cancelled, note)

    def drawn(
        self,
        request: PerformRequest,
        progress: Callable[[str, float], None] = lambda stage, fraction: None,
        cancelled: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda sentence: None,
        apart: bool = False,
    ) -> list[Motion]:
        """As variations(), every passage for all regions of the face. apart: see diffusion.redraw()."""
        from model_runtime.diffusion import accents
        from model_runtime.drawing import Drawing
        from model_runtime.emotion import sounds
        from model_runtime.emotion.life import alive
        from model_runtime.emotion.timeline import compose
        from model_runtime.scope import check_present, frames_in
        from model_runtime.speech.content import spoken

        def step(stage: str, fraction: float) -> None:
            if cancelled():
                raise Cancelled
            progress(stage, fraction)

        if self.device.type == "cpu":
            alone()
        step("Reading the voice", 0.0)
        if request.encoder:
            step("Loading the encoder", 0.01)
        encoder, generator = self.plug(request.encoder)
        check_encoder(encoder, generator)
        self.read_by(request.text_encoder)
        prompt, passages = self.readable(request.prompt, request.passages, note)
        heard = self.hear(request, encoder, step, note)
        directed = self.directed(request, heard, note)
        gestures, passages = split(passages, directed)
        sounding, frames = heard.sounds(), len(heard.content)
        if sentence := sounds.sentence(sounding):
            note(sentence)
        content = accents.stressed(heard.content, gestures)
        asked = sounds.asked(gestures, frames)
        content = sounds.opened(content, sounds.joined(sounding, asked * silent(heard.words, frames)[:, None]))
        sounding = sounds.joined(sounding, asked)
        step("Fitting the head", 0.24)
        target, head_map, beta = self.fit(request.head)
        pins = load_pins(request.pins, frames, target.basis) if request.pins else None
        held = None  # face actions
        if pins is not None and pins.mask.shape[1] > CHANNELS:
            pins, held = pins.part(slice(CHANNELS)), pins.part(FACE_ACTIONS)
            held = held if held.mask.any() else None
        if request.identity is not None:
            beta = np.array(request.identity, np.float32)
        accent = accents.gesture(self.builtin, gestures, frames, (pins, held))
        present = check_present(load_motion(request.onto), target, self.builtin, frames) if request.onto else None
        stretches = frames_in(request.stretches(), frames, note)

        step("Feeling", 0.25)
        watching = lambda stage, f: step(stage, 0.25)
        felt, passages = self.clips(passages, request.tracker, watching, note, request.head)
        if prompt:
            base, prompted_base = np.tile(self.feelings.prompt(prompt), (frames, 1)), 1.0
        else:
            base, prompted_base = heard.feeling(), 0.0
        prompts = {text: self.feelings.prompt(text) for text in (prompt, *(p.prompt for p in passages)) if text}
        readings = {name: self.feelings.reading(feeling) for name, feeling in {**prompts, **felt}.items()}
        if not prompt:
            readings[""] = self.feelings.reading(base.mean(0), float(heard.arousal().mean()))
        steady, prompted = compose(frames, FPS, base, request.intensity, passages, self.feelings, felt, request.mouth)
        prompted = np.maximum(prompted, prompted_base)
        del base

        @lru_cache(maxsize=1)  # of an hour 56 MB; a scope asks once for each of its stretches and each way with keys
        def feels(seed: int) -> np.ndarray:
            """Feeling [T, 130] of the performance that is drawn with a seed."""
            living = alive(steady, prompted, content, seed)
            return sounds.felt(living, request.intensity * sounding, self.feelings, request.mouth)

        drawing = Drawing(
            generator=generator,
            builtin=self.builtin,
            target=target,
            head_map=head_map,
            beta=beta,
            content=content,
            given=content if heard.states is None else heard.states,
            feels=feels,
            prompted=prompted,
            accent=accent,
            pins=pins,
            held=held,
            seeds=[(request.seed + 2**63 + number) % 2**64 - 2**63 for number in range(request.variations)],
            quality=request.quality,
            regions=request.regions,
            change=request.change,
            apart=apart,
            step=step,
            cancelled=cancelled,
        )
        found = drawing.motions(present, stretches)
        step("Writing", 0.98)
        phones = spoken(heard.content, FPS)
        return [
            replace(
                motion,
                fps=FPS,
                seed=seed,
                voice=request.voice,
                words=heard.words,
                phones=phones,
                transcribed=heard.transcribed,
                filmed=False,
                readings=readings,
                directed=tuple(directed),
            )
            for motion, seed in zip(found, drawing.seeds)
        ]

    def hear(self, request: PerformRequest, encoder: Encoder, step: Callable[[str, float], None], note: Callable[[str], None]) -> "Heard":
        """What is heard in the request's voice, and said in it, as far as this is not known; note hears what there is to say of it. The
        shipped encoder hears feelings and sounds on the way."""
        from model_runtime.speech.content import resample
        from model_runtime.speech.script import read_script
        from model_runtime.speech.transcript import use

        script, known = read_script(request.words), self.memory.recall
        read: list[np.ndarray] = []  # the voice, once it is needed; an hour of it is a quarter of a gigabyte

        def samples() -> np.ndarray:
            if not read:
                read.append(load_voice(request.voice))
            return read[0]

        if not is_file(request.voice):
            samples()  # says so
        voice = digest(request.voice)
        frames = known(("frames", voice), lambda: frame_count(len(samples())))
        step("Listening", 0.05)
        listening = lambda f: step("Listening", 0.05 + 0.1 * f)

        def encoded(by: Encoder) -> np.ndarray:
            hearing = self.feelings.hearing(samples()) if by is self.encoder and ("content", voice, by.kind) not in self.memory else None
            more = {} if hearing is None else {"hand": hearing}
            content: np.ndarray = known(("content", voice, by.kind), lambda: by.encode(samples(), progress=listening, **more))
            if hearing is not None:
                known(("told", voice), hearing.heard)
            return content

        states = None
        content = encoded(encoder)
        if encoder.kind.startswith("hidden:"):  # hidden states do not say when the lips are shut; the shipped encoder does
            states, content = resample(content, FPS, frames), encoded(self.encoder)
        understanding = lambda f=1.0: step("Understanding", 0.15 + 0.1 * f)
        asked = request.transcribe == "on" or (request.transcribe == "auto" and request.quality == "final")

        if request.language and not script and not asked:
            self.once(note, "A language counts where there are words: write them down, or have them found out (in final quality).")
        told = note if not script else None
        lacking = False  # whether there can be no transcript: why is said once, and may be mended at any time

        def understand() -> "list[Line] | None":
            nonlocal lacking
            lines = self.understand(request, samples, content, understanding, told)
            lacking = lines is None
            return lines

        def said() -> tuple[Any, ...]:
            found, words, transcribed, sentences = use(content, script, understand if asked else None, request.language, understanding)
            return resample(found, FPS, frames), tuple(words), transcribed, tuple(sentences)

        spoken = ("said", voice, encoder.kind, tuple(script), request.language, request.transcriber, asked)
        found = known(spoken, said)
        if lacking:
            self.memory.forget(spoken)
        for sentence in found[3]:
            note(sentence)

        def told_of() -> "HeardVoice":
            return known(("told", voice), lambda: self.feelings.hear(samples()))

        def felt(ask: Callable[..., np.ndarray]) -> np.ndarray:
            return ask(told_of(), frames, self.speaker(request.neutral_voice, request.speaker, note))

        sounds = lambda: self.feelings.sounds(told_of(), frames)
        feeling, arousal = (lambda: felt(self.feelings.voice)), (lambda: felt(self.feelings.arousal))
        return Heard(found[0], states, feeling, arousal, sounds, found[1], found[2])

    def capture(
        self,
        request: CaptureRequest,
        progress: Callable[[str, float], None] = lambda stage, fraction: None,
        cancelled: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda sentence: None,
        anew: bool = False,
    ) -> tuple[Motion, np.ndarray | None]:
        """(Motion of a filmed face on the request's head, with its face actions; shown [T, 65] or None: what is asked for as `onto`, in
        which the face actions of the request's regions are as filmed). anew: follow the face even if the film is in the cache. Otherwise
        as perform()."""
        from model_runtime.capture import film

        def step(stage: str, fraction: float) -> None:
            if cancelled():
                raise Cancelled
            progress(stage, fraction)

        step("Looking for a face", 0.0)
        target, head_map, beta = self.fit(request.head)
        onto = load_motion(request.onto).values if request.onto else None
        following = lambda fraction: step("Following the face", 0.05 + 0.85 * fraction)
        captured = film.capture if anew else film.remembered
        motion, sentences = captured(request.film, self.builtin, request.tracker, following, request.sound)
        for sentence in sentences:
            note(sentence)
        step("Fitting", 0.9)
        shown = None
        if onto is not None:
            onto = onto[np.minimum(np.arange(len(motion.values)), len(onto) - 1)]
            own = onto if head_map is None else head_map.invert(onto)
            asked = np.isin(np.arange(len(ACTIONS)), actions_in(request.regions))
            moved = own + change(self.builtin, own, motion.actions, asked)
            shown = moved if head_map is None else onto + head_map.apply(moved, beta) - head_map.apply(own, beta)
        if head_map is not None:
            motion = replace(motion, values=head_map.apply(motion.values, beta).astype(np.float32), basis=target.basis)
        step("Writing", 0.98)
        return motion, shown

    def clips(
        self,
        passages: list[Passage],
        tracker: str | None,
        progress: Callable[[str, float], None],
        note: Callable[[str], None],
        head: str | Path | None = None,
    ) -> tuple[dict[str, np.ndarray], list[Passage]]:
        """({path: feeling [130]} of the passages' clips, the passages without those in whose clip there is nothing to feel); note hears
        of these. head: the file of the head that performs, whose Motions are clips, too."""
        found = {}
        for path in dict.fromkeys(passage.clip for passage in passages if passage.clip):
            try:
                found[path] = self.clip(path, tracker, progress, head)
            except Unfelt as error:
                note(f"A passage was left out: {error}")
        return found, [passage for passage in passages if not passage.clip or passage.clip in found]

    def clip(self, path: str, tracker: str | None, progress: Callable[[str, float], None], head: str | Path | None = None) -> np.ndarray:
        """The feeling [130] of a clip: a Motion file, exported face actions, a film, ARKit curves or, in the mean, another voice. Unfelt:
        a recording of no voice, a face at rest."""
        if Path(path).suffix.lower() in SOUND_SUFFIXES:
            progress("Listening", 0.0)
            return self.feelings.voice(heard := self.voice_in(path), frame_count(round(heard.seconds * RATE))).mean(0)
        from model_runtime.capture import clips

        if Path(path).suffix.lower() in MOTION_SUFFIXES:
            motion = clips.read(path, self.builtin, *self.fit(head)[:2])
        else:
            from model_runtime.capture.film import remembered

            motion, _ = remembered(path, self.builtin, tracker, lambda fraction: progress("Following the face", fraction))
        if clips.rests(motion.values):
            raise Unfelt(f"the face in {Path(path).stem} rests all the while; choose a clip in which it moves.")
        return self.feelings.motion(motion.values)

    def voice_in(self, path: str) -> "HeardVoice":
        """What is heard of feelings in a recording; kept. Unfelt where it is no recording, or nobody speaks, laughs or cries in it."""

        def listen() -> "HeardVoice":
            try:
                samples = load_voice(path)
            except UtterError as error:
                raise Unfelt(str(error), error.detail) from error
            hearing = self.feelings.hearing(samples)
            if not somebody(self.encoder.encode(samples, hand=hearing)):
                raise Unfelt(f"{Path(path).name} holds no voice; choose a recording in which somebody speaks.")
            return hearing.heard()

        if not is_file(path):
            raise UtterError(f"The clip {path} does not exist; choose it again.")
        return self.memory.recall(("voice in", digest(path)), listen)

    def speaker(self, neutral: str | None, folder: str | None, note: Callable[[str], None] = lambda sentence: None) -> "Baseline | None":
        """What the speaker of a voice is like: of a neutral recording, or else of a folder of recordings; None where neither is given.

        At most SPEAKER_MINUTES are heard, the first ones by name. The last one is kept. UtterError where there is nothing to hear.
        """
        source = neutral or folder
        if not source:
            return None
        path = Path(source)
        if folder and not neutral and not path.is_dir():
            raise UtterError(f"{path} is no folder; name the folder with the speaker's recordings.")
        paths = (
            [path] if neutral else sorted(p for p in path.iterdir() if p.suffix.lower() in SOUND_SUFFIXES and not p.name.startswith("."))
        )
        version = version_of(*paths)
        if self.measured is None or self.measured[0] != version:
            heard, left = [], SPEAKER_MINUTES * 60 * RATE
            for p in paths:
                if left <= 0:
                    break
                try:
                    samples = load_voice(p)[:left]
                except UtterError as error:
                    if neutral:
                        raise
                    note(f"{p.name} says nothing of the speaker: {error}")
                    continue
                left -= len(samples)
                heard.append(self.feelings.hear(samples))
            if not heard:
                raise UtterError(f"{path} holds no recordings; name the folder with the speaker's recordings.")
            self.measured = version, self.feelings.baseline(heard)
        return self.measured[1]

    def readable(self, prompt: str | None, passages: Sequence[Passage], note: Callable[[str], None]) -> tuple[str | None, list[Passage]]:
        """That prompt and those passages; without the package that reads them, those alone that are names of emotions."""
        from model_runtime.emotion import LABELS

        is_label = lambda text: text.strip().lower() in LABELS
        prompts = [text for text in (prompt, *(passage.prompt for passage in passages)) if text]
        if not all(map(is_label, prompts)):
            try:
                self.feelings.prompts.encoders()
            except NotInstalled as error:
                note(
                    f"The prompts were left out, because {error.package} is not installed: the face feels what the voice does. "
                    f"The names of emotions work: {', '.join(LABELS)}."
                )
                prompt = prompt if prompt and is_label(prompt) else None
                return prompt, [each for each in passages if each.clip or each.gesture or is_label(each.prompt)]
        for text in dict.fromkeys(prompts):
            sentence = self.feelings.read(text).sentence
            if sentence:
                note(f'"{text[:40]}": {sentence}')
        return prompt, list(passages)

    def directed(self, request: PerformRequest, heard: Heard, note: Callable[[str], None]) -> list[Passage]:
        """The passages of the directions in a request's words; one that says nothing of a feeling is left out, and note hears of it."""
        from model_runtime.speech import directed
        from model_runtime.speech.script import read_script

        found = directed.passages(read_script(request.words), heard.words, heard.content, FPS)
        readable = self.readable(None, found, lambda sentence: None)[1]
        kept, left = list[Passage](), list[str]()
        for passage in found:
            says = bool(passage.gesture) or (passage in readable and self.feelings.read(passage.prompt).strength > 0)
            kept.append(passage) if says else left.append(passage.prompt)
        if left:
            named = ", ".join(f"[{text[:40]}]" for text in dict.fromkeys(left))
            note(f"{named} in the words {'says' if len(left) == 1 else 'say'} nothing of a feeling or a sound that Utter understands.")
        if sentence := directed.told(kept):
            note(sentence)
        return kept

    def feel(self, subject: str, neutral_voice: str | None = None, speaker_folder: str | None = None) -> dict[str, Any]:
        """The contract.Reading of words, a voice file, a Motion file or exported face actions; of words also {"note": sentence} where
        there is something to say of them. A voice is measured against a neutral one or a speaker's folder."""
        path, sentence, arousal = Path(subject), "", None
        if looks_like_file(subject) and not path.is_file():
            raise UtterError(f"{subject} does not exist.")
        if path.suffix.lower() in MOTION_SUFFIXES:
            from model_runtime.capture import clips

            vector = self.feelings.motion(clips.read(path, self.builtin).values)
        elif looks_like_file(subject):
            samples = load_voice(path)
            heard, frames = self.feelings.hear(samples), frame_count(len(samples))
            speaker = self.speaker(neutral_voice, speaker_folder)
            vector = self.feelings.voice(heard, frames, speaker).mean(0)
            arousal = float(self.feelings.arousal(heard, frames, speaker).mean())
        elif not subject.strip():
            raise UtterError("Say in words what to feel, or name a voice or a Motion file.")
        else:
            sentence = self.feelings.read(subject).sentence
            vector = self.feelings.prompt(subject)
        return {**self.feelings.reading(vector, arousal), **({"note": sentence} if sentence else {})}


def version_of(*paths: Path) -> list[tuple[Path, int | None]]:
    """What tells whether one of these files has changed since: when it was written, None where there is none."""
    return [(path, path.stat().st_mtime_ns if path.is_file() else None) for path in paths]


def split(passages: list[Passage], directed: list[Passage]) -> tuple[list[Passage], list[Passage]]:
    """(those with gestures, the others) of passages and of those of directions."""
    every = [*passages, *directed]
    return [passage for passage in every if passage.gesture], [passage for passage in every if not passage.gesture]


def silent(said: tuple[Word, ...], frames: int) -> np.ndarray:
    """[frames]: 1 where no word is said, 0 where one is."""
    free = np.ones(frames, np.float32)
    for word in said:
        free[max(int(word["start"] * FPS), 0) : int(word["end"] * FPS) + 1] = 0
    return free


def frame_count(samples: int) -> int:
    """Frames of a Motion that covers that many samples."""
    return -(-samples * FPS // RATE)


def somebody(content: np.ndarray) -> bool:
    """Whether there is a voice in Content [Tc, 59]: sounds of speech, or voiced ones. Of steady noise up to .02 of the frames pass for the
    one and .08 for the other (white, pink and brown, 36 of them); each of 40 bursts (emogator) has more of one of them."""
    from model_runtime.speech.content import NAMES

    pause, voicing = (content[:, NAMES.index(name)] for name in ("pause", "voicing"))
    return bool((pause < 0.5).mean() > 0.05 or (voicing > 0.5).mean() > 0.1)


def looks_like_file(subject: str) -> bool:
    """Whether words are meant as a path: a file of that name, or a suffix that only files have."""
    try:
        return Path(subject).is_file() or Path(subject).suffix.lower() in (*MOTION_SUFFIXES, *SOUND_SUFFIXES)
    except OSError:  # longer than any file name
        return False


def check_encoder(encoder: Encoder, generator: "Generator") -> None:
    """UtterError where the generator has not learned from what such an encoder gives."""
    if generator.encoder.startswith("hidden:") and generator.encoder != encoder.kind:
        raise UtterError(
            f"The generator learned from the hidden states of another speech model ({generator.encoder}); choose that model's folder.",
            f"{encoder.kind}, generator {generator.encoder}",
        )
    if encoder.kind.startswith("hidden:") and generator.encoder != encoder.kind:
        raise UtterError(
            "This speech model hears no phones, and its hidden states need a generator trained on them; run python "
            "build.py train generator --encoder FOLDER, or choose a CTC model of phones.",
            f"{encoder.kind}, generator {generator.encoder}",
        )
