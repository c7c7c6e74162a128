"""The definitions of record for every number that is printed. NumPy and pandas only, never MXNet."""
