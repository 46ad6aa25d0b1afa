"""Lips that stay together: every action that does not part them carries both by the same way where they meet."""

import numpy as np

PARTING = ("jawOpen", "mouthFunnel", "mouthUpperUp", "mouthLowerDown", "mouthShrugUpper", "noseSneer")
LEADING = {"mouthRollLower": 0.65, "mouthRollUpper": 0.35}  # the share that the upper lip's way has; else half
CLOSED = 0.22  # of the way from the upper lip to the lower one over an open jaw: where a person's meet


def together(skin, jaw, field, vector=(0, 0, 0), upper_share=0.5):
    """The field [V,3] changed about the lips so that, with the jaw turned by vector, they meet; upper_share: 1 where the upper lip
    goes, 0 where the lower one does. Towards the corners both go half of the way, as a corner does."""
    contact, across = skin.contact, corner_share(skin)
    above = np.isin(contact, skin.lips()[0])
    share = upper_share + (0.5 - upper_share) * across
    for _ in range(2):
        posed = jaw.turned(vector, field)[contact]
        own, other = np.where(above, share, 1 - share)[:, None], posed[skin.pair]
        rest = jaw.before_turn(vector, own * posed + (1 - own) * other, contact)
        field = field + skin.around(contact, rest - skin.vertices[contact] - field[contact])
    return field


def corner_share(skin):
    """[74]: 0 along the lips, 1 in the corners of the mouth."""
    x = np.abs(skin.vertices[skin.contact, 0])
    return (x / x.max()) ** 4


def close(skin, jaw, field, opened):
    """mouthClose [V,3]: what shuts the lips over a jaw opened by that angle, from the package's field."""
    return together(skin, jaw, field, (opened, 0, 0), 1 - CLOSED)


def keep_sealed(skin, jaw, closing, opened):
    """Add to the jaw's correctives what keeps lips shut over a half open jaw, which a linear mouthClose shuts over an open one."""
    for _ in range(3):
        posed = jaw.turned((opened / 2, 0, 0), 0.5 * closing)[skin.contact]
        jaw.add_half_open(skin.around(skin.contact, 0.5 * (posed[skin.pair] - posed)))
