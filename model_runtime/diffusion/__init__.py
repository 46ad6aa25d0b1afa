"""The generator: diffuses what the mouth says and what the face feels into Motion."""


def load_generator(device="cpu", path=None):
    """The Generator of a checkpoint, None: the shipped one. UtterError if it is missing, damaged, or made for another head."""
    from model_runtime.diffusion.generator import PATH, load

    return load(path or PATH, device)


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
    free=None,
):
    """Diffuse a performance -> values float32 [T, 65], with Pins around those; see sampler.sample and keyed.keyed."""
    from model_runtime.diffusion.keyed import keyed

    return keyed(generator, content30, feeling, prompted, beta, pins, seed, quality, progress, free, cancelled=cancelled, heard=heard)


def redraw(generator, content30, feeling, prompted, beta, present, first, stop, **options):
    """Draw frames and regions of a present performance anew -> float32 [n, T, 65]; see scope.redraw."""
    from model_runtime.diffusion.scope import redraw

    return redraw(generator, content30, feeling, prompted, beta, present, first, stop, **options)


def settled(pins, values):
    """(Pins without shift, which moved) where values [T, columns] come nearest to them; see pins.settled."""
    from model_runtime.diffusion.pins import settled

    return settled(pins, values)
