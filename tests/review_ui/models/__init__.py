"""The pages and the API of models."""
