"""What a service sees of the world: `app`, its producer and its consumer, and the errors they raise."""
