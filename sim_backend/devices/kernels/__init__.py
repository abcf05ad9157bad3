"""Compiled kernels of the devices; see `labctl.kernels`."""
