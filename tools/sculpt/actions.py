"""The 52 face actions, as smooth displacement fields where expression makes them.

Each is drawn along the muscle that makes it (origins and insertions as in Gray's Anatomy, ch. 30), in the amounts that Apple's
ARKit pictures show at 1.
"""

import numpy as np

from tools.sculpt import mouth
from tools.sculpt.rig import JAW_OPEN, JAW_SIDE, smoothstep
from tools.sculpt.surface import EYE, MOUTH_Y
from tools.sculpt.tissue import Tissue

BROW = EYE[1] + 0.0190  # height of the brows
JAW_FORWARD = np.array([0, -0.0006, 0.0068])
# Folds on the subject's left, from above: beside wing and corner, and below the corner.
NASOLABIAL = ((0.0165, -0.0070), (0.0255, -0.0210), (0.0325, -0.0330), (0.0350, -0.0420))
MARIONETTE = ((0.0305, -0.0450), (0.0325, -0.0570), (0.0300, -0.0680))


def linear_actions(rig):
    """{name: [V,3]} displacement at 1 of every action that expression coefficients make (without jaw turns, blinks and gaze)."""
    tissue = Tissue(rig)
    fields = mouth_halves(tissue) | upper_face_halves(tissue)
    out = {}
    for name, field in fields.items():
        out[name + "Left"], out[name + "Right"] = field, rig.mirrored(field)
    out |= mouth_wholes(tissue) | upper_face_wholes(tissue)
    out["mouthRight"] = rig.mirrored(out["mouthLeft"])
    out["jawRight"] = rig.mirrored(out["jawLeft"])
    return out


def mouth_halves(t):
    """The left side of the mouth's paired actions, each along its muscle."""
    rig, patch, slide, fold = t.rig, t.patch, t.slide, t.fold
    upper, lower, eyeless, left = rig.upper, rig.lower, rig.eyeless, rig.left
    y = MOUTH_Y
    corner = (mouth.MOUTH_HALF, y)
    groove, roll = fold(NASOLABIAL, 0.0060)
    fields = {}

    # Zygomaticus major: from the corner up to the cheekbone; the cheek gathers before it.
    pull, lift = patch((0.031, -0.038), 0.030, 0.020, 45), patch((0.034, -0.034), 0.026, 0.0165, 45)
    apple = patch((0.037, -0.010), 0.021, 0.015, 30) * eyeless
    tuck = patch((0.0285, y + 0.002), 0.009, 0.008)
    fields["mouthSmile"] = slide(
        0.0100 * pull, 0.0118 * lift + 0.0034 * apple, 0.0036 * apple - 0.0012 * groove + 0.0010 * roll - 0.0016 * tuck - 0.0012 * pull
    )
    fields["mouthSmile"] += (
        t.lips(((0, -0.0012, -0.0006), (0, -0.0004, -0.0010)), ((0, 0.0016, -0.0006), (0, 0.0004, -0.0012)), (0, 0, -0.0006))
        * left[:, None]
        + 0.22 * rig.lid_lower
    )

    # Depressor anguli oris: from the corner down to the jaw; the chin bunches.
    pull = patch((0.0275, -0.048), 0.021, 0.015, -75)
    chin = patch((0.010, -0.066), 0.014, 0.010)
    down, beside = fold(MARIONETTE, 0.0045)
    fields["mouthFrown"] = slide(0.0022 * pull, -0.0095 * pull + 0.0022 * chin, 0.0024 * chin - 0.0018 * down + 0.0016 * beside)

    # Risorius and platysma: straight back and a little down.
    pull = patch((0.031, -0.045), 0.026, 0.017, -12)
    low = patch((0.034, -0.068), 0.020, 0.016)
    fields["mouthStretch"] = slide(0.0120 * pull + 0.0020 * low, -0.0026 * pull - 0.0034 * low, -0.0014 * pull)
    fields["mouthStretch"] += (
        t.lips(((0, -0.0012, -0.0004), (0, -0.0006, -0.0010)), ((0, 0.0014, -0.0004), (0, 0.0006, -0.0010)), (0, 0, -0.0006))
        * left[:, None]
    )

    # Buccinator: the corner in and back, a fold before it.
    pull = patch(corner, 0.013, 0.010)
    fields["mouthDimple"] = slide(
        0.0055 * pull, 0.0014 * pull, -0.0044 * patch((0.029, y), 0.0100, 0.0095) + 0.0034 * patch((0.041, y + 0.001), 0.007, 0.012)
    )

    # Levator labii superioris: the lip up beside the wing, which rises with it.
    pull = patch((0.0115, y + 0.009), 0.014, 0.017, 80) * upper
    wing = patch((0.0150, -0.012), 0.009, 0.010)
    cheek = patch((0.025, -0.010), 0.013, 0.012, 60) * eyeless
    fields["mouthUpperUp"] = slide(
        0.0006 * pull, 0.0092 * pull + 0.0022 * wing + 0.0032 * cheek, 0.0014 * pull + 0.0026 * cheek - 0.0014 * groove
    )
    fields["mouthUpperUp"] += t.lips(((0, 0, 0.0004), (0, 0, 0.0010)), ((0, 0, 0), (0, 0, 0))) * left[:, None]

    # Depressor labii inferioris.
    pull = patch((0.0125, y - 0.009), 0.015, 0.017, -80) * lower
    fields["mouthLowerDown"] = slide(0.0012 * pull, -0.0098 * pull, 0.0004 * pull + 0.0014 * patch((0.014, -0.068), 0.012, 0.008))
    fields["mouthLowerDown"] += t.lips(((0, 0, 0), (0, 0, 0)), ((0, 0.0006, 0.0004), (0, 0, 0.0014))) * left[:, None]

    # Orbicularis oris, its inner part: the red of the lips thins and goes in.
    pull = patch(corner, 0.011, 0.011)
    fields["mouthPress"] = t.tuck((0.46, 0.0008, 0.0020), (0.46, 0.0008, 0.0022), (0, 0, -0.0008)) * left[:, None]
    fields["mouthPress"] += slide(
        0.0014 * pull,
        0 * pull,
        -0.0022 * patch(corner, 0.008, 0.008)
        + 0.0012 * (patch((0.013, y + 0.015), 0.014, 0.006) + patch((0.013, y - 0.018), 0.014, 0.006)),
    )

    # Levator labii alaeque nasi: the wing up, wrinkles beside the bridge.
    wing = patch((0.0135, -0.010), 0.010, 0.011)
    bridge = patch((0.0095, 0.014), 0.008, 0.013) * eyeless
    lip = patch((0.013, y + 0.013), 0.013, 0.011) * upper
    brow = patch((0.012, 0.046), 0.012, 0.010) * eyeless
    fields["noseSneer"] = slide(
        0.0006 * wing - 0.0006 * brow,
        0.0080 * wing + 0.0042 * bridge + 0.0044 * lip - 0.0042 * brow,
        0.0022 * wing + 0.0028 * bridge + 0.0006 * lip - 0.0018 * groove + 0.0012 * roll,
    )
    return {name: t.inside(field) for name, field in fields.items()}


