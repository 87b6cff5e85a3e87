"""From venues' frames to events on the bus."""
