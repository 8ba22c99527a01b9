"""Losses, training with exact resume, evaluation, devices."""
