"""Layers of a folded network: what a batch norm leaves, and residual units without one."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn


class BiasMap(nn.Module):
    """Add a constant map (1, c, h, w): the shift of a batch norm that met zero padding.

    Attributes:
        margin: rows and columns at each side that see padding; the others are all alike.
        border: only those are added, see :meth:`split`.
    """

    def __init__(self, values: Tensor, margin: int, *, border: bool = False) -> None:
        """Take the map as it is, (1, c, h, w) float32."""
        super().__init__()
        self.values = nn.Parameter(values, requires_grad=False)
        self.margin = margin
        self.border = border

    def split(self) -> Tensor | None:
        """Give away what is added at all places but the border, (c,) float32; keep the rest.

        None, and nothing is given away, where there is nothing but border.
        """
        if self.border or 2 * self.margin >= min(self.values.shape[2:]):
            return None
        inner = self.values.data[0, :, self.margin, self.margin].clone()
        self.values.data -= inner.reshape(-1, 1, 1)
        self.border = True
        return inner

    def forward(self, x: Tensor) -> Tensor:
        """Change ``x`` (n, c, h, w) in place; it is always a fresh convolution result."""
        if not self.border:
            return x.add_(self.values)
        for part in self._sides():
            x[part].add_(self.values[part])
        return x

    def _sides(self) -> Iterator[tuple[slice, ...]]:
        """The border in four parts that do not overlap."""
        whole, first, last = slice(None), slice(self.margin), slice(-self.margin, None)
        middle = slice(self.margin, -self.margin)
        for rows, columns in ((first, whole), (last, whole), (middle, first), (middle, last)):
            yield whole, whole, rows, columns


class Subsample(nn.Module):
    """Every ``stride``-th pixel, without a copy: what 1x1 max pooling does."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, a view (n, c, h / stride, w / stride) out."""
        return x[:, :, :: self.stride, :: self.stride]


class FoldedUnit(nn.Module):
    """Residual branch plus shortcut."""

    def __init__(self, residual: nn.Sequential, shortcut: nn.Sequential | None) -> None:
        super().__init__()
        self.residual = residual
        self.shortcut = shortcut

    def forward(self, x: Tensor) -> Tensor:
        """(n, c, h, w) in, (n, c', h', w') out."""
        y: Tensor = self.residual(x)
        return y if self.shortcut is None else y.add_(self.shortcut(x))
