"""Files in, grouped batches out. Reading needs no MXNet; vocabularies and the loader do."""
