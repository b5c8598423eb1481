"""What is made, signed or sealed with keys: a box's credentials, models, secrets of the database."""
