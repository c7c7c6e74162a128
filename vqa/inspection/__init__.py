"""A predictions table in; terminal tables, top losses, an HTML gallery and plots out."""
