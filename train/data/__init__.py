"""Training data: one file a dataset, and the line from their files to batches."""
