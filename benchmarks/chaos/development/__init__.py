"""The half of the corpus that may be looked at while the explorer is tuned."""
