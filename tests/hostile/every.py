"""Every attack: importing this fills `ATTACKS`."""

from tests.hostile import (
    clocks,
    connections,
    exports,
    failing,
    figures,
    flooding,
    identity,
    largest,
    masking,
    storage,
    workbooks,
)
from tests.hostile.attack import ATTACKS

MODULES = (clocks, connections, exports, failing, figures, flooding, identity, largest, masking, storage, workbooks)
ALL = tuple(ATTACKS)
