"""What people read when a run is over."""
