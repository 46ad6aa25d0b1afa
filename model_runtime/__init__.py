"""Utter's model runtime: voice in, Motion out. Imports torch where it must, never bpy."""
