"""Boxes: machines at campsites that read cameras and push their frames, and may do nothing else."""
