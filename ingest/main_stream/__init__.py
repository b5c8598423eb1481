"""A camera's main stream: read without decoding it, kept for some seconds, and looked into when somebody asks."""
