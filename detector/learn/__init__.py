"""How a model is made: labelled pictures in, a model bundle with its datasheet out."""
