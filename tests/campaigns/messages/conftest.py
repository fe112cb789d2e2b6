"""A product with campaigns on each of the two databases."""

from tests.campaigns.dialler.conftest import product

__all__ = ["product"]
