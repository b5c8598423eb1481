"""What a model is: values and files that decide a score, and what its logits mean. Runs nothing."""
