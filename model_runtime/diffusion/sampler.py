"""Sampling: the denoising loop. Any length in bounded memory; pins are met exactly; the same seed gives the same curves.

The noisy Motion of the whole clip is one array; at every step the denoiser sees overlapping windows of it, a batch at a time,
their predictions are blended, and the scheduler steps the whole. So windows agree at every step and there are no seams.
"""

from contextlib import closing

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d, median_filter

from contract import CHANNELS, EYES, JAW, LIDS, NECK, TONGUE, Cancelled, UtterError
from model_runtime.cores import spread
from model_runtime.diffusion.follow import follow
from model_runtime.diffusion.generator import STEPS, WINDOW
from model_runtime.diffusion.lips import mouth, seal
from model_runtime.diffusion.pins import HeldPins
from model_runtime.speech.content import COLUMNS as CONTENT

OVERLAP = 30
BATCH = 16  # windows denoised at once on a graphics card; each branch of the guidance counts as one ...
EACH = 8  # ... and by each core of a processor
SAMPLER_STEPS = {"draft": 6, "final": 20}
EMPHASIS = 0.5  # how far past the trained feeling a prompt pushes
CLOSEST_JAW = -0.02  # radians
HEAD_CALM = 1.8  # frames, standard deviation
EYES_CALM = 5  # frames, median


def schedule(quality, begin=1.0):
    """The diffusers scheduler, its steps set: DPM-Solver++ (Lu et al. 2022) of second order, x0 prediction, cosine schedule (Nichol and
    Dhariwal 2021). A draft's steps are spaced by a cosine too: close together where noise is strong and slow movements are decided.

    Chosen on ten dev clips of 7 s, against 60 steps from the same noise: rms of lip gap; of lip landmarks, which the head carries;
    share of closures kept; speed of the brows.

        6 steps, cosine                  0.018   2.5 mm   0.98   1.00
        6 steps, trailing                0.021   5.3 mm   0.96   0.95     linspace and third order: the same
        6 steps, even in log SNR         0.022   3.1 mm   0.97   0.97     Karras: 0.030, 2.9 mm, 0.95, 0.99
        6 steps, DDIM, trailing          0.022   5.6 mm   0.96   0.91
        6 steps, UniPC, trailing         0.018   4.0 mm   0.97   1.03
        4 steps, cosine                  0.022   3.5 mm   0.96   0.91
        8 steps, cosine                  0.015   1.8 mm   0.98   1.05
        10 steps, trailing               0.016   3.4 mm   0.97   1.01
        20 steps, trailing               0.008   1.3 mm   0.98   1.04
        another seed, 20 steps           0.052            0.96   0.96

    begin: of the whole way from noise, where the steps start (SDEdit, Meng et al. 2022).

    At 20 steps (another seed, prompts in half of the frames) trailing keeps the lips better: 0.005, 0.99 against the cosine's 0.007, 0.98.
    """
    from diffusers import DPMSolverMultistepScheduler

    scheduler = DPMSolverMultistepScheduler(
        num_train_timesteps=STEPS,
        beta_schedule="squaredcos_cap_v2",
        prediction_type="sample",
        algorithm_type="dpmsolver++",
        solver_order=2,
        lower_order_final=True,
    )
    done = np.linspace(0, 1, SAMPLER_STEPS[quality], endpoint=False)
    left = np.cos(np.pi / 2 * done) if quality == "draft" else 1 - done  # the latter is what diffusers calls trailing
    scheduler.set_timesteps(timesteps=[round(STEPS * share * begin) - 1 for share in left])
    return scheduler


def noise(T, seed, mouth=None, block=64, first=0):
    """float32 [T, 65] of the frames from first on: drawn per absolute frame, so a frame's noise does not depend on the length of the clip
    or the place of the windows.

    mouth [65, k], orthonormal: in these directions the draw is the same for every seed. The draw of each seed is N(0, I) still
    (an orthogonal split of two such draws), so takes differ in brows, head and gaze and agree on what the lips do. Six seeds of
    three dev clips, draft: r of the lip gap .972 (.939 with a draw of its own for each), the rest as different as before.
    """

    def draw(key, lane):
        stream = lambda number: np.random.Generator(np.random.Philox(key=key, counter=[0, number, lane, 0]))
        begin, end = first // block, -(-(first + T) // block)
        blocks = [stream(number).standard_normal((block, CHANNELS), np.float32) for number in range(begin, end)]
        return torch.from_numpy(np.concatenate(blocks)[first - begin * block :][:T])

    own = draw(int(seed) % 2**64, 0)
    if mouth is None:
        return own
    return own + (draw(0, 1) - own) @ mouth @ mouth.T


