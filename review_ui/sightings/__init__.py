"""What rangers saw with their own eyes, sealed before the model's opinion is shown."""
