"""The contact sheet: a performance on one page, to be judged by eye: frames, and under them the voice and the lips."""

import bpy  # isort: skip  (first: it brings the next two)
import blf
import imbuf
import numpy as np
from scipy.ndimage import maximum_filter1d

COLUMNS = 6
CELL = 240, 300  # pixels, width and height
SPACE = 8
BAND = 150  # height of the waveform
CAPTION = 20
LETTERS, LINE = 13, 16  # of a caption: size, and from line to line
PITCH_PERIOD = 256  # samples over which the loudness is taken: a deep voice's period at 16 kHz and more
PAPER, INK, FAINT = (0.96, 0.96, 0.95), (0.13, 0.14, 0.16), (0.80, 0.81, 0.82)
VOICE, LIPS, PASSAGES = (0.45, 0.52, 0.62), (0.86, 0.33, 0.18), ((0.99, 0.93, 0.80), (0.88, 0.94, 0.88))  # passages take turns


def pick_frames(gap, count):
    """Indices of count frames, spread over the whole: one from each of count equal spans, in turn where the lips are
    closest and where they are widest apart. gap [T]; all frames where there are fewer."""
    if len(gap) <= count:
        return list(range(len(gap)))
    picked = []
    for span in range(count):  # the middle of each span, so that two picks are never neighbours
        begin, end = (round((span + part) * len(gap) / count) for part in (0.15, 0.85))
        piece = gap[begin : max(end, begin + 1)]
        picked.append(begin + int(np.argmax(piece) if span % 2 else np.argmin(piece)))
    return picked


def write_sheet(path, pictures, times, captions, samples, rate, gap, gap_times, passages=(), title=""):
    """Write the page as .png.

    pictures: paths of PNGs, taken at times [n] s and captioned with captions [n]; samples [N] at rate: the voice;
    gap [T] at gap_times [T] s: how far the lips are apart, 0 to 1; passages: {start, end, prompt} in seconds.
    """
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    width = SPACE + columns * (CELL[0] + SPACE)
    row_height = CELL[1] + CAPTION + SPACE
    top = SPACE + CAPTION + SPACE
    band_top = top + rows * row_height + CAPTION
    page = np.full((band_top + BAND + CAPTION + SPACE, width, 3), PAPER, np.float32)
    texts = [(SPACE, SPACE, title, 15)]

    for number, (picture, caption) in enumerate(zip(pictures, captions)):
        x, y = SPACE + number % columns * (CELL[0] + SPACE), top + number // columns * row_height
        page[y : y + CELL[1], x : x + CELL[0]] = read_picture(picture, CELL)
        texts.append((x, y + CELL[1] + 3, f"{number + 1}   {caption}", 13))

    band = page[band_top : band_top + BAND, SPACE : width - SPACE]
    seconds = max(len(samples) / rate, gap_times[-1])
    across = lambda time: int(np.clip(time / seconds, 0, 1) * (band.shape[1] - 1))
    for number, passage in enumerate(passages):
        band[:, across(passage["start"]) : across(passage["end"]) + 1] = PASSAGES[number % len(PASSAGES)]
        texts.append((SPACE + across(passage["start"]) + 4, band_top + BAND + 3, passage["prompt"], 13))
    for second in range(int(seconds) + 1):
        band[:, across(second)] = FAINT
    draw_wave(band, np.asarray(samples), seconds * rate)
    draw_curve(band, np.interp(np.linspace(0, seconds, band.shape[1]), gap_times, gap))
    for number, time in enumerate(times):
        band[:, across(time)] = band[:, across(time)] * 0.4 + np.array(INK) * 0.6
        texts.append((SPACE + across(time) - (4 if number < 9 else 8), band_top - CAPTION + 4, str(number + 1), 12))
    texts.append((width - 330, SPACE, "blue: the voice    red: how far the lips are apart", 13))
    write_captioned(path, page, texts)


