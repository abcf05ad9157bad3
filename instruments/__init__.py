"""Bench drivers: one module per family of hardware, from waveform to hardware time and back."""
