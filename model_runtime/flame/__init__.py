"""Heads in FLAME's format: files, skinning, fitting, face actions, and maps from one head to another."""
