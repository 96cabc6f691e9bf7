"""Quantities as Kubernetes writes them."""

from __future__ import annotations

from decimal import Decimal
from typing import Final

_FACTORS: Final = {
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate(("", "k", "M", "G", "T", "P", "E"))},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate(("", "K", "M", "G", "T", "P", "E")) if unit},
}


def bytes_of(quantity: str) -> Decimal:
    """Return the number that a Kubernetes quantity (``10Gi``, ``500M``, ``1e3``) stands for.

    Raises
    ------
    ValueError
        It is none.
    """
    number = quantity.rstrip("mkKMGTPEi")
    unit = quantity[len(number) :]
    try:
        return Decimal(number) * _FACTORS[unit]
    except (ArithmeticError, KeyError) as error:
        raise ValueError(f"{quantity} is no quantity") from error
