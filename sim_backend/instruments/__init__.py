"""Virtual instruments: front panels over the analogue core, one family a group of modules."""
