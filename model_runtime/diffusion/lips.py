"""Sealing the lips: where a bilabial is clearly heard and the lips nearly meet, they are made to meet; where an f or v is heard, the
lower lip is made to touch the upper teeth; and where somebody speaks and neither is heard, lips that shut are kept apart.

Diffusion misses its goal by a few hundredths of a jaw opening. Elsewhere nobody sees that; between the lips of an /m/ everybody does.
"""

import torch
from torch.nn import functional as F

from contract import CHANNELS, EXPRESSION, JAW, NECK
from model_runtime.speech.content import NAMES

BILABIAL, LABIODENTAL, PAUSE = (NAMES.index(name) for name in ("bilabial", "labiodental", "pause"))
# Chosen on 44 dev clips of LibriSpeech and EmoDB (draft, the voice alone) and 54 closures labelled by hand, of .074 s: from (.3, .45)
# p, b and m keep the lips shut for .133 s, from (.45, .6) for .1 s, and .95 or .94 of the English, all or .98 of the German ones are shut.
CERTAIN = (0.4, 0.55)  # of the posterior: begins at the first value, full from the second
NEAR = (0.5, 0.35)  # of the gap (1: jawOpen = 1): untouched beyond the first, wholly sealed within the second
BITTEN = (0.12, 0.25)  # of the labiodental posterior; from (.06, .12) as many f and v bite, but five times as many open vowels
UNHEARD, SPEAKS = (0.25, 0.1), (0.4, 0.15)  # of the posteriors of bilabial and of pause: begins at the first value, full from the second
LASTS = 2  # frames of a pause at either end in which the lips do not shut yet
PARTED = 0.045  # of the gap: lips are kept at least that far apart
KEYED = 3, 12  # frames from a pin on the mouth: lips that an artist shuts are not parted up to the first, and as all are from the second
CLEAR = 0.07  # of the gap: f and v stay at least that far from shut, as the teacher's do
EXACT = 1e-4  # metres: how far from its goal a lip may stay
MOST = 6.0  # standard deviations that a step of a correction may have; of 9,594 without keys the largest had 6.4, one in 100 above 3.2
NUDGE = 0.01  # of a channel, for slopes
TOGETHER = 200  # frames posed at once
SHAPES = slice(EXPRESSION.start, JAW.stop)


def inner_lips(generator):
    """(tensors for pose_torch of the inner lips' midpoints, gap at jawOpen = 1 in metres, the head); kept with the generator."""
    if "lips" not in generator.__dict__:
        from model_runtime.flame import lbs
        from model_runtime.flame.load import load_head

        head = load_head()
        pair = [head.landmark("lip_inner_upper_mid"), head.landmark("lip_inner_lower_mid")]
        generator.lips = lbs.tensors(head, pair), float(head.jaw_open_gap), head
    return generator.lips


def mouth(generator):
    """The directions of normalised Motion that move the lips, orthonormal [65, k]; kept with the generator.

    Singular vectors of the lip landmarks' slope at the mean Motion: those that hold 99 % of its square. The neck is left out, for it
    moves the whole face.
    """
    if "mouth" not in generator.__dict__:
        from model_runtime.flame import lbs
        from model_runtime.flame.load import load_head

        head = load_head()
        lips = [head.landmark(name) for name in head.landmark_names if str(name).startswith("lip_")]
        tensors, mean, std = lbs.tensors(head, lips), generator.mean.cpu(), generator.std.cpu()
        free = torch.ones(CHANNELS)
        free[NECK] = 0
        nudged = mean + NUDGE * torch.diag(free * std)
        slope = (lbs.pose_torch(tensors, nudged, torch.zeros(300)) - lbs.pose_torch(tensors, mean[None], torch.zeros(300))).flatten(1)
        directions, size, _ = torch.linalg.svd(slope, full_matrices=False)
        share = size.square().cumsum(0) / size.square().sum()
        generator.mouth = directions[:, : int((share < 0.99).sum()) + 1]
    return generator.mouth


def posing(tensors, beta):
    """What poses values [..., 65]: the points of tensors (lbs.tensors) on that identity, [..., N, 3] metres, with the head still."""
    from model_runtime.flame import lbs

    still = torch.ones(CHANNELS)
    still[NECK] = 0
    pose = lambda values: lbs.pose_torch(tensors, values * still, beta)
    return lambda values: torch.cat([pose(part) for part in values.split(TOGETHER, -2)], -3)


