"""Runs: trained, loaded, predicted, reported; and the predictions table. Tables and files need no MXNet."""
