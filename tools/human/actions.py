"""The face actions that expression makes, from the package's shapes: stronger where they stop short of what people can do, and with
the movement that comes along in life."""

import numpy as np

from contract import ACTIONS
from tools.human import lips
from tools.human.fields import smoothstep
from tools.human.jaw import OPEN, SIDE
from tools.human.parts import slide
from tools.human.source import MIRROR, MOUTH_SOCKET, SKIN, other_side, symmetric

# The package's brows and corners of the mouth go half as far as people's: inner brows rise by some 9 mm and fall by 6, corners fall by 7
# (Ekman, Friesen and Hager, Facial Action Coding System, 2002, AU 1, 4 and 15 at E; millimetres as seen in their pictures).
GAIN = {"browInnerUp": 1.5, "browOuterUp": 1.15, "mouthFrown": 1.6}
# A frown's brow is lowest at its inner end, which the procerus draws down; the package's falls by less than half as much as its middle.
# FROWN: the gain from the inner end on and from the outer end on, and where these are; then the place, the reach and the way of what the
# procerus adds, in metres.
FROWN = (1.6, 0.55), (0.016, 0.046)
PROCERUS, REACH, FALL = np.array([0.0105, 0.0500]), (0.013, 0.017, 0.013), np.array([-0.0008, -0.0042, 0.0])  # across, up, down
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
    if stem == "browDown":
        field = frowning(source.vertices, field, 1 if side == "Left" else -1)
    for other, share in ALONG.get(stem, {}).items():
        field = field + share * source.actions[other + side]
    return field


def frowning(vertices, field, sign):
    """The field [N,3] of the package's browDown on that side (sign: 1 left), its inner end drawn down farthest."""
    x, y = (vertices[:, :2] * (sign, 1) - PROCERUS).T
    (inner, outer), places = FROWN
    field = field * (inner + (outer - inner) * smoothstep(*places, x + PROCERUS[0]))[:, None]
    across, up, down = REACH
    share = np.exp(-0.5 * ((x / across) ** 2 + (y / np.where(y > 0, up, down)) ** 2))
    on = (np.arange(len(vertices)) < MOUTH_SOCKET) & (vertices[:, 2] > 0.05)
    return field + (share * on)[:, None] * FALL * (sign, 1, 1)
