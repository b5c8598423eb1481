"""The sections of the reports, one subject a file."""
