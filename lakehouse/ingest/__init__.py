"""A batch of Bronze's files as one DataFrame, and what of them did not fit."""
