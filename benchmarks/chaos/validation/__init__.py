"""The set that was frozen before the explorer was tuned for the first time; it has been looked at since."""
