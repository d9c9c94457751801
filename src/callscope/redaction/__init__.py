"""What may be written of a call: secrets, personal data, phone numbers; no I/O, no clock."""
