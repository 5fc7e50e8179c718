"""The producer client: batches, retries, idempotence."""