def mouth_wholes(t):
    """Actions of the whole mouth, the cheeks and the jaw."""
    rig, patch, slide = t.rig, t.patch, t.slide
    upper, lower = rig.upper, rig.lower
    y, still = MOUTH_Y, np.zeros(len(t.p))
    fields = {}
    ring = patch((0, y), 0.036, 0.026, power=2, depth=0.040)  # all that the orbicularis oris gathers
    lips = patch((0, y), 0.022, 0.0155, power=1.3)
    # The corners come in by two fifths, more than the middle does, so that the lips round; what is gathered grows thicker and
    # goes out.
    gather = -t.arc * (np.abs(t.arc) / mouth.MOUTH_HALF) ** 0.5 * ring
    swell = (t.y - y) * ring * smoothstep(0.2, 0.9, np.abs(t.arc) / mouth.MOUTH_HALF)
    fields["mouthPucker"] = slide(0.58 * gather, 0.4 * swell, 0.0072 * lips + 0.0012 * ring)
    fields["mouthPucker"] += t.lips(
        ((0, 0.0004, 0.0010), (0, 0.0006, 0.0022)), ((0, -0.0004, 0.0008), (0, -0.0008, 0.0026)), (0, 0, 0.0004)
    )
    fields["mouthFunnel"] = slide(0.40 * gather, 0.4 * swell + 0.0068 * lips * upper - 0.0078 * lips * lower, 0.0070 * lips + 0.0010 * ring)
    fields["mouthFunnel"] += t.lips(
        ((0, 0.0006, 0.0008), (0, 0.0012, 0.0032)), ((0, -0.0006, 0.0008), (0, -0.0014, 0.0036)), (0, 0, 0.0010)
    )
    fields["mouthRollUpper"] = t.tuck((0.66, 0.0016, 0.0038), (0, 0.0003, 0.0010), (0, -0.0004, -0.0018))
    fields["mouthRollLower"] = t.tuck((0, 0.0002, 0.0008), (0.66, 0.0018, 0.0042), (0, 0.0006, -0.0020))
    pull = patch((0, y + 0.006), 0.022, 0.014)
    fields["mouthShrugUpper"] = slide(still, 0.0050 * pull, 0.0024 * pull)
    # Mentalis: chin and lower lip pushed up, the chin dimpling, the lip pouting.
    pull, chin = patch((0, y - 0.004), 0.023, 0.013), patch((0, -0.068), 0.017, 0.013)
    fields["mouthShrugLower"] = slide(
        still, 0.0058 * pull + 0.0046 * chin, 0.0030 * pull + 0.0022 * chin - 0.0022 * patch((0, y - 0.019), 0.018, 0.006)
    )
    fields["mouthShrugLower"] += t.lips(((0, 0, 0), (0, 0, 0)), ((0, -0.0008, 0.0012), (0, -0.0010, 0.0028)))
    fields["mouthLeft"] = slide(
        0.0104 * patch((0, y), 0.036, 0.026, power=1.5, depth=0.040),
        0.0016 * patch((mouth.MOUTH_HALF, y), 0.016, 0.016),
        0.0024 * patch((0.040, y), 0.010, 0.014) + 0.0012 * ring,
    )
    puff = patch((0.039, -0.040), 0.017, 0.019, depth=0.035)
    puff = puff + puff[rig.skin.mirror]
    front = patch((0, y + 0.013), 0.022, 0.008) + patch((0, y - 0.017), 0.022, 0.008)
    fields["cheekPuff"] = slide(-0.05 * t.arc * ring, still, 0.0120 * puff + 0.0036 * front + 0.0010 * ring)
    chin = rig.smooth(rig.weights[:, 2] * smoothstep(y + 0.004, y - 0.022, t.y), 6)
    fields["jawForward"] = chin[:, None] * JAW_FORWARD + patch((0, y), 0.026, 0.014)[:, None] * (0, 0, 0.0026)
    fields["mouthClose"] = rig.meet_lips((JAW_OPEN, 0, 0), 0.22)
    fields["jawLeft"] = rig.meet_lips((0, JAW_SIDE, 0), 0.5)
    return {name: t.inside(field, sealed=name == "jawForward") for name, field in fields.items()}


