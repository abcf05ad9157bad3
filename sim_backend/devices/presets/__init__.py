"""Presets of the device families: TOML files, every number with its grade and its source."""
