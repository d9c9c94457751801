"""What all formats share: reading what was given, and putting what they make of it on disk."""