def windows(T):
    """Starts of the windows that cover T frames, and each frame's weight [W] within a window before the weights of each frame are scaled to
    sum to one."""
    if T <= WINDOW:
        return [0], torch.ones(T)
    starts = [*range(0, T - WINDOW, WINDOW - OVERLAP), T - WINDOW]
    ramp = (torch.arange(WINDOW) + 0.5).clamp(max=OVERLAP) / OVERLAP
    return starts, ramp * ramp.flip(0)


def guidance(prompted):
    """x0 = (1 - sA - sP) G() + sA G(A) + sP G(A, P), with sA and sP per frame -> weights [T, 3] of G(), G(A), G(A, P).

    A prompt is emphasised against the same content without feeling, so that it moves the face and the lips still speak the content.
    """
    sP = 1 + EMPHASIS * prompted
    sA = -EMPHASIS * prompted
    return torch.stack([1 - sA - sP, sA, sP], -1)


@torch.no_grad()
def sample(
    generator,
    content30,
    feeling,
    prompted,
    beta,
    pins=None,
    seed=0,
    quality="final",
    progress=lambda stage, fraction: None,
    cancelled=lambda: False,
    heard=None,
):
    """Diffuse a performance -> values float32 [T, 65] in the generator's basis.

    content30 [T, C]: Content at 30 fps, or the hidden states that the generator was trained on; feeling [T, 130]; prompted [T] 0..1:
    where words asked for the feeling; beta [300]; pins: Pins, met exactly; quality: draft or final
    (SAMPLER_STEPS).
    progress(stage, fraction) hears of every step and cancelled() is asked at every step (Cancelled).
    heard [T, 59]: Content that the mouth follows and that seals the lips where content30 is hidden states; None: neither.
    UtterError if the arrays' lengths differ, a number in them is not finite, or the generator learned from another encoder.
    """
    content, feeling, prompted, beta = arranged(generator, content30, feeling, prompted, beta)
    pins = HeldPins(pins, len(content), generator.mean.cpu(), generator.std.cpu())
    clean = diffuse(generator, content, feeling, prompted, beta, pins, [seed], quality, progress, cancelled)[0]
    values = pins.carry(clean * generator.std.cpu() + generator.mean.cpu())
    heard = content if content.shape[1] == CONTENT else heard
    if heard is not None:
        heard = torch.as_tensor(np.asarray(heard, np.float32))
        values = seal(generator, follow(generator, values, heard, feeling, beta, pins), heard, beta, pins)
    values = limit(values)
    progress("diffusing", 1.0)
    return pins.put_back(values).numpy().astype(np.float32)


def arranged(generator, content30, feeling, prompted, beta):
    """What sample() is given, as torch arrays; UtterError as there."""
    content, feeling, prompted, beta = (torch.as_tensor(np.asarray(x, np.float32)) for x in (content30, feeling, prompted, beta))
    T = len(content)
    if T == 0 or len(feeling) != T or len(prompted) != T:
        raise UtterError(
            "The voice is too short to perform; choose a longer one." if T == 0 else "Content and Feeling must be equally long.",
            f"{T}, {len(feeling)}, {len(prompted)} frames",
        )
    if content.shape[1] != generator.denoiser.size["content"]:
        raise UtterError(
            f"The generator learned from another encoder ({generator.encoder}); choose an encoder and a generator that belong together.",
            f"{content.shape[1]} columns, not {generator.denoiser.size['content']}",
        )
    if not all(x.isfinite().all() for x in (content, feeling, prompted, beta)):
        raise UtterError("The voice or the feeling holds numbers that are not finite; choose another recording.")
    return content, feeling, prompted, beta


