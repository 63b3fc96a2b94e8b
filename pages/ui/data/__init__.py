"""The views of the Data page: listen, all data sets, and upload."""
