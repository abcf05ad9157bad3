"""A film between two electrodes: what is known of it, and the constants of conduction."""

from __future__ import annotations

import math

import msgspec

from labctl.errors import BadInput

__all__ = [
    "BRINKMAN",
    "EPS0",
    "FOWLER",
    "FOWLER_A",
    "RICHARDSON",
    "SIMMONS",
    "TUNNEL",
    "Film",
    "K",
    "Q",
]  # fmt: skip

Q, K, H = 1.602176634e-19, 1.380649e-23, 6.62607015e-34  # C, J/K, J s: exact
M0, EPS0 = 9.1093837015e-31, 8.8541878128e-12  # kg, F/m: CODATA 2018
TUNNEL = 4 * math.pi * math.sqrt(2 * M0 * Q) / H  # 1.025e10 1/(m V^0.5)
SIMMONS = Q**2 / (2 * math.pi * H)  # A/V: 6.2e10 A/cm2 at 1 V and 1 angstrom
FOWLER = 8 * math.pi * math.sqrt(2 * M0 * Q) / (3 * H)  # 6.83e9 1/(m V^0.5)
FOWLER_A = Q**2 / (8 * math.pi * H)  # 1.54e-6 A/V
RICHARDSON = 4 * math.pi * Q * M0 * K**2 / H**3  # 1.20e6 A/(m2 K2)
BRINKMAN = 4 * math.sqrt(2 * M0 * Q) * 2 * math.pi / (3 * H)  # 1/(m V^0.5)


class Film(msgspec.Struct, frozen=True):
    """What is known of the film; a law derives only what this allows.

    Attributes
    ----------
    thickness
        m.
    area
        m^2.
    temperature
        K.
    mass
        Effective mass of the carriers over that of the free electron, for tunnelling and the
        Richardson constant.
    permittivity
        Static relative permittivity, for the mobility.
    optical
        Relative permittivities at optical frequency that are plausible: the squares of refractive
        indices.
    """

    thickness: float | None = None
    area: float | None = None
    temperature: float = 300.0
    mass: float = 1.0
    permittivity: float | None = None
    optical: tuple[float, float] = (2.0, 8.0)

    def check(self) -> None:
        """Refuse what no film has.

        Raises
        ------
        BadInput
            A number is not positive and finite.
        """
        for name in ("thickness", "area", "temperature", "mass", "permittivity"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise BadInput(f"a film with {name} = {value:g} was given; it must be positive")
        if not 1 <= self.optical[0] < self.optical[1]:
            raise BadInput(f"optical permittivities {self.optical} were given; 1 or more, rising")

    @property
    def kt(self) -> float:
        """Thermal voltage, V."""
        return K * self.temperature / Q
