"""What runs inside one process of a run on a real Kafka: the same `app`, with real clients behind it."""
