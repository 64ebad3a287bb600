"""Reading model specs."""
