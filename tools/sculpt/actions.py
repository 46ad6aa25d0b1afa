"""The 52 face actions, as smooth displacement fields where expression makes them."""
import numpy as np

from tools.sculpt import mouth
from tools.sculpt.rig import JAW_OPEN, JAW_SIDE, rotation, smoothstep
from tools.sculpt.surface import MOUTH_Y

ARKIT = """eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
jawForward jawLeft jawRight jawOpen mouthClose mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight
mouthFrownLeft mouthFrownRight mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper
mouthShrugLower mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft
mouthUpperUpRight browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight cheekPuff cheekSquintLeft
cheekSquintRight noseSneerLeft noseSneerRight tongueOut""".split()


def linear_actions(rig):
    """{name: [V,3]} displacement at 1 of every action that expression coefficients make (jaw turns, lids and gaze aside)."""
    b, lips = rig.bump, rig.lip_field
    out, half = {}, {}
    col = lambda field, *vector: field[:, None] * np.asarray(vector)
    hx, y = mouth.MOUTH_HALF, MOUTH_Y
    upper, lower, left, eyeless = rig.upper, rig.lower, rig.left, rig.eyeless
    corner = (hx, y)

    half["mouthSmile"] = (col(b(corner, (0.020, 0.017, 0.024)), 0.0075, 0.0085, -0.0065)
                          + col(b((0.038, -0.014), (0.018, 0.016, 0.022)) * eyeless, 0.0015, 0.0050, 0.0030)
                          + col(b((0.034, 0.010), (0.016, 0.010, 0.02)) * eyeless, 0, 0.0018, 0.0008))
    half["mouthFrown"] = (col(b(corner, (0.014, 0.014, 0.020)), 0.0005, -0.0085, -0.0010)
                          + col(b((0.024, -0.058), (0.013, 0.013, 0.02)), 0, -0.0035, 0.0005))
    half["mouthStretch"] = (col(b(corner, (0.017, 0.014, 0.020)), 0.0095, -0.0035, -0.0060)
                            + col(b((0.036, -0.060), 0.018), 0.0015, -0.0025, 0))
    half["mouthDimple"] = col(b(corner, (0.009, 0.009, 0.014)), 0.0035, 0.0012, -0.0065)
    half["mouthUpperUp"] = (col(b((0.011, y + 0.006), (0.012, 0.016, 0.020)) * upper, 0.0004, 0.0078, 0.0006)
                            + col(b((0.019, -0.022), (0.012, 0.012, 0.02)) * upper, 0, 0.0025, 0.0012))
    half["mouthLowerDown"] = (col(b((0.012, y - 0.006), (0.013, 0.015, 0.020)) * lower, 0.0008, -0.0085, 0.0002)
                              + col(b((0.016, -0.062), 0.012) * lower, 0, -0.0015, 0))
    half["mouthPress"] = lips(((0, -0.0026, -0.0012), (0, -0.0022, -0.0030)), ((0, 0.0034, -0.0010), (0, 0.0030, -0.0034)),
                              (0, 0, -0.0012)) * left[:, None] + col(b((hx, y), 0.009), 0.0010, 0, -0.0015)
    half["cheekSquint"] = (col(b((0.036, 0.006), (0.018, 0.012, 0.02)) * eyeless, 0, 0.0055, 0.0028)
                           + 0.30 * rig.lid_lower)
    half["noseSneer"] = (col(b((0.0125, -0.008), (0.009, 0.011, 0.016)), 0.0010, 0.0062, 0.0012)
                         + col(b((0.008, 0.016), (0.008, 0.014, 0.014)) * eyeless, -0.0004, 0.0020, 0.0014)
                         + col(b((0.012, y + 0.015), (0.012, 0.008, 0.02)) * upper, 0, 0.0042, 0.0008)
                         + col(b((0.015, 0.046), 0.012) * eyeless, 0, -0.0020, 0))
    half["eyeSquint"] = 0.58 * rig.lid_lower + 0.26 * rig.lid_upper + col(
        b((0.034, 0.012), (0.016, 0.009, 0.02)) * eyeless, 0, 0.0028, 0.0012)
    half["eyeWide"] = rig.lid_wide + col(b((0.031, 0.046), (0.016, 0.009, 0.02)) * eyeless, 0, 0.0020, 0)
    half["browDown"] = (col(b((0.018, 0.048), (0.016, 0.013, 0.02)) * eyeless, -0.0040, -0.0075, 0.0016)
                        + col(b((0.036, 0.049), (0.016, 0.012, 0.02)) * eyeless, 0, -0.0045, 0))
    half["browOuterUp"] = (col(b((0.040, 0.050), (0.017, 0.015, 0.022)) * eyeless, 0.0004, 0.0090, -0.0006)
                           + col(b((0.036, 0.070), 0.022), 0, 0.0030, 0))
    for name, field in half.items():
        out[name + "Left"], out[name + "Right"] = field, rig.mirrored(field)

    out["browInnerUp"] = (rig.both(col(b((0.013, 0.050), (0.015, 0.016, 0.022)) * eyeless, 0, 0.0095, 0.0002))
                          + rig.both(col(b((0.012, 0.072), 0.022), 0, 0.0030, 0)))
    out["cheekPuff"] = (rig.both(col(b((0.040, -0.034), (0.020, 0.020, 0.030)), 0.0085, 0, 0.0065))
                        + col(b((0, y), (0.026, 0.018, 0.024)), 0, 0, 0.0015))
    round_mouth = b((0, y), (0.036, 0.022, 0.040))
    forward = b((0, y), (0.024, 0.016, 0.030))
    # Corners come in more than the middle, so that the lips round instead of pointing.
    inward = -rig.p[:, 0] * (np.abs(rig.p[:, 0]) / hx) ** 1.1 * b((0, y), (0.040, 0.024, 0.045)) * 1.55
    pucker = np.stack([0.50 * inward, 0 * inward, 0.0085 * forward + 0.0016 * round_mouth], -1)
    thick = lips(((0, 0.0014, 0.0018), (0, 0.0008, 0.0018)), ((0, -0.0016, 0.0018), (0, -0.0010, 0.0020)), (0, 0, 0.0008))
    out["mouthPucker"] = pucker + thick
    part = col(b((0, y + 0.004), (0.021, 0.014, 0.026)) * upper, 0, 0.0052, 0.0026) + col(
        b((0, y - 0.005), (0.022, 0.015, 0.026)) * lower, 0, -0.0062, 0.0026)
    out["mouthFunnel"] = 0.72 * pucker + part + lips(((0, 0.0012, 0.0016), (0, 0.0010, 0.0030)),
                                                     ((0, -0.0014, 0.0018), (0, -0.0012, 0.0034)), (0, 0, 0.0008))
    out["mouthRollUpper"] = lips(((0, -0.0052, -0.0030), (0, -0.0042, -0.0064)), ((0, 0, -0.0004), (0, 0.0004, -0.0016)),
                                 (0, -0.0004, -0.0036))
    out["mouthRollLower"] = lips(((0, 0, -0.0004), (0, -0.0004, -0.0014)), ((0, 0.0062, -0.0034), (0, 0.0050, -0.0072)),
                                 (0, 0.0010, -0.0042))
    out["mouthShrugUpper"] = col(b((0, y + 0.006), (0.020, 0.012, 0.024)), 0, 0.0040, 0.0016)
    out["mouthShrugLower"] = (col(b((0, y - 0.007), (0.021, 0.013, 0.024)), 0, 0.0052, 0.0026)
                              + col(b((0, -0.070), (0.018, 0.014, 0.024)), 0, 0.0040, 0.0010)
                              + lips(((0, 0, 0), (0, 0, 0)), ((0, 0, 0.0006), (0, -0.0004, 0.0018)), (0, 0, 0)))
    shift = b((0, y), (0.036, 0.024, 0.045))
    around = rig.p - (0, 0, 0.035)
    out["mouthLeft"] = shift[:, None] * ((around @ rotation((0, 0.21, 0)).T) - around) + col(
        b((hx, y), 0.016), 0.0010, 0.0008, -0.0010)
    out["mouthRight"] = rig.mirrored(out["mouthLeft"])
    chin = rig.weights[:, 2] * smoothstep(MOUTH_Y + 0.004, MOUTH_Y - 0.022, rig.p[:, 1])
    out["jawForward"] = col(rig.smooth(chin, 6), 0, -0.0006, 0.0065) + col(b((0, y), (0.024, 0.012, 0.03)), 0, 0, 0.0022)
    out["mouthClose"] = rig.meet_lips((JAW_OPEN, 0, 0), 0.22)
    out["jawLeft"] = rig.meet_lips((0, JAW_SIDE, 0), 0.5)
    out["jawRight"] = rig.mirrored(out["jawLeft"])
    return out
