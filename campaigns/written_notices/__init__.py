"""Written notices: one for each contact that calling did not reach."""
