"""Losses, training that resumes exactly, evaluation, measures of binding, attributions, and devices."""
