"""The set that was written to be looked at while the explorer is tuned."""
