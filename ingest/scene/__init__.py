"""What a fixed camera's picture shows: movement, light, whether the scene lives, and which pictures are sent. Pure."""
