"""How good a model is: scores, figures with their uncertainty, baselines, and a report for people."""
