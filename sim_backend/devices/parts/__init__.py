"""Parts of device models: physics that several families share, each with tests of its own.

relaxation
    exponential, stretched, power-law and logarithmic decay in closed form; Arrhenius temperature
variation
    from cycle to cycle and from device to device; calibration to the spread of a conductance
fluctuation
    1/f and telegraph noise as functions of the device's age
noise
    thermal and shot noise of a reading; the 1/f noise of phase-change memory
wear
    life, stuck devices, closing window, breakdown by over-stress, forming
conduction
    laws of the current against the voltage, and their mean over a ramp
network
    a resistance in series, a capacitance in parallel
heating
    Joule temperature
steady
    tally and many equal turns of an element without memory
course
    pieces of a voltage's course, and many equal turns of a device that forgets
updates
    pulsed updates of a weight
"""
