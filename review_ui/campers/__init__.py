"""The public page of a campsite."""
