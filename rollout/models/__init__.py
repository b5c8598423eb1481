"""The model registry: which models a site knows, which one is the champion, and how it became that."""
