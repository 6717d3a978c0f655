"""A network on a device: precision, batches, self-check, memory."""
