"""The protocol catalogue: one module per published kind of measurement."""
