"""Copies of a photo, as people and programs make them."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageEnhance


def same_bytes(source: Path, target: Path) -> None:
    target.write_bytes(source.read_bytes())


def saved_again(source: Path, target: Path, quality: int = 60) -> None:
    with Image.open(source) as image:
        image.convert("RGB").save(target, quality=quality)


def resized(source: Path, target: Path, share: float = 0.5) -> None:
    with Image.open(source) as image:
        size = (round(image.width * share), round(image.height * share))
        image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(target, quality=85)


def toned(source: Path, target: Path, by: float = 1.15) -> None:
    """Brighter, of more contrast and more colourful, as `-edited` copies are."""
    with Image.open(source) as image:
        picture = image.convert("RGB")
    for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
        picture = enhance(picture).enhance(by)
    picture.save(target, quality=85)
