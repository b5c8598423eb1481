"""A site as one archive, and back again."""
