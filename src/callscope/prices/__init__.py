"""What providers charge, and what a call's usage comes to. Pure: values in, values out."""
