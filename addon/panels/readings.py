"""What the prompts, clips and the voice felt like when they were last performed, in a line and as small bars."""

from ..contract import LABELS

NAMES = (*LABELS, "strength", "arousal", "control")
LEAST, MUCH = 0.05, 0.3  # a share below these is not worth a bar, a word


def keep(settings, given):
    """Keep the readings of a PerformResult with the head; those of texts that were not performed this time are gone."""
    settings.readings.clear()
    for of, told in given.items():
        reading = settings.readings.add()
        reading.of = of
        for name, value in {**told["emotion"], **told}.items():
            if name in NAMES:
                setattr(reading, name, value)


def find(settings, of):
    """The reading of a prompt's text or a clip's path ("": of the voice), or None."""
    return next((reading for reading in settings.readings if reading.of == of), None)


def line(settings, of, heading):
    """What was read or heard, in a few words, such as "Read as angry, strength 0.79"; "" where nothing is known."""
    reading = find(settings, of)
    if reading is None:
        return ""
    shares = sorted(((getattr(reading, name), name) for name in LABELS), reverse=True)
    named = " and ".join(name for share, name in shares if share >= MUCH) or shares[0][1]
    return f"{heading} {named}, strength {reading.strength:.2f}" if reading.strength else f"{heading} nothing"


def draw(layout, settings, of, heading):
    """Bars of the emotions that were read or heard, the strongest first, and of strength, arousal and control; nothing where nothing
    is known. They are of the last performance: a text that has changed since has none."""
    reading = find(settings, of)
    if reading is None:
        return
    box = layout.box()
    box.label(text=heading if reading.strength else f"{heading}: nothing")
    shares = sorted(((getattr(reading, name), name) for name in LABELS), reverse=True)
    column = box.column(align=True)
    for share, name in [pair for pair in shares if pair[0] >= LEAST] if reading.strength else ():
        bar(column, name, share)
    column = box.column(align=True)
    for name in NAMES[len(LABELS) :]:
        bar(column, name, getattr(reading, name))


def bar(layout, name, value):
    """One bar, 0 to 1, with its name before it."""
    row = layout.split(factor=0.35)
    row.label(text=name.title())
    row.progress(factor=value, type="BAR", text=f"{value:.2f}")
