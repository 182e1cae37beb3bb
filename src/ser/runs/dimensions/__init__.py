"""What a run of task=dimensions leaves, where it differs from one of emotions."""
