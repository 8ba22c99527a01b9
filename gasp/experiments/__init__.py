"""Runs: their specifications and variants, the profile that lists them, their execution and storage."""
