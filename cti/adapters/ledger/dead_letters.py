"""Dead letters: entries that could not be used, byte for byte."""

from cti.adapters.ledger.bulk import insertion
from cti.adapters.ledger.tables import dead_letters

insert_dead_letters = insertion(dead_letters)
