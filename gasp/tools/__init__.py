"""Tools beside the book: benchmarks, a check of the installation, and the fault rig."""
