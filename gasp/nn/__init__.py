"""The mathematics: Kuramoto dynamics, the spatial neighbourhood, phase-modulated layers."""
