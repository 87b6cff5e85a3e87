"""What belongs to Bitstamp alone and is not our side of its wire."""
