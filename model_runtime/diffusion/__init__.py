"""The generator: what the mouth says and the face feels, diffused into Motion."""


def load_generator(device="cpu"):
    """The shipped Generator (generator.py). UtterError if the weights are missing, damaged, or made for another head."""
    from model_runtime.diffusion.generator import load

    return load(device=device)


def sample(generator, content30, feeling, prompted, beta, pins=None, seed=0, quality="final",
           progress=lambda stage, fraction: None, cancelled=lambda: False):
    """Diffuse a performance -> values float32 [T, 65]; see sampler.sample."""
    from model_runtime.diffusion.sampler import sample

    return sample(generator, content30, feeling, prompted, beta, pins, seed, quality, progress, cancelled)
