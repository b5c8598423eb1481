"""Where pictures come from: live cameras, recordings, photographs; and everything that can be wrong with them."""
