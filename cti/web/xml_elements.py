"""The elements of a file's XML, one after the other, without a tree of them. A document type is refused: its entities
may hide cells, or unpack without end.
"""

from collections.abc import Callable, Iterable
from xml.parsers import expat


def read_elements(
    chunks: Iterable[bytes],
    element: Callable[[str, dict[str, str]], None],
    text: Callable[[str], None] | None = None,
    end: Callable[[str], None] | None = None,
) -> None:
    """`element`: given the name with its prefix, and the attributes. `text`: in whatever pieces it comes. Raises
    ValueError for what is no XML.
    """
    parser = expat.ParserCreate()
    parser.StartElementHandler = element
    parser.CharacterDataHandler, parser.EndElementHandler = text, end
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
        parser.Parse(b"", True)
    except (expat.ExpatError, LookupError) as error:
        raise ValueError(f"no XML: {error}") from error


def _refuse_document_type(*_: object) -> None:
    raise ValueError("a document type, which may hide cells")
