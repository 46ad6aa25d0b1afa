"""Sculpts the built-in head: surface -> mesh -> rig, parts, basis -> head."""
