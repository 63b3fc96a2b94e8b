"""The implementation of the pages: a package for each page, and modules that they share."""
