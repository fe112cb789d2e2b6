"""Which of the media types we offer does the client want (RFC 9110, section 12.5.1)."""

from collections.abc import Sequence

from cti.web.refusal import Refusal

RANGES_MAX = 32


def wanted(accept: str | None, offered: Sequence[str]) -> str:
    """The best of `offered`; the first one when the client does not care. Raises Refusal `not_acceptable`."""
    if accept is None or not accept.strip() or accept.strip() == "*/*":
        return offered[0]
    ranges = [_range(each) for each in accept.split(",")[:RANGES_MAX]]
    best, best_quality = offered[0], 0.0
    for media in offered:
        quality = _quality(media, ranges)
        if quality > best_quality:
            best, best_quality = media, quality
    if best_quality <= 0.0:
        raise Refusal("not_acceptable", f"Can be given here: {', '.join(offered)}")
    return best


def _range(text: str) -> tuple[str, float]:
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return media, min(1.0, max(0.0, float(parameter[2:])))
            except ValueError:
                return media, 0.0
    return media, 1.0


def _quality(media: str, ranges: Sequence[tuple[str, float]]) -> float:
    """The quality of the most specific range that takes `media`."""
    family = media.split("/", maxsplit=1)[0] + "/*"
    for pattern in (media, family, "*/*"):
        for taken, quality in ranges:
            if taken == pattern:
                return quality
    return 0.0
