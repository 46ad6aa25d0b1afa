"""Sheets to be looked at: one sentence felt in many ways, as the first model performs it, each picture beside the neutral one.

    feelings.png    8 emotions, 3 strengths each
    prompts.png     16 free prompts
    held_back.png   6 prompts that hold something back

All pictures of a sheet are of one moment of the voice, so that only the feeling differs.
"""

import tempfile
from pathlib import Path

import numpy as np

from contract import ACTIONS, FPS, LIDS, PerformRequest
from model_runtime.emotion import LABELS
from model_runtime.flame.poses import STRENGTHS
from model_runtime.speech.content import NAMES, resample
from tools import bake, sheet
from tools.human.sheets import Stage

VOICE = Path(__file__).parents[2] / "blender_assets" / "voices" / "pie.flac"
PROMPTS = (
    "your team just scored in the last minute",
    "reading the letter that says she is not coming back",
    "somebody has keyed his new car",
    "there are footsteps upstairs and he lives alone",
    "the milk in the glass is lumpy",
    "as if talking to a servant who does not matter",
    "she opens the door and all her friends are there",
    "reading a train timetable aloud",
    "quietly proud",
    "fed up with all of this",
    "out of his mind with worry",
    "gutted",
    "terrified but trying to smile",
    "a little annoyed",
    "laughing through tears",
    "not angry, just sad",
)
HELD_BACK = (
    "swallowing his tears",
    "a smile for the cameras",
    "through clenched teeth, polite",
    "hiding her fear from the children",
    "fighting back a laugh",
    "disgusted, but too polite to show it",
)
CLOSED, NEARBY = 0.35, 0.4  # of a lid: a blink; seconds at the ends that are not shown
SIDE = 8.0  # degrees: where the camera stands


def run(args, performer, models, report):
    """Write the sheets into args.sheets."""
    performer.models.generator = next(iter(models.values()))
    args.sheets.mkdir(parents=True, exist_ok=True)

    def perform(prompt, strength=1.0):
        passage = {"start": -1.0, "end": 1e4, "prompt": prompt, "strength": strength, "fade": 0.0}
        return performer.perform(PerformRequest(voice=str(VOICE), quality=args.quality, seed=1, passages=(passage,), transcribe="off"))

    shown = {
        "feelings": (6, {f"{name} {strength:.2f}": (name, strength) for name in LABELS for strength in STRENGTHS}),
        "prompts": (6, {text: (text, 1.0) for text in ("neutral", *PROMPTS)}),
        "held_back": (4, {text: (text, 1.0) for text in ("neutral", *HELD_BACK)}),
    }
    with bake.enabled(), tempfile.TemporaryDirectory() as scratch:
        stage = Stage(performer.models.builtin, Path(scratch))
        for name, (columns, tiles) in shown.items():
            motions = [perform(*asked) for asked in tiles.values()]
            frame = moment(performer, motions)
            pictures = [stage.shoot(motion.values[frame], frame="FACE", turn=SIDE) for motion in motions]
            sheet.write_grid(args.sheets / f"{name}.png", pictures, list(tiles), columns)
            report(str(args.sheets / f"{name}.png"))


def moment(performer, motions):
    """The frame in which the Motions of one voice differ most, of those in which nobody blinks and the mouth is neither shut nor wide
    open by the words."""
    from model_runtime.audio import load_voice

    values = np.stack([motion.values for motion in motions])
    actions = np.stack([motion.actions for motion in motions])
    content = resample(performer.models.encoder.encode(load_voice(VOICE)), FPS, values.shape[1])
    told = actions.std(0).mean(1)
    jaw = actions[0][:, ACTIONS.index("jawOpen")]
    unfit = (values[..., LIDS].max((0, 2)) > CLOSED) | (content[:, NAMES.index("bilabial")] > 0.3) | (jaw > np.quantile(jaw, 0.7))
    margin = int(NEARBY * FPS)
    unfit[:margin] = unfit[-margin:] = True
    return int(np.argmax(np.where(unfit, -1, told)))
