"""The face actions that expression makes, from the package's shapes: stronger where they stop short of what people can do, and with
the movement that comes along in life."""

import numpy as np

from contract import ACTIONS
from tools.human import lips
from tools.human.jaw import OPEN, SIDE
from tools.human.parts import slide
from tools.human.source import MIRROR, SKIN, other_side, symmetric

# The package's brows and corners of the mouth go half as far as people's: inner brows rise by some 9 mm and fall by 6, corners fall by 7
# (Ekman, Friesen and Hager, Facial Action Coding System, 2002, AU 1, 4 and 15 at E; millimetres as seen in their pictures).
GAIN = {"browInnerUp": 1.5, "browDown": 1.6, "browOuterUp": 1.15, "mouthFrown": 1.6}
# What comes along: zygomatic smiles lift cheeks and lower lids (Duchenne 1862); a sneer widens the nostril.
ALONG = {"mouthSmile": {"cheekRaiser": 0.45, "cheekSquint": 0.10}, "mouthStretch": {"mouthFrown": 0.10}}


def linear_actions(source, skin, jaw, parts):
    """{name: [V + Vp, 3]} of every action that expression makes: without the jaw's turn, blinks and the tongue."""
    found, skins = {}, {}
    for name in ACTIONS:
        if name in ("jawOpen", "tongueOut") or name.startswith("eyeBlink"):
            continue
        whole = lived(source, name)
        behind = slide(source, parts, jaw, name) if name in jaw.slides else whole[parts.rows]
        mirrored = skins.get(other_side(name))  # sides are each other's mirror images, and what has none is its own
        if mirrored is not None:
            skins[name] = mirrored[skin.mirror] * MIRROR
        else:
            skins[name] = on_lips(skin, jaw, name, jaw.slides.get(name, whole[:SKIN]))
            if other_side(name) == name:
                skins[name] = symmetric(skins[name], skin.mirror)
        found[name] = np.concatenate([skins[name], behind])
    return found


def on_lips(skin, jaw, name, field):
    """The action's field [V,3] with lips that meet, lie side by side and are not turned over."""
    if name == "mouthClose":
        field = lips.close(skin, jaw, field, OPEN)
        lips.keep_sealed(skin, jaw, field, OPEN)
        return field  # over a shut jaw it shows nothing that is right
    if name.startswith(lips.PARTING):
        field = lips.together(skin, jaw, field, corners=True)
    else:
        vector = (0, SIDE, 0) if name == "jawLeft" else (0, 0, 0)
        field = lips.together(skin, jaw, field, vector, lips.LEADING.get(name, 0.5))
    return lips.unfolded(skin, lips.apart(skin, field))


def lived(source, name):
    """[N,3]: the package's action with GAIN and what comes ALONG."""
    stem, side = (name[: -len(side)], side) if (side := next((s for s in ("Left", "Right") if name.endswith(s)), "")) else (name, "")
    field = GAIN.get(stem, 1) * source.actions[name]
    for other, share in ALONG.get(stem, {}).items():
        field = field + share * source.actions[other + side]
    return field
