"""From a camera to frames on the stream. Runs on a small box: no database, no torch."""
