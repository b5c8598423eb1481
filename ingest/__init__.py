"""From a camera to frames on the stream. Runs on a small box: no database, no torch.

A picture's way: ``camera`` (``stream``, ``arrivals``) reads it, ``liveness`` judges whether the camera sees, ``frames``
sends it through ``motion`` and ``sampler``, it waits in ``spool``, ``sender`` puts it on the stream. ``watch`` holds
one camera's thread, ``worker`` the process. ``recorded`` takes recordings through the same ``frames``.
"""
