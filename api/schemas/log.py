"""What proofs are asked for by."""

from __future__ import annotations

from api.schemas.fields import Shape
from api.schemas.reading import Number


class InclusionSchema(Shape):
    """Which leaf, in the tree of which size."""

    index = Number(required=True)
    size = Number(least=1)


class ConsistencySchema(Shape):
    """The tree of one size, and that of another that it grew into."""

    from_ = Number(required=True, data_key="from")
    to = Number()
