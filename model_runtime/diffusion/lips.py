"""Sealing the lips: where a bilabial is clearly heard and the lips all but meet, let them meet.

Diffusion ends a few hundredths of a jaw opening from where it aims; elsewhere nobody sees that, between the lips of an /m/
everybody does.
"""
import torch

from model_runtime.motion import CHANNELS, EXPRESSION, JAW, NECK
from model_runtime.speech.content import NAMES

BILABIAL = NAMES.index("bilabial")
# Chosen on three dev speakers of LibriSpeech (labels by PocketSphinx), where 83 % of p, b, m shut and 1.3 % of the open vowels;
# with NEAR = (0.35, 0.22) 78 and 1.3 %.
CERTAIN = (0.3, 0.45)    # of the posterior: from here, and wholly from there
NEAR = (0.5, 0.35)       # of the gap (1: jawOpen = 1): untouched beyond the first, wholly sealed within the second
NUDGE = 0.01             # of a channel, for slopes
SHAPES = slice(EXPRESSION.start, JAW.stop)


def lip_tensors(generator):
    """What pose_torch needs for the two inner-lip midpoints, and the gap at jawOpen = 1; kept with the generator."""
    if "lips" not in generator.__dict__:
        from model_runtime.flame import lbs
        from model_runtime.flame.head import load_head
        head = load_head()
        pair = [head.landmark("lip_inner_upper_mid"), head.landmark("lip_inner_lower_mid")]
        generator.lips = lbs.tensors(head, pair), float(head.jaw_open_gap)
    return generator.lips


def mouth(generator):
    """The directions of normalised Motion that move the lips, orthonormal [65, k]; kept with the generator.

    Singular vectors of the lip landmarks' slope at the mean Motion, those that carry all but a hundredth of its square. The neck
    moves no lip against its face.
    """
    if "mouth" not in generator.__dict__:
        from model_runtime.flame import lbs
        from model_runtime.flame.head import load_head
        head = load_head()
        lips = [head.landmark(name) for name in head.landmark_names if str(name).startswith("lip_")]
        tensors, mean, std = lbs.tensors(head, lips), generator.mean.cpu(), generator.std.cpu()
        free = torch.ones(CHANNELS)
        free[NECK] = 0
        nudged = mean + NUDGE * torch.diag(free * std)
        slope = (lbs.pose_torch(tensors, nudged, torch.zeros(300)) - lbs.pose_torch(tensors, mean[None], torch.zeros(300))).flatten(1)
        directions, size, _ = torch.linalg.svd(slope, full_matrices=False)
        share = size.square().cumsum(0) / size.square().sum()
        generator.mouth = directions[:, :int((share < 0.99).sum()) + 1]
    return generator.mouth


def parting(tensors, values, beta):
    """From the upper to the lower inner-lip midpoint, [T, 3] metres."""
    from model_runtime.flame import lbs
    posed = lbs.pose_torch(tensors, values, beta)
    return posed[..., 1, :] - posed[..., 0, :]


@torch.no_grad()
def seal(generator, values, content, beta, pins):
    """values [T, 65] with the lips shut where content [T, 55] says so and they nearly are; pinned channels do not move.

    Two steps of Gauss-Newton on the midpoints' parting, along the channels as they move together in the training Motion (the most
    probable correction), weighted by how certain the closure is.
    """
    tensors, opening = lip_tensors(generator)
    ramp = lambda x, low, high: ((x - low) / (high - low)).clamp(0, 1)
    gap = parting(tensors, values, beta).norm(dim=-1) / opening
    wanted = ramp(content[:, BILABIAL], *CERTAIN) * ramp(gap, *NEAR)
    frames = torch.nonzero(wanted > 0)[:, 0]
    if not len(frames):
        return values
    values, std = values.clone(), generator.std.cpu()
    spread = (generator.spread.cpu() * std[:, None] * std)[SHAPES, SHAPES]
    for part in frames.split(2000):
        free = 1 - pins.mask[part][:, SHAPES]                                            # [n, 53]
        goal = parting(tensors, values[part], beta) * (1 - wanted[part, None])
        for _ in range(2):
            here = values[part]
            nudged = here + NUDGE * torch.eye(here.shape[1])[SHAPES, None]               # [53, n, 65]
            slope = (parting(tensors, nudged, beta) - parting(tensors, here, beta)).permute(1, 2, 0) / NUDGE   # [n, 3, 53]
            along = torch.einsum("nic,cd->nid", slope * free[:, None], spread) * free[:, None]
            square = torch.einsum("nic,njc->nij", along, slope) + 1e-10 * torch.eye(3)
            missing = goal - parting(tensors, here, beta)
            change = torch.einsum("nic,ni->nc", along, torch.linalg.solve(square, missing))
            values[part, SHAPES] += change
    return values