@torch.no_grad()
def seal(generator, values, content, beta, pins):
    """values [T, 65] with the lips shut, or the lower one on the teeth, where content [T, 59] says so and they nearly are; pinned
    channels do not move."""
    from model_runtime.flame.teeth import teeth_edge

    tensors, opening, head = inner_lips(generator)
    pose = posing(tensors, beta)  # [..., 2, 3]: upper, lower
    ramp = lambda x, low, high: ((x - low) / (high - low)).clamp(0, 1)

    def parting(values):  # up and forward: lips of a jaw that is slid aside meet beside their middles
        upper, lower = pose(values).unbind(-2)
        return (lower - upper)[..., 1:]

    apart = parting(values)
    shut = ramp(content[:, BILABIAL], *CERTAIN) * ramp(apart.norm(dim=-1) / opening, *NEAR)
    shut = shut * (content[:, BILABIAL] >= content[:, LABIODENTAL])  # of b and v only the likelier counts
    values = bring(generator, values, parting, apart * (1 - shut[:, None]), shut, pins)

    apart = parting(values)
    gap = apart.norm(dim=-1) / opening
    lasting = -F.max_pool1d(-content[None, :, PAUSE], 2 * LASTS + 1, 1, LASTS)[0]  # the least of the frames around
    parted = ramp(content[:, BILABIAL], *UNHEARD) * ramp(lasting, *SPEAKS) * (1 - ramp(content[:, LABIODENTAL], *BITTEN))
    parted = parted * pins.away(*KEYED)
    least = PARTED * opening
    # Downwards, as deep as they are: lips that touch, or lie in each other, have no other direction in which they part.
    wider = torch.stack([-(least**2 - apart[:, 1].square()).clamp(min=least**2 / 4).sqrt(), apart[:, 1]], -1)
    values = bring(
        generator, values, parting, apart + parted[:, None] * (wider - apart), parted * ((gap < PARTED) | (apart[:, 0] > 0)), pins
    )

    edge = teeth_edge(head, beta.numpy())
    if edge is None:
        return values
    height, depth = map(float, edge)
    lower = lambda values: pose(values)[..., 1, 1:]
    posed = pose(values)
    here, upper = posed[..., 1, 1:], posed[..., 0, 1]
    goal = torch.stack([(upper - CLEAR * opening).clamp(max=height), (here[:, 1] - 0.004).clamp(min=depth + 0.001)], -1)
    bitten = ramp(content[:, LABIODENTAL], *BITTEN) * ramp((here - goal).norm(dim=-1) / opening, *NEAR) * (1 - shut)
    bitten = bitten * (content[:, LABIODENTAL] > content[:, BILABIAL])
    return bring(generator, values, lower, here + bitten[:, None] * (goal - here), bitten, pins)


def bring(generator, values, place, goal, wanted, pins):
    """values [T, 65] changed where wanted [T] is above 0, so that place(values) [T, d], in metres, becomes goal [T, d].

    Two steps of Gauss-Newton along the channels as they move together in the training Motion: the most probable correction, which
    misses the goal rather than move what hardly moved in training, and has at most MOST deviations (Mahalanobis' distance): where keys hold
    nearly all that could bring it there, the rest cannot.
    """
    frames = torch.nonzero(wanted > 0)[:, 0]
    if not len(frames):
        return values
    values, std = values.clone(), generator.std.cpu()
    spread = (generator.spread.cpu() * std[:, None] * std)[SHAPES, SHAPES]
    for part in frames.split(TOGETHER):
        free = 1 - pins.fixed[part][:, SHAPES]  # [n, 53]
        for _ in range(2):
            here = values[part]
            nudged = here + NUDGE * torch.eye(here.shape[1])[SHAPES, None]  # [53, n, 65]
            slope = (place(nudged) - place(here)).permute(1, 2, 0) / NUDGE  # [n, d, 53]
            along = torch.einsum("nic,cd->nid", slope * free[:, None], spread) * free[:, None]
            square = torch.einsum("nic,njc->nij", along, slope) + EXACT**2 * torch.eye(slope.shape[1])
            force = torch.linalg.solve(square, goal[part] - place(here))
            size = torch.einsum("ni,nij,nj->n", force, square, force).clamp(min=MOST**2).sqrt()
            change = torch.einsum("nic,ni->nc", along, force * (MOST / size)[:, None])
            values[part, SHAPES] += change
    return values
