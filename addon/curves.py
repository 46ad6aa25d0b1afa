"""Motion at 30 fps <-> samples at the scene's frame rate. Pure numpy.

(signatures; bodies follow)
"""
CHANNELS = 65
FPS = 30.0


def resample(values, fps, start_frame, gap=None):
    """Motion [T,65] at 30 fps -> (frames [N] whole scene frames float64, samples [N,65] float32) at fps.

    The first frame is start_frame (the moment 0), the last one covers the end of the motion. Lip closures and blinks
    that are a single 30-fps frame long still shut at any fps: see warp(). gap [T]: lip gap per frame, 0 shut.
    """
    raise NotImplementedError


def pins(frames, channels, values, start_frame, fps, length):
    """Keys of the artist -> (values [length,65] float32, mask [length,65] bool) at 30 fps.

    frames, channels, values [K]: scene frame, Motion channel and value of each key.
    """
    raise NotImplementedError
