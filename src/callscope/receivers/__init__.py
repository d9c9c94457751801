"""What others send while their calls go on, kept and made into calls."""