def write_grid(path, pictures, captions, columns):
    """Write pictures (paths of PNGs of one size) in rows of `columns`, a caption under each, as .jpg or .png. Captions that are wider than
    a picture go on in a line below."""
    tiles = [read_picture(picture) for picture in pictures]
    height, width = tiles[0].shape[:2]
    lines = [wrapped(caption, width, LETTERS) for caption in captions]
    under = CAPTION + (max(map(len, lines)) - 1) * LINE
    rows = -(-len(tiles) // columns)
    page = np.full((SPACE + rows * (height + under + SPACE), SPACE + columns * (width + SPACE), 3), PAPER, np.float32)
    texts = []
    for number, (tile, own) in enumerate(zip(tiles, lines)):
        x, y = SPACE + number % columns * (width + SPACE), SPACE + number // columns * (height + under + SPACE)
        page[y : y + height, x : x + width] = tile
        texts += [(x, y + height + 3 + LINE * k, line, LETTERS) for k, line in enumerate(own)]
    write_captioned(path, page, texts)


def wrapped(text, width, size):
    """The lines of a text that is to be no wider than so many pixels, in letters of that size; a wider word has a line of its own."""
    blf.size(0, size)
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if lines[-1] and blf.dimensions(0, longer)[0] > width:
            lines.append(word)
        else:
            lines[-1] = longer
    return lines


def write_captioned(path, page, texts):
    """Write float32 [H,W,3] with texts (x, y from the top, text, size) as .jpg or .png."""
    drawn = path.with_suffix(".png")
    write_picture(drawn, page)
    write_texts(drawn, page.shape[0], texts)
    if path != drawn:
        write_picture(path, read_picture(drawn))
        drawn.unlink()


def draw_wave(band, samples, length):
    """Draw the loudness of samples over band [H,W,3], which is length samples wide, as a shape around its middle line."""
    height, columns = band.shape[:2]
    edges = np.linspace(0, length, columns + 1).astype(int)
    loudness = maximum_filter1d(np.abs(samples), max(PITCH_PERIOD, edges[1]))
    loudness = loudness / max(loudness.max(initial=0), 1e-6) * (height / 2 - 1)
    for column, sample in enumerate(edges[:-1]):
        if sample < len(loudness):
            reach = int(loudness[sample])
            band[height // 2 - reach : height // 2 + reach + 1, column] = VOICE


def draw_curve(band, values):
    """Draw values [W], 0 to 1, over band [H,W,3], three pixels thick and without gaps."""
    height = band.shape[0]
    rows = (height - 3 - np.clip(values, 0, 1) * (height - 6)).astype(int)
    for column in range(1, band.shape[1]):
        low, high = sorted((rows[column - 1], rows[column]))
        band[low - 1 : high + 2, column] = LIPS


def read_picture(path, size=None):
    """A PNG as float32 [H,W,3], as it looks on the screen, first row on top; scaled to size (width, height) if given."""
    image = bpy.data.images.load(str(path), check_existing=False)
    try:
        if size:
            image.scale(*size)
        width, height = image.size
        pixels = np.empty(width * height * image.channels, np.float32)
        image.pixels.foreach_get(pixels)
        return pixels.reshape(height, width, -1)[::-1, :, :3].copy()
    finally:
        bpy.data.images.remove(image)


def write_picture(path, page):
    """Write float32 [H,W,3], 0 to 1, as .jpg or .png."""
    height, width = page.shape[:2]
    image = bpy.data.images.new("page", width, height, alpha=False)
    try:
        pixels = np.ones((height, width, 4), np.float32)
        pixels[..., :3] = page[::-1]
        image.pixels.foreach_set(pixels.ravel())
        image.filepath_raw, image.file_format = str(path), "PNG" if path.suffix == ".png" else "JPEG"
        image.save(quality=88)  # of a .jpg
    finally:
        bpy.data.images.remove(image)


def write_texts(path, height, texts):
    """Write (x, y from the top, text, size) on the PNG, in Blender's own font."""
    buffer = imbuf.load(str(path))
    with blf.bind_imbuf(0, buffer, display_name="sRGB"):
        for x, y, text, size in texts:
            blf.size(0, size)
            blf.color(0, *INK, 1)
            blf.position(0, x, height - y - size, 0)
            blf.draw_buffer(0, text)
    imbuf.write(buffer, filepath=str(path))
