"""What can be shown of how a recogniser answers: its last layer, and where it listened."""
