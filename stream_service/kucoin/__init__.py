"""KuCoin's two interfaces: the frames of each, and what they tell alike."""
