"""Which files are voices, which hold words, and which show a face or its movement."""

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".au", ".caf", ".w64")
FILM_SUFFIXES = (  # videos, photos, ARKit curves; what else FFmpeg reads may be named by itself
    *(".mp4", ".mov", ".m4v", ".mkv", ".webm", ".avi", ".mts", ".m2ts", ".mpg", ".mpeg", ".wmv", ".mxf"),
    *(".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".csv"),
)
WORDS_SUFFIXES = (".txt", ".srt", ".vtt")
MOTION_SUFFIXES = (".npz", ".json")  # a Motion, or face actions as the verb `actions` writes them
