"""The three parts of the Data page."""
