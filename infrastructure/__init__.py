"""What the services stand on: actors, the bus, the store, logs and retries."""
