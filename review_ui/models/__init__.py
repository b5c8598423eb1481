"""Models in use, their datasheets, and a photo to try them on."""
