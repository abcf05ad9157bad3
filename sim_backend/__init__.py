"""The virtual lab: instruments that speak real SCPI, TSP and KXCI over models of real devices."""