def upper_face_halves(t):
    """The left side of cheek, lids and brow."""
    rig, patch, slide, eyeless = t.rig, t.patch, t.slide, t.rig.eyeless
    still = np.zeros(len(t.p))
    fields = {}
    cheek = patch((0.036, 0.004), 0.021, 0.013, 10) * eyeless
    crow = patch((0.054, 0.022), 0.009, 0.012) * eyeless
    fields["cheekSquint"] = slide(-0.0010 * crow, 0.0076 * cheek + 0.0012 * crow, 0.0034 * cheek + 0.0012 * crow)
    fields["cheekSquint"] += 0.45 * rig.lid_lower
    under = patch((0.034, 0.010), 0.018, 0.009) * eyeless
    fields["eyeSquint"] = (
        slide(still, 0.0030 * under - 0.0014 * patch((0.034, 0.047), 0.018, 0.008) * eyeless, 0.0014 * under)
        + 0.62 * rig.lid_lower
        + 0.30 * rig.lid_upper
    )
    brow = patch((0.031, 0.048), 0.018, 0.010) * eyeless
    fields["eyeWide"] = slide(still, 0.0022 * brow) + rig.lid_wide
    # The lids go with the eye: the upper one most of the way.
    raised = np.where(rig.lid_wide[:, 1:2] > 0, rig.lid_wide, 0)
    fields["eyeLookUp"] = 0.85 * raised + 0.15 * rig.lid_lower + slide(still, 0.0014 * brow)
    fields["eyeLookDown"] = 0.42 * rig.lid_upper - 0.25 * rig.lid_lower

    # Corrugator and procerus: the inner brow down and in, the skin bunching between.
    inner, body = patch((0.0145, BROW), 0.014, 0.012) * eyeless, patch((0.033, BROW), 0.020, 0.012) * eyeless
    furrow = patch((0.0060, BROW - 0.002), 0.0028, 0.009)
    bunch = patch((0.0115, BROW - 0.004), 0.006, 0.008) * eyeless
    fields["browDown"] = slide(
        -0.0040 * inner - 0.0012 * body, -0.0068 * inner - 0.0052 * body, 0.0018 * bunch + 0.0014 * inner + 0.0010 * body - 0.0012 * furrow
    )
    # Frontalis, outer part.
    outer, above = patch((0.044, BROW - 0.001), 0.031, 0.018, -18) * eyeless, patch((0.040, BROW + 0.023), 0.028, 0.022)
    fields["browOuterUp"] = slide(still, 0.0088 * outer + 0.0036 * above, 0.0006 * above)
    return fields


def upper_face_wholes(t):
    rig, patch, slide, eyeless = t.rig, t.patch, t.slide, t.rig.eyeless
    # Frontalis, inner part: the skin of the forehead slides up and lies in furrows.
    inner, above = patch((0.0145, BROW + 0.001), 0.020, 0.017) * eyeless, patch((0.012, BROW + 0.024), 0.026, 0.024)
    furrows = patch((0.008, BROW + 0.017), 0.022, 0.0032) + patch((0.008, BROW + 0.029), 0.022, 0.0032)
    left = slide(0 * inner, 0.0088 * inner + 0.0038 * above, 0.0006 * inner + 0.0006 * above - 0.0009 * furrows)
    return {"browInnerUp": rig.both(left)}


def part_actions(vertices, joint):
    """{name: [Vp,3]} what an expression does to the parts [Vp,3] of those joints [Vp]: teeth and tongue go with the jaw."""
    forward = np.zeros_like(vertices)
    forward[joint == 2] = JAW_FORWARD
    return {"jawForward": forward}
