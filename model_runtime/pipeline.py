"""From a voice to a Motion, step by step (docs/architecture.md, "The way of the data")."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from contract import (
    ACTIONS,
    CHANNELS,
    FACE_ACTIONS,
    FILM_SUFFIXES,
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
)
from model_runtime.audio import RATE, load_voice
from model_runtime.cores import alone
from model_runtime.flame.actions import change
from model_runtime.listener import NOBODY, Heard, Listener, Unfelt, frame_count, somebody
from model_runtime.models import Models, check_encoder
from model_runtime.motion import Motion, load_motion, load_pins


class Performer:
    """Performs voices: what is heard in them, and what is to be felt, drawn as movement. Importing this module imports no torch."""

    def __init__(self, device: str = "auto") -> None:
        self.models = Models(device)
        self.listener = Listener(self.models)

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

        if self.models.device.type == "cpu":
            alone()
        step("Reading the voice", 0.0)
        if request.encoder:
            step("Loading the encoder", 0.01)
        encoder, generator = self.models.plug(request.encoder)
        check_encoder(encoder, generator)
        self.models.read_by(request.text_encoder)
        prompt, passages = self.readable(request.prompt, request.passages, note)
        heard = self.listener.hear(request, encoder, step, note)
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
        target, head_map, beta = self.models.fit(request.head)
        pins = load_pins(request.pins, frames, target.basis) if request.pins else None
        held = None  # face actions
        if pins is not None and pins.mask.shape[1] > CHANNELS:
            pins, held = pins.part(slice(CHANNELS)), pins.part(FACE_ACTIONS)
            held = held if held.mask.any() else None
        if request.identity is not None:
            beta = np.array(request.identity, np.float32)
        accent = accents.gesture(self.models.builtin, gestures, frames, (pins, held))
        present = check_present(load_motion(request.onto), target, self.models.builtin, frames) if request.onto else None
        stretches = frames_in(request.stretches(), frames, note)

        step("Feeling", 0.25)
        watching = lambda stage, f: step(stage, 0.25)
        felt, passages = self.clips(passages, request.tracker, watching, note, request.head)
        if prompt:
            base, prompted_base = np.tile(self.models.feelings.prompt(prompt), (frames, 1)), 1.0
        else:
            base, prompted_base = heard.feeling(), 0.0
        prompts = {text: self.models.feelings.prompt(text) for text in (prompt, *(p.prompt for p in passages)) if text}
        readings = {name: self.models.feelings.reading(feeling) for name, feeling in {**prompts, **felt}.items()}
        if not prompt:
            readings[""] = self.models.feelings.reading(base.mean(0), float(heard.arousal().mean()))
        steady, prompted = compose(frames, FPS, base, request.intensity, passages, self.models.feelings, felt, request.mouth)
        prompted = np.maximum(prompted, prompted_base)
        del base

        @lru_cache(maxsize=1)  # of an hour 56 MB; a scope asks once for each of its stretches and each way with keys
        def feels(seed: int) -> np.ndarray:
            """Feeling [T, 130] of the performance that is drawn with a seed."""
            living = alive(steady, prompted, content, seed)
            return sounds.felt(living, request.intensity * sounding, self.models.feelings, request.mouth)

        drawing = Drawing(
            generator=generator,
            builtin=self.models.builtin,
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
        target, head_map, beta = self.models.fit(request.head)
        onto = load_motion(request.onto).values if request.onto else None
        following = lambda fraction: step("Following the face", 0.05 + 0.85 * fraction)
        captured = film.capture if anew else film.remembered
        motion, sentences = captured(request.film, self.models.builtin, request.tracker, following, request.sound)
        for sentence in sentences:
            note(sentence)
        step("Fitting", 0.9)
        shown = None
        if onto is not None:
            onto = onto[np.minimum(np.arange(len(motion.values)), len(onto) - 1)]
            own = onto if head_map is None else head_map.invert(onto)
            asked = np.isin(np.arange(len(ACTIONS)), actions_in(request.regions))
            moved = own + change(self.models.builtin, own, motion.actions, asked)
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
            return self.models.feelings.voice(heard := self.listener.voice_in(path), frame_count(round(heard.seconds * RATE))).mean(0)
        from model_runtime.capture import clips

        if Path(path).suffix.lower() in MOTION_SUFFIXES:
            motion = clips.read(path, self.models.builtin, *self.models.fit(head)[:2])
        else:
            from model_runtime.capture.film import remembered

            motion, _ = remembered(path, self.models.builtin, tracker, lambda fraction: progress("Following the face", fraction))
        if clips.rests(motion.values):
            raise Unfelt(f"the face in {Path(path).stem} rests all the while; choose a clip in which it moves.")
        return self.models.feelings.motion(motion.values)

    def readable(self, prompt: str | None, passages: Sequence[Passage], note: Callable[[str], None]) -> tuple[str | None, list[Passage]]:
        """That prompt and those passages; without the package that reads them, those alone that are names of emotions."""
        from model_runtime.emotion import LABELS

        is_label = lambda text: text.strip().lower() in LABELS
        prompts = [text for text in (prompt, *(passage.prompt for passage in passages)) if text]
        if not all(map(is_label, prompts)):
            try:
                self.models.feelings.prompts.encoders()
            except NotInstalled as error:
                note(
                    f"The prompts were left out, because {error.package} is not installed: the face feels what the voice does. "
                    f"The names of emotions work: {', '.join(LABELS)}."
                )
                prompt = prompt if prompt and is_label(prompt) else None
                return prompt, [each for each in passages if each.clip or each.gesture or is_label(each.prompt)]
        for text in dict.fromkeys(prompts):
            sentence = self.models.feelings.read(text).sentence
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
            says = bool(passage.gesture) or (passage in readable and self.models.feelings.read(passage.prompt).strength > 0)
            kept.append(passage) if says else left.append(passage.prompt)
        if left:
            named = ", ".join(f"[{text[:40]}]" for text in dict.fromkeys(left))
            note(f"{named} in the words {'says' if len(left) == 1 else 'say'} nothing of a feeling or a sound that Utter understands.")
        if sentence := directed.told(kept):
            note(sentence)
        return kept

    def feel(self, subject: str, neutral_voice: str | None = None, speaker_folder: str | None = None) -> dict[str, Any]:
        """The contract.Reading of words, a voice file, a Motion file, exported face actions or a film; of words and voices also
        {"note": sentence} where there is something to say of them. A voice is measured against a neutral one or a speaker's folder."""
        path, sentence, arousal = Path(subject), "", None
        if path.is_dir() and (path.suffix or path.name != subject):  # a word may be a folder's name as well
            raise UtterError(f"{subject} is a folder; name a recording or a Motion file in it.")
        if looks_like_file(subject) and not path.is_file():
            raise UtterError(f"{subject} does not exist.")
        if path.suffix.lower() in MOTION_SUFFIXES:
            from model_runtime.capture import clips

            vector = self.models.feelings.motion(clips.read(path, self.models.builtin).values)
        elif path.suffix.lower() in FILM_SUFFIXES:
            vector = self.clip(subject, None, lambda stage, fraction: None)
        elif looks_like_file(subject):
            samples = load_voice(path)
            (content, heard), frames = self.listener.told(samples), frame_count(len(samples))
            sentence = "" if somebody(content) else NOBODY.format(path.name)
            speaker = self.listener.speaker(neutral_voice, speaker_folder)
            vector = self.models.feelings.voice(heard, frames, speaker).mean(0)
            arousal = float(self.models.feelings.arousal(heard, frames, speaker).mean())
        elif not subject.strip():
            raise UtterError("Say in words what to feel, or name a voice or a Motion file.")
        else:
            sentence = self.models.feelings.read(subject).sentence
            vector = self.models.feelings.prompt(subject)
        return {**self.models.feelings.reading(vector, arousal), **({"note": sentence} if sentence else {})}


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


def looks_like_file(subject: str) -> bool:
    """Whether words are meant as a path: a file of that name, or a suffix that only files have."""
    try:
        return Path(subject).is_file() or Path(subject).suffix.lower() in (*MOTION_SUFFIXES, *SOUND_SUFFIXES, *FILM_SUFFIXES)
    except OSError:  # longer than any file name
        return False