def diffuse(generator, content, feeling, prompted, beta, pins, seeds, quality, progress, cancelled, first=0, kept=None):
    """Draws of clean normalised Motion [n, T, 65], one for each of seeds; the arguments as sample() has them, but pins: HeldPins.

    first: which frame of the voice the arrays begin with. kept: scope.Kept, of what the draws are to keep.
    """
    T = len(content)
    diffuses = generator.denoiser.diffuses  # if not: no noise, one pass, no guidance
    weights = guidance(prompted if diffuses else torch.zeros(T))
    starts, fade = windows(T)
    W = len(fade)
    cover = torch.zeros(T, 1)
    for start in starts:
        cover[start : start + W, 0] += fade
    # Every window, in each branch that has weight in it: without a prompt that is one branch.
    branches = [(start, k) for start in starts for k in range(3) if weights[start : start + W, k].abs().max() > 1e-4]
    cut = lambda todo, size: [todo[begin : begin + size] for begin in range(0, len(todo), size)]
    draws = [[(n, start, k) for start, k in branches] for n in range(len(seeds))]
    processor = torch.device(generator.device).type == "cpu"
    # On a processor a draw's batches are its own: rounding depends on a batch's size, and one of several draws is as it would be alone.
    batches = [batch for draw in draws for batch in cut(draw, EACH)] if processor else cut([part for draw in draws for part in draw], BATCH)
    scheduler = schedule(quality, 1.0 if kept is None else kept.begin) if diffuses else None
    timesteps = scheduler.timesteps if scheduler else torch.tensor([STEPS - 1])
    x = torch.zeros(len(seeds), T, CHANNELS)
    if scheduler:
        x = torch.stack([noise(T, seed, mouth(generator), first=first) for seed in seeds])
        x = x if kept is None else kept.start(x, scheduler, timesteps[0])
    seen_pins = (pins.values, pins.mask) if kept is None else kept.shown(pins)
    for number, step in enumerate(timesteps):
        clean = torch.zeros_like(x)

        def predict(batch, x=x, step=step):
            if cancelled():
                raise Cancelled
            noisy = torch.stack([x[n, s : s + W] for n, s, _ in batch])
            given = (torch.stack([a[s : s + W] for _, s, _ in batch]) for a in (content, feeling, *seen_pins))
            return denoise(generator, [k for *_, k in batch], step, beta, noisy, *given)

        with closing(spread(predict, batches, processor)) as predictions:
            for done, (batch, seen) in enumerate(zip(batches, predictions)):
                progress("diffusing", (number + done / len(batches)) / len(timesteps))
                for (n, start, k), window in zip(batch, seen):
                    clean[n, start : start + W] += window * (weights[start : start + W, k] * fade)[:, None]
        for n, own in enumerate(clean / cover):
            own = steady(own)
            clean[n] = pins.hold(own) if kept is None else kept.around(pins, own)
        if scheduler:
            x = scheduler.step(clean, step, x).prev_sample
    return clean  # the last prediction: what x is at the end, without rounding


@torch.no_grad()
def denoise(generator, branches, step, beta, *windows):
    """Predictions of clean Motion for n windows (noisy Motion, Content, Feeling, pins, mask: [n, W, ...]), each in its branch of the
    guidance [n] (0: G(), 1: G(A), 2: G(A, P)) -> [n, W, 65] on the CPU."""
    n, device = len(branches), generator.device
    noisy, content, feeling, pins, mask = (a.to(device) for a in windows)
    branch = torch.tensor(branches, device=device)
    return (
        generator.denoiser(
            noisy, step.expand(n).to(device), content, feeling, beta.to(device).expand(n, -1), pins, mask, branch > 0, branch > 1
        )
        .float()
        .cpu()
    )


def steady(clean):
    """Remove what no head and no eye does: a head has mass (nothing above some 3 Hz), and an eye rests between jumps."""
    clean[:, NECK] = torch.from_numpy(gaussian_filter1d(clean[:, NECK].numpy(), HEAD_CALM, axis=0, mode="nearest"))
    clean[:, EYES] = torch.from_numpy(median_filter(clean[:, EYES].numpy(), (EYES_CALM, 1), mode="nearest"))
    return clean


def limit(values):
    """Lids and tongue within 0..1; the jaw shut no further than the teeth allow."""
    values[:, LIDS] = values[:, LIDS].clamp(0, 1)
    values[:, TONGUE] = values[:, TONGUE].clamp(0, 1)
    values[:, JAW.start] = values[:, JAW.start].clamp(min=CLOSEST_JAW)
    return values
