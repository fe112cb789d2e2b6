"""Dead letters: entries that could not be used, byte for byte."""

from cti.adapters.ledger.bulk import Insertion
from cti.adapters.ledger.tables import dead_letters

insert_dead_letters = Insertion(dead_letters)
