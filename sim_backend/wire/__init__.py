"""The wire: TSP, SCPI and KXCI without I/O, status registers, and the port they arrive at."""
