"""Which files are voices, and which hold words."""

SOUND_SUFFIXES = (".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".au", ".caf", ".w64")
WORDS_SUFFIXES = (".txt", ".srt", ".vtt")
