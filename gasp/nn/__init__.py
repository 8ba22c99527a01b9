"""The mathematics of the models: Kuramoto dynamics, the spatial neighbourhood, phase-modulated layers."""
