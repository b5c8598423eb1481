"""What runs a model: pictures in, logits out."""
