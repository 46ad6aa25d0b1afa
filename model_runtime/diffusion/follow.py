"""The mouth follows the mouth curves that the encoder hears (speech/content.py): people's mouths go with the sound more exactly than
diffusion does, most of all where it also shows a feeling.

Only what moves within some two seconds follows; where the mouth mostly is, and how far it goes, stays as it was performed. A passage's
beginning is no such movement: the mean around a frame is over frames that feel the same.
"""

import torch

from model_runtime.diffusion.lips import bring, posing
from model_runtime.speech.content import MOUTH

# Of the way, for gap, width, jaw, protrusion: chosen on filmed speakers to whom the curves were strangers (s26, s31: 20 clips, with and
# without prompts). Draft, r before and after: gap .81, .83, width .45, .48, jaw .63, .71; felt happy: .72, .81, .10, .44, .69, .71.
SHARE = torch.tensor([0.6, 0.9, 0.9, 0.8])
AROUND = 60.0  # frames, standard deviation of the mean around a frame ...
LIKE = 0.3  # ... and of the feeling's way from there
FARTHEST = 2.5  # of AROUND: frames beyond count nothing
HELD = 15, 45  # frames from a pin on the mouth: as performed up to the first, following from the second
PLACES = (
    *("lip_inner_upper_mid", "lip_inner_lower_mid", "lip_corner_left", "lip_corner_right", "lip_outer_upper_mid", "lip_outer_lower_mid"),
    "chin",
    *(
        f"brow_{part}_{side}" for side in ("left", "right") for part in ("inner", "mid", "outer")
    ),  # from here on what stays as high as it is
    *("lid_upper_left", "lid_lower_left", "lid_upper_right", "lid_lower_right"),
)
MEASURED = 7  # of PLACES


@torch.no_grad()
def follow(generator, values, content, feeling, beta, pins, weight=1.0):
    """values [T, 65] whose mouth moves with the curves of content [T, 59], where they are known; feeling [T, 130]. Near pins on the mouth
    it stays as it is. weight, or [T]: how much of the way it follows."""
    curves = content[:, MOUTH]
    wanted = (curves != 0).any(1) * pins.away(*HELD) * weight
    if not (wanted > 0).any():
        return values
    pose = posing(mouth_tensors(generator), beta)

    def place(values):  # [..., 4 + 10] metres: gap, width, jaw, protrusion; heights of brows and lids
        posed = pose(values)
        gap, width = posed[..., 0, 1] - posed[..., 1, 1], posed[..., 2, 0] - posed[..., 3, 0]
        mouth = torch.stack([gap, width, -posed[..., 6, 1], (posed[..., 4, 2] + posed[..., 5, 2]) / 2], -1)
        return torch.cat([mouth, posed[..., MEASURED:, 1]], -1)

    goal = place(values)
    now = goal[:, : len(SHARE)].clone()
    both = torch.cat([now, curves], 1)
    moves = both - around(both, feeling)
    (own, theirs), (far, farther) = (x.split(len(SHARE), 1) for x in (moves, around(moves.square(), feeling).sqrt()))
    goal[:, : len(SHARE)] += wanted[:, None] * SHARE * (theirs * far / farther.clamp(min=1e-3) - own)
    goal[:, 0] = torch.maximum(goal[:, 0], now[:, 0].clamp(max=0))  # lips meet; they do not go through each other
    return bring(generator, values, place, goal, wanted, pins)


def mouth_tensors(generator):
    """What pose_torch needs of PLACES; kept with the generator."""
    if "followed" not in generator.__dict__:
        from model_runtime.flame import lbs
        from model_runtime.flame.load import load_head

        head = load_head()
        generator.followed = lbs.tensors(head, [head.landmark(name) for name in PLACES])
    return generator.followed


def around(x, feeling):
    """Mean [T, K] of x [T, K] over the frames around each that feel like it (bilateral: Tomasi and Manduchi 1998)."""
    way = torch.cat([torch.zeros(1), feeling.diff(dim=0).norm(dim=1).cumsum(0)])
    total, weights = torch.zeros_like(x), torch.zeros(len(x), 1)
    for shift in range(-min(round(FARTHEST * AROUND), len(x) - 1), min(round(FARTHEST * AROUND), len(x) - 1) + 1):
        here, there = slice(max(0, -shift), len(x) - max(0, shift)), slice(max(0, shift), len(x) - max(0, -shift))
        weight = torch.exp(-0.5 * ((way[there] - way[here]) / LIKE).square() - 0.5 * (shift / AROUND) ** 2)[:, None]
        total[here] += weight * x[there]
        weights[here] += weight
    return total / weights
