"""Runs: their specification and variants, the profile that lists them, how they are executed and stored."""
