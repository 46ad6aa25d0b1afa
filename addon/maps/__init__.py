"""Rig maps: which shape keys of a character follow which movements of a performance, and by how much. Arrays and JSON only, no Blender."""
