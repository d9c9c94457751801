"""What a call is: frozen values and their wire form. No I/O, no clock, no environment."""
