"""What differs between Blender versions; nothing else asks bpy.app.version."""
