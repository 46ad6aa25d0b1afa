"""The built-in head from measured people: ICT-FaceKit light (USC Institute for Creative Technologies, MIT)."""
