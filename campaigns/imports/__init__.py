"""Lists of contacts: a file as it comes becomes contacts, or rows that come back."""
