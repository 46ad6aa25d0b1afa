"""What is heard in voices: sounds and words, feelings, who speaks. What was heard once is kept."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from contract import FPS, SOUND_SUFFIXES, PerformRequest, UtterError, Word, check_speaker, is_file, language_name, whisper_code
from model_runtime.audio import RATE, load_voice
from model_runtime.memory import Memory, digest
from model_runtime.models import Encoder, Models, version_of

if TYPE_CHECKING:
    from model_runtime.emotion.hearing import Baseline
    from model_runtime.emotion.hearing import Heard as HeardVoice
    from model_runtime.speech.transcribe import Line

SPEAKER_MINUTES = 5  # of a speaker's recordings: more tell little more
LONG = 600  # seconds of voice from which the transcriber is let go once it has heard: a third of a gigabyte, loaded again in a second


NOBODY = "{} holds no voice; choose a recording in which somebody speaks."


class Unfelt(UtterError):
    """A clip in which there is nothing to feel: a recording of no voice, or a face at rest. Its passage is left out."""


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


class Recording:
    """A voice file: its digest, and its samples once they are needed; an hour of it is a quarter of a gigabyte. UtterError where there is
    none."""

    def __init__(self, path: str | Path) -> None:
        self.path = path
        if not is_file(path):
            load_voice(path)  # says so
        self.digest = digest(path)

    @cached_property
    def samples(self) -> np.ndarray:
        return load_voice(self.path)


class Listener:
    """Hears voices by the models, as far as its memory lacks them."""

    def __init__(self, models: Models) -> None:
        self.models = models
        self.memory = Memory()  # what was heard and felt
        self.measured: tuple[object, Baseline] | None = None  # a speaker's baseline, and of which recordings
        self.said: set[str] = set()  # by once()

    def hear(self, request: PerformRequest, encoder: Encoder, step: Callable[[str, float], None], note: Callable[[str], None]) -> Heard:
        """What is heard in the request's voice, and said in it, as far as this is not known; note hears what there is to say of it. The
        shipped encoder hears feelings and sounds on the way."""
        from model_runtime.speech.content import resample
        from model_runtime.speech.script import read_script

        script = read_script(request.words)  # a file that cannot be read is said before anything is computed
        voice = Recording(request.voice)
        frames = self.memory.recall(("frames", voice.digest), lambda: frame_count(len(voice.samples)))
        step("Listening", 0.05)
        listening = lambda f: step("Listening", 0.05 + 0.1 * f)
        understanding = lambda f=1.0: step("Understanding", 0.15 + 0.1 * f)
        content, states = self.encoded(voice, encoder, listening), None
        if encoder is self.models.encoder and not somebody(content):
            note(NOBODY.format(Path(request.voice).name))
        if encoder.kind.startswith("hidden:"):  # hidden states do not say when the lips are shut; the shipped encoder does
            states, content = resample(content, FPS, frames), self.encoded(voice, self.models.encoder, listening)
        content, words, transcribed = self.sharpened(request, script, voice, encoder.kind, content, frames, understanding, note)

        def told() -> "HeardVoice":
            return self.memory.recall(("told", voice.digest), lambda: self.models.feelings.hear(voice.samples))

        def felt(ask: Callable[..., np.ndarray]) -> np.ndarray:
            return ask(told(), frames, self.speaker(request.neutral_voice, request.speaker, note))

        return Heard(
            content=content,
            states=states,
            feeling=lambda: felt(self.models.feelings.voice),
            arousal=lambda: felt(self.models.feelings.arousal),
            sounds=lambda: self.models.feelings.sounds(told(), frames),
            words=words,
            transcribed=transcribed,
        )

    def encoded(self, voice: Recording, encoder: Encoder, progress: Callable[[float], None]) -> np.ndarray:
        """What an encoder gives of a voice; kept. The shipped one's layers tell what is felt in it at once."""
        key = ("content", voice.digest, encoder.kind)
        if encoder is not self.models.encoder or key in self.memory:
            content: np.ndarray = self.memory.recall(key, lambda: encoder.encode(voice.samples, progress=progress))
            return content
        hearing = self.models.feelings.hearing(voice.samples)
        content = self.memory.recall(key, lambda: self.models.encoder.encode(voice.samples, progress=progress, hand=hearing))
        self.memory.recall(("told", voice.digest), hearing.heard)
        return content

    def told(self, samples: np.ndarray) -> "tuple[np.ndarray, HeardVoice]":
        """(Content [Tc, 59] at 50 Hz, what is heard of feelings) of samples at 16 kHz, which are listened to once."""
        hearing = self.models.feelings.hearing(samples)
        content: np.ndarray = self.models.encoder.encode(samples, hand=hearing)
        return content, hearing.heard()

    def sharpened(
        self,
        request: PerformRequest,
        script: list[Any],
        voice: Recording,
        kind: str,
        content: np.ndarray,
        frames: int,
        progress: Callable[..., None],
        note: Callable[[str], None],
    ) -> tuple[np.ndarray, tuple[Word, ...], bool]:
        """(Content [frames, 59] at 30 fps, the words, whether Utter found some of them) of Content at 50 Hz and of what is said, by the
        request's script or else by the transcript; kept. kind: of the encoder that is asked for."""
        from model_runtime.speech.content import resample
        from model_runtime.speech.transcript import use

        asked = request.transcribe == "on" or (request.transcribe == "auto" and request.quality == "final")
        if request.language and not script and not asked:
            self.once(note, "A language counts where there are words: write them down, or have them found out (in final quality).")
        lacking = False  # whether there can be no transcript: why is said once, and may be mended at any time

        def understand() -> "list[Line] | None":
            nonlocal lacking
            lines = self.understand(request, voice, content, progress, None if script else note)
            lacking = lines is None
            return lines

        def said() -> tuple[Any, ...]:
            found, words, transcribed, sentences = use(content, script, understand if asked else None, request.language, progress)
            return resample(found, FPS, frames), tuple(words), transcribed, tuple(sentences)

        key = ("said", voice.digest, kind, tuple(script), request.language, request.transcriber, asked)
        found, words, transcribed, sentences = self.memory.recall(key, said)
        if lacking:
            self.memory.forget(key)
        for sentence in sentences:
            note(sentence)
        return found, words, transcribed

    def lines(
        self,
        voice: Recording,
        content: np.ndarray,
        language: str | None = None,
        folder: str | Path | None = None,
        progress: Callable[[float], None] = lambda fraction: None,
        note: Callable[[str], None] | None = None,
    ) -> "list[Line]":
        """What is said in a voice, by its stretches; kept, for a voice is performed again and again. note, if any, hears where
        the transcriber does not know the language."""

        def transcribed() -> "tuple[Line, ...]":
            transcriber, code = self.models.transcriber(folder), whisper_code(language) if language else None
            if code and not transcriber.knows(code):
                self.once(note, f"The transcriber does not know {language_name(str(language))}, and finds the language out.")
                code = None
            found = tuple(transcriber.transcribe(voice.samples, content, code, progress))
            if len(voice.samples) > LONG * RATE:
                self.models.loaded = None
            return found

        return list(self.memory.recall(("lines", voice.digest, language, folder), transcribed))

    def understand(
        self,
        request: PerformRequest,
        voice: Recording,
        content: np.ndarray,
        progress: Callable[[float], None],
        note: Callable[[str], None] | None,
    ) -> "list[Line] | None":
        """What is said in the voice of a request, or None where there can be no transcript; note, if any, hears why, once."""
        from model_runtime.speech.transcript import without

        try:
            return self.lines(voice, content, request.language, request.transcriber, progress, note)
        except UtterError as error:
            self.once(note, without(error))
            return None

    def once(self, note: Callable[[str], None] | None, sentence: str) -> None:
        """Let note, if any, hear a sentence that is true of many voices, the first time only."""
        if note is not None and sentence not in self.said:
            note(sentence)
            self.said.add(sentence)

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
        chosen, samples = self.models.plug(encoder)[0] if encoder else self.models.encoder, load_voice(voice)
        if chosen.kind.startswith("hidden:"):
            if words:
                note("This speech model gives hidden states, which words cannot sharpen.")
            return chosen.encode(samples)
        content, sentence = sharpen(chosen.encode(samples), script, language)
        if sentence:
            note(sentence)
        return content

    def transcript(
        self,
        voice: str | Path,
        language: str | None = None,
        folder: str | Path | None = None,
        note: Callable[[str], None] = lambda sentence: None,
    ) -> list[Word]:
        """The words that are said in a voice file, with their times. UtterError where there can be no transcript."""
        from model_runtime.speech.transcript import lines_in

        recording = Recording(voice)
        self.models.transcriber(folder)
        content = self.models.encoder.encode(recording.samples)
        _, said, sentences = lines_in(content, self.lines(recording, content, language, folder, note=note))
        for sentence in sentences:
            note(sentence)
        return said

    def speaker(self, neutral: str | None, folder: str | None, note: Callable[[str], None] = lambda sentence: None) -> "Baseline | None":
        """What the speaker of a voice is like: of a neutral recording, or else of a folder of recordings; None where neither is given.

        At most SPEAKER_MINUTES are heard, the first ones by name. The last one is kept. UtterError where there is nothing to hear.
        """
        source = neutral or folder
        if not source:
            return None
        path = Path(source)
        if not neutral:
            check_speaker(path)
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
                heard.append(self.models.feelings.hear(samples))
            if not heard:
                raise UtterError(f"{path} holds no recordings; name the folder with the speaker's recordings.")
            self.measured = version, self.models.feelings.baseline(heard)
        return self.measured[1]

    def voice_in(self, path: str) -> "HeardVoice":
        """What is heard of feelings in a recording; kept. Unfelt where it is no recording, or nobody speaks, laughs or cries in it."""

        def listen() -> "HeardVoice":
            try:
                samples = load_voice(path)
            except UtterError as error:
                raise Unfelt(str(error), error.detail) from error
            content, heard = self.told(samples)
            if not somebody(content):
                raise Unfelt(NOBODY.format(Path(path).name))
            return heard

        if not is_file(path):
            raise UtterError(f"The clip {path} does not exist; choose it again.")
        return self.memory.recall(("voice in", digest(path)), listen)


def frame_count(samples: int) -> int:
    """Frames of a Motion that covers that many samples."""
    return -(-samples * FPS // RATE)


def somebody(content: np.ndarray) -> bool:
    """Whether there is a voice in Content [Tc, 59]: sounds of speech, or voiced ones. Of steady noise up to .02 of the frames pass for the
    one and .08 for the other (white, pink and brown, 36 of them); each of 40 bursts (emogator) has more of one of them."""
    from model_runtime.speech.content import NAMES

    pause, voicing = (content[:, NAMES.index(name)] for name in ("pause", "voicing"))
    return bool((pause < 0.5).mean() > 0.05 or (voicing > 0.5).mean() > 0.1)
