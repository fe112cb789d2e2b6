"""Written notices as letters: what one says, with which fonts, printed apart from the process that asks for it."""
