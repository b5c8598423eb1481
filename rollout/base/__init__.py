"""The ground of the rollout: plain values and small rules that everything above may use, and that use none of it."""
