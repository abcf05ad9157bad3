"""Compiled kernels of the analysis; see `labctl.kernels`."""
